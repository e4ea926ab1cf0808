// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { MissingReason } from "./MissingReason.sol";
import { Outcome } from "./Outcome.sol";

/// @notice What one node has in one round, as the views tell it; `Record` is how it is stored.
struct Contribution {
    address node;
    uint32 numExamples;
    int8 exponent; // as committed
    uint8 task; // as registered when it was committed
    uint8 clipShift; // powers of two by which the aggregate lowers the exponent
    MissingReason missing;
    Outcome outcome;
    int16 alignmentBps; // proven alignment with its own task's direction, in basis points
    bytes32 digest; // SHA-256 of the update file
    bytes32 sampleKey; // keccak256 of the commitment to the update at the sample; 0 without one
    int128 shareNano; // improvement share, in 1e-9 of loss; 0 unless it was accepted, or harmful
}
