// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice Whether an address is a node of the network.
enum NodeStatus {
    /// Not registered, or gone with its bond.
    None,
    /// May commit updates.
    Active,
    /// Asked to exit; its bond is still held.
    Exiting,
    /// Its bond no longer covers its data set: may not commit until it is topped up.
    Suspended
}
