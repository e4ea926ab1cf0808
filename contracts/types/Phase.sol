// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice Where a round is. It only moves forward.
enum Phase {
    /// There is no such round.
    None,
    /// Nodes put the digests of their updates on chain.
    Committing,
    /// Commitments are closed; the sample waits for a later block's hash.
    Sampling,
    /// Nodes commit their updates at the sample and upload them.
    Collecting,
    /// The candidate is fixed; the challenge is drawn, then published.
    Sealed,
    /// Nodes prove their contributions.
    Proving,
    /// Over, with a result that never changes.
    Finalized,
    /// Over, without a result; the next round starts from the same base.
    Aborted
}
