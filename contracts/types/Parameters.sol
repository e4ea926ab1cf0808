// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice The rules of a round: those of its network when it was opened.
struct Parameters {
    // slot 0: what the steps up to the proof read
    uint32 minCommitWindow; // seconds that a quorum waits for the others
    uint32 commitWindow; // seconds from opening to the commit deadline
    uint32 collectWindow; // seconds to draw the sample, and again to commit it and to upload
    uint32 provingWindow; // seconds from the published challenge to the proving deadline
    uint16 quorum; // fewest commitments that make a round
    uint16 maxNodes; // most commitments in a round, at most 256
    int8 minExponent; // of an update's power-of-two scale, also after its clip shift
    int8 maxExponent; // at most 16 above minExponent
    uint16 maxWeightShareBps; // most that one node may weigh, in basis points of the round's examples
    uint8 zMin; // standard deviations of noise that an admitted alignment exceeds
    uint32 sealWindow; // seconds that the coordinator has for the seal after the collect deadline
    // slot 1
    uint32 challengeWindow; // seconds to draw the challenge, and again to publish it
    uint32 finalizeWindow; // seconds that the coordinator has to finalize after the proving deadline
    uint64 maxRegressionNano; // loss above the base's that the gate lets pass, in 1e-9
    uint64 parameterCount; // trainable parameters, from which the sample is drawn; never changes
    uint32 framesPerTask; // examples of each task in a challenge
}
