// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice What the walk over a round's contributions at its end goes by, and what it finds. Only in memory.
struct Tally {
    uint256 harmful; // bit i: the gate leaves the i-th contribution out
    bool isCredited; // whether there is a new checkpoint
    int128 boundNano; // most that a share counts for, either way
    uint256 accepted; // bit i: the i-th contribution was proven and admitted
    uint256 credited; // bit i: it has a positive credit
    uint256 totalNano; // sum of the credits
    uint256 provenTasks; // a bit for each: there are at most 255
}
