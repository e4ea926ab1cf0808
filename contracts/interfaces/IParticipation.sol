// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Who may join
/// @notice One rule, chosen when the network is deployed. Bond and bounds of the node registry hold besides.
interface IParticipation {
    /// @notice Whether this node may join for this task with this many examples.
    function isAdmitted(address node, uint8 task, uint32 datasetSize) external view returns (bool);
}
