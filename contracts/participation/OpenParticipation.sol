// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IParticipation } from "../interfaces/IParticipation.sol";

/// @title OpenParticipation
/// @notice Whoever posts the bond may join.
contract OpenParticipation is IParticipation {
    /// @inheritdoc IParticipation
    function isAdmitted(address, uint8, uint32) external pure override returns (bool) {
        return true;
    }
}
