// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice What a finalized round earned. Zeros if nothing.
struct RoundCredit {
    // slot 0
    uint128 totalNano; // sum of the credits, in 1e-9 of loss
    // slot 1
    uint256 bitmap; // bit i: the i-th contribution has a positive credit
}
