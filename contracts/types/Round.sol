// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Phase } from "./Phase.sol";

/// @notice A round as the chain keeps it. What a phase has not reached yet is zero.
struct Round {
    // slot 0: what every step reads and writes
    Phase phase;
    bool baseKept; // finalized without a new checkpoint
    uint8 taskCount; // tasks of the network when the round was opened
    uint16 count; // contributions
    uint16 samples; // contributions with a sample
    uint16 available; // contributions in the candidate
    uint16 proven; // available contributions with a valid proof
    uint16 accepted; // proven contributions that were admitted
    uint32 parametersVersion; // the rules that it was opened with
    uint40 openedAt; // seconds
    /// Seconds. Committing: last second to commit. Sampling, and Sealed before the draw: last second
    /// before anyone may abort. Collecting: last second to commit a sample. Sealed after the draw: last
    /// second to publish the challenge. Proving: last second to prove.
    uint40 deadline;
    bool lapsed; // aborted after its commit window, below the quorum
    // slot 1
    uint64 closingBlock; // its hash draws the sample
    uint64 sealBlock; // its hash draws the challenge
    uint64 totalWeight; // sum of the weights of the available contributions
    uint64 weightCap; // most that one contribution weighs: weight = min(numExamples, weightCap)
    // slot 2: losses on the challenge examples, in 1e-9
    uint64 baseLossNano;
    uint64 candidateLossNano;
    uint64 aggregateLossNano; // of the aggregate of all accepted contributions
    uint64 finalLossNano; // of the round's checkpoint
    // slot 3
    uint128 unit; // loss per unit of agreement, 2^-64 fixed point
    uint128 creditNano; // sum of the credits that the round earned, in 1e-9 of loss
    // slots 4 to 11
    bytes32 baseDigest;
    bytes32 poolRoot; // Merkle root of the pool's frames
    bytes32 sampleSeed;
    bytes32 candidateDigest;
    bytes32 challengeSeed;
    bytes32 challengeDigest;
    /// keccak256 of the commitment to the common direction; 0 once the round is finalized, when its slot keeps
    /// which contributions earned credits.
    bytes32 commonKey;
    bytes32 checkpointDigest;
}
