// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice What a node did not do although it had committed. Only what the chain sees itself.
enum FaultReason {
    /// No sample was on chain when the round was sealed.
    NoSample,
    /// Available, but not proven in time, while another node proved on the same task.
    NotProven
}
