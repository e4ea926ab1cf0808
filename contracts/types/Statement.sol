// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice The public values of an alignment proof.
/// @dev Says: the prover knows d in [-127, 127]^m, committed in the point behind `sampleKey`, with the
/// four sums below, for the directions v and t committed in the points behind the other two keys.
struct Statement {
    bytes32 commonKey; // keccak256 of the 64-byte commitment to the common direction v
    bytes32 taskKey; // keccak256 of the 64-byte commitment to the task's direction t
    bytes32 sampleKey; // keccak256 of the 64-byte commitment to d
    int256 common; // A = sum of v_j d_j
    int256 task; // T = sum of t_j d_j
    uint256 square; // Q = sum of d_j squared
    uint256 absolute; // L = sum of |d_j|
    uint256 context; // ties the proof to a chain, a registry, a round and a node
}
