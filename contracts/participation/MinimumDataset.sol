// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IParticipation } from "../interfaces/IParticipation.sol";

/// @title MinimumDataset
/// @notice Whoever registers enough examples, and bonds for them, may join.
contract MinimumDataset is IParticipation {
    /// @notice Fewest examples that a node must register.
    uint32 public immutable minimum;

    /// @notice Fixes the minimum.
    constructor(uint32 minimum_) {
        minimum = minimum_;
    }

    /// @inheritdoc IParticipation
    function isAdmitted(address, uint8, uint32 datasetSize) external view override returns (bool) {
        return datasetSize >= minimum;
    }
}
