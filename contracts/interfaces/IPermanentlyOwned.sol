// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title A contract that always has an owner
/// @notice Its ownership moves in two steps, and cannot be given up: without an owner a lost coordinator's key, for
/// example, would end a network.
interface IPermanentlyOwned {
    /// @notice Ownership can be passed on, not given up.
    error PermanentlyOwned_CannotRenounce();
}
