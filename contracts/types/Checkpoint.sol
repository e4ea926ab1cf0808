// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice A published global model. Its CID is in its `CheckpointPublished` event.
struct Checkpoint {
    bytes32 parent; // digest of the checkpoint that it grew from; 0 for the first one
    uint64 round; // that produced it; 0 for the first one
    uint64 publishedAt; // seconds; 0 if there is no such checkpoint
}
