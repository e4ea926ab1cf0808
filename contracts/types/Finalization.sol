// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice How a round ends.
struct Finalization {
    bytes32 checkpointDigest; // SHA-256 of the new checkpoint; the base's if that is kept
    string checkpointCid; // not read if the base is kept
    bytes32 reportDigest; // SHA-256 of the round report
    string reportCid;
    uint64 aggregateLossNano; // loss of the aggregate of all accepted contributions, in 1e-9
    uint64 finalLossNano; // loss of the round's checkpoint
    uint256 harmfulBitmap; // bit i: the i-th contribution (in commit order) is left out by the gate
}
