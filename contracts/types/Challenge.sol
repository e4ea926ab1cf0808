// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice What the contributions of a round are measured against.
struct Challenge {
    bytes32 digest; // SHA-256 of the challenge file
    string cid; // of the challenge file
    uint128 unit; // loss per unit of agreement with the common direction, 2^-64 fixed point
    uint64 baseLossNano; // loss of the base on the challenge examples, in 1e-9
    uint64 candidateLossNano; // loss of the candidate on the same examples
    bytes commonCommitment; // KZG commitment to the common direction, 64 bytes
    bytes[] taskCommitments; // to every task's direction, in the order of the tasks
    bytes directions; // the directions: common as int8, then every task's packed, two bits a coordinate
}
