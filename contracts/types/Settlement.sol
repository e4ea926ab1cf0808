// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice What a vault pays for one round. Zeros before it is settled.
struct Settlement {
    // slot 0
    uint128 payout; // what the round pays in all; 0 also after an upheld objection
    uint128 unpaid; // of that, what is not claimed yet
    // slot 1
    uint128 totalNano; // sum of the round's credits
    uint64 opensAt; // seconds: until then objections, from then on claims; every objection moves it
    uint8 objections; // filed so far; the last one may be open
    // slot 2
    uint256 unclaimed; // bit i: the i-th contribution has not claimed its part
}
