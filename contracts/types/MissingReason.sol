// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice Why an update is missing from the candidate.
/// @dev Only NoSample is something that the chain sees itself; the others are the coordinator's word,
/// and an audit's subject.
enum MissingReason {
    /// It is not missing: the update is available.
    None,
    NotUploaded,
    BadSignature,
    DigestMismatch,
    WrongShape,
    WrongMetadata,
    TensorNorm,
    SampleMismatch,
    NearCopy,
    NoSample
}
