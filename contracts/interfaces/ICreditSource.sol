// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Who earned what part of a round
/// @notice What a vault has to know in order to pay.
/// @dev A round that is over never changes. The credits of a round add up to its total, and its bitmap has
/// a bit for each positive one. A node's negative shares are a debt that its later ones pay off first; a
/// round whose base was kept changes neither credits nor debts.
interface ICreditSource {
    /// @notice A node owes another amount of improvement before it earns anything.
    event DebtChanged(uint256 indexed round, address indexed node, uint256 previousNano, uint256 currentNano);

    /// @notice Number of rounds, and of the last one.
    function roundCount() external view returns (uint256);

    /// @notice What a node earned in a round.
    /// @return creditNano In 1e-9 of loss; 0 without a positive credit.
    /// @return index Its bit in the round's bitmap, meaningful only with a credit.
    function credit(uint256 roundId, address node) external view returns (uint256 creditNano, uint256 index);

    /// @notice What a round earned.
    /// @return totalNano Sum of its credits; 0 before its end, after an abort, or if the base was kept.
    /// @return bitmap Bit i: the i-th contribution has a positive credit.
    /// @return dropNano By how much the loss went down, less the part that paid off debts; 0 if it did not, or if
    /// the base was kept.
    /// @return over Whether the round is finalized or aborted.
    function roundCredit(uint256 roundId)
        external
        view
        returns (uint256 totalNano, uint256 bitmap, uint256 dropNano, bool over);

    /// @notice What a node's negative shares have left to pay off, in 1e-9 of loss.
    function debtNano(address node) external view returns (uint256);
}
