// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { NodeStatus } from "./NodeStatus.sol";

/// @notice A registered node, in one slot. Its node key is in its newest `NodeJoined` event.
struct Node {
    NodeStatus status;
    uint8 task; // position in the list of tasks
    uint32 datasetSize; // training examples, the upper bound of a contribution's weight
    uint40 joinedAt; // seconds: since when it is active; anew when it comes back from a suspension
    uint40 exitAt; // seconds: from then on the bond may be withdrawn; 0 unless exiting
    uint16 place; // in the list of active nodes, while it is one
    uint96 bond; // wei
}
