// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice When a checkpoint was published, and by which round: its parent is that round's base.
struct Publication {
    uint64 round; // 0 for the first one
    uint64 publishedAt; // seconds; 0 if there is no such checkpoint
}
