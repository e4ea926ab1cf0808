// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { ICreditSource } from "./ICreditSource.sol";

/// @title Votes for contributions
/// @notice Every round that earned anything gives the same number of votes, split among its contributions by
/// credit. Votes cannot be transferred, only delegated; who never delegated votes for itself.
/// @dev Not the credits themselves: their scale is the coordinator's word (`unit`), so that one made-up round
/// could outweigh all others. Nobody owns this contract.
interface IContributionVotes {
    /// @notice A node has the votes of its contribution to a round.
    event VotesMinted(uint256 indexed round, address indexed node, uint256 votes);

    /// @notice The round is not over.
    error ContributionVotes_NotOver(uint256 round);

    /// @notice The node has no credit in this round.
    error ContributionVotes_NoCredit(uint256 round, address node);

    /// @notice This contribution has given its votes.
    error ContributionVotes_AlreadyMinted(uint256 round, address node);

    /// @notice Gives a node the votes of its contribution to a round, once. Anyone, for anyone.
    function mint(uint256 roundId, address node) external;

    /// @notice Votes that a node has from its contributions, whoever they are delegated to.
    function votesOf(address node) external view returns (uint256);

    /// @notice Bit i: the i-th contribution of a round has given its votes.
    function minted(uint256 roundId) external view returns (uint256);

    /// @notice Who knows the credits.
    function credits() external view returns (ICreditSource);
}
