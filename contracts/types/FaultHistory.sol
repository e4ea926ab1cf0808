// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice A node's newest faults, since the last one that cost it part of its bond.
struct FaultHistory {
    uint64 lastRound; // of the newest fault; 0 without one
    uint64 recent; // bit i: a fault in round `lastRound - i`
}
