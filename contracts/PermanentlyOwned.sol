// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IPermanentlyOwned } from "./interfaces/IPermanentlyOwned.sol";
import { Ownable } from "@openzeppelin/contracts/access/Ownable.sol";
import { Ownable2Step } from "@openzeppelin/contracts/access/Ownable2Step.sol";

/// @title PermanentlyOwned
/// @notice Ownership that moves in two steps and never ends.
abstract contract PermanentlyOwned is IPermanentlyOwned, Ownable2Step {
    /// @notice Always reverts, whoever calls.
    /// @inheritdoc Ownable
    function renounceOwnership() public pure override {
        revert PermanentlyOwned_CannotRenounce();
    }
}
