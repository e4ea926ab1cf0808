// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { PermanentlyOwned } from "../PermanentlyOwned.sol";
import { IParticipation } from "../interfaces/IParticipation.sol";
import { Ownable } from "@openzeppelin/contracts/access/Ownable.sol";

/// @title AllowList
/// @notice Whom the owner has named may join. Taking a name off keeps nobody out who has joined.
contract AllowList is IParticipation, PermanentlyOwned {
    /// @notice Whether an account may join.
    mapping(address account => bool) public isAllowed;

    /// @notice An account may join from now on, or no longer.
    event Allowed(address indexed account, bool allowed);

    /// @notice Starts with nobody on the list.
    /// @param owner_ Who keeps the list.
    constructor(address owner_) Ownable(owner_) { }

    /// @notice Puts an account on the list, or takes it off.
    function allow(address account, bool allowed) external onlyOwner {
        isAllowed[account] = allowed;
        emit Allowed(account, allowed);
    }

    /// @inheritdoc IParticipation
    function isAdmitted(address node, uint8, uint32) external view override returns (bool) {
        return isAllowed[node];
    }
}
