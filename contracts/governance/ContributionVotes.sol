// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IContributionVotes } from "../interfaces/IContributionVotes.sol";
import { ICreditSource } from "../interfaces/ICreditSource.sol";
import { Votes } from "@openzeppelin/contracts/governance/utils/Votes.sol";
import { EIP712 } from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import { Time } from "@openzeppelin/contracts/utils/types/Time.sol";

/// @title ContributionVotes
/// @notice Keeps votes that contributions earned: minted once for each, delegated, never transferred.
contract ContributionVotes is IContributionVotes, Votes {
    /// Of a round in which anything was credited; its contributions split them.
    uint256 internal constant VOTES_PER_ROUND = 1e18;

    /// @inheritdoc IContributionVotes
    ICreditSource public immutable override credits;

    /// @inheritdoc IContributionVotes
    mapping(address node => uint256) public override votesOf;

    /// @inheritdoc IContributionVotes
    mapping(uint256 roundId => uint256 bitmap) public override minted;

    /// @notice Fixes whose credits count.
    /// @param credits_ The registry of rounds.
    constructor(ICreditSource credits_) EIP712("zk0 votes", "1") {
        credits = credits_;
    }

    /// @inheritdoc IContributionVotes
    function mint(uint256 roundId, address node) external override {
        (uint256 totalNano,,, bool over) = credits.roundCredit(roundId);
        require(over, ContributionVotes_NotOver(roundId));
        (uint256 creditNano, uint256 index) = credits.credit(roundId, node);
        require(creditNano != 0, ContributionVotes_NoCredit(roundId, node));
        uint256 bit = uint256(1) << index;
        require(minted[roundId] & bit == 0, ContributionVotes_AlreadyMinted(roundId, node));

        minted[roundId] |= bit;
        // Rounded down; a credit is below 2^120.
        uint256 votes = VOTES_PER_ROUND * creditNano / totalNano;
        // Before the votes are there, so that they are not moved twice.
        if (delegates(node) == address(0)) _delegate(node, node);
        votesOf[node] += votes;
        _transferVotingUnits(address(0), node, votes);
        emit VotesMinted(roundId, node, votes);
    }

    /// @notice Time in seconds, as everywhere in a network.
    function clock() public view override returns (uint48) {
        return Time.timestamp();
    }

    /// @notice Says that the clock shows seconds (ERC-6372).
    function CLOCK_MODE() public pure override returns (string memory) {
        return "mode=timestamp";
    }

    function _getVotingUnits(address account) internal view override returns (uint256) {
        return votesOf[account];
    }
}
