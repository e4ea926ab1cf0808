// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { NodeStatus } from "./NodeStatus.sol";

/// @notice A registered node.
struct Node {
    // slot 0
    NodeStatus status;
    uint8 task; // position in the list of tasks
    uint32 datasetSize; // training examples, the upper bound of a contribution's weight
    uint64 joinedAt; // seconds
    uint64 exitAt; // seconds: from then on the bond may be withdrawn; 0 unless exiting
    // slot 1
    uint256 bond; // wei
    // slot 2 …
    bytes nodeKey; // DER public key with which the node logs in to the SuperLink
}
