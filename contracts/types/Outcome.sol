// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice What became of a contribution.
enum Outcome {
    /// Not decided yet.
    None,
    /// Proven and admitted: aggregated, unless the base was kept. What it earns is in ContributionSettled.
    Accepted,
    /// Proven, but not aligned with the direction of its own task: not aggregated, not paid.
    BelowThreshold,
    /// Available, but without a proof at the deadline.
    NotProven,
    /// Did not arrive, or did not match its commitment: see its MissingReason.
    Missing,
    /// Proven and admitted, but left out by the gate, as the coordinator says; with a kept base it means nothing else.
    Harmful
}
