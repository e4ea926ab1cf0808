// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Contribution } from "./Contribution.sol";
import { MissingReason } from "./MissingReason.sol";
import { Outcome } from "./Outcome.sol";

/// @notice A contribution as it is stored: under its digest, which it therefore does not hold.
struct Record {
    // slot 0: what the seal, the proof and the settlement read and write
    address node;
    uint32 numExamples;
    int8 exponent;
    uint8 task;
    uint8 clipShift;
    MissingReason missing;
    Outcome outcome;
    int16 alignmentBps;
    uint8 index; // place in the order of commitment
    // slot 1
    bytes32 sampleKey;
    // slot 2
    int128 shareNano;
}

using { toContribution } for Record global;

/// @notice The contribution with the digest that it is stored under.
function toContribution(Record storage record, bytes32 digest) view returns (Contribution memory) {
    return Contribution({
        node: record.node,
        numExamples: record.numExamples,
        exponent: record.exponent,
        task: record.task,
        clipShift: record.clipShift,
        missing: record.missing,
        outcome: record.outcome,
        alignmentBps: record.alignmentBps,
        digest: digest,
        sampleKey: record.sampleKey,
        shareNano: record.shareNano
    });
}
