// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Ownable2Step } from "@openzeppelin/contracts/access/Ownable2Step.sol";
import { Governor } from "@openzeppelin/contracts/governance/Governor.sol";
import { TimelockController } from "@openzeppelin/contracts/governance/TimelockController.sol";
import {
    GovernorCountingSimple
} from "@openzeppelin/contracts/governance/extensions/GovernorCountingSimple.sol";
import { GovernorSettings } from "@openzeppelin/contracts/governance/extensions/GovernorSettings.sol";
import {
    GovernorTimelockControl
} from "@openzeppelin/contracts/governance/extensions/GovernorTimelockControl.sol";
import { GovernorVotes } from "@openzeppelin/contracts/governance/extensions/GovernorVotes.sol";
import {
    GovernorVotesQuorumFraction
} from "@openzeppelin/contracts/governance/extensions/GovernorVotesQuorumFraction.sol";
import { IVotes } from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import { Math } from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title ContributionGovernor
/// @notice Who contributed decides what the timelock does to a network. OpenZeppelin's Governor, with one
/// addition: a proposal needs a fixed number of votes too, so that nobody decides while few are minted.
contract ContributionGovernor is
    GovernorSettings,
    GovernorCountingSimple,
    GovernorVotesQuorumFraction,
    GovernorTimelockControl
{
    /// @notice Fewest votes of a quorum, however few there are.
    uint256 public immutable minimumQuorum;

    /// @notice All votes together are fewer than a decision needs.
    error ContributionGovernor_TooFewVotes(uint256 minimum, uint256 actual);

    /// @notice The timelock does not own this contract.
    error ContributionGovernor_NotOwned(address owned, address owner);

    /// @notice This contract has been offered to somebody, who could take it without a vote.
    error ContributionGovernor_PendingOwner(address owned, address pending);

    /// @notice The timelock carries decisions out sooner than it was said to.
    error ContributionGovernor_DelayTooShort(uint256 minimum, uint256 actual);

    /// @notice Fixes the rules of voting; only a vote can change them, but for `minimumQuorum`.
    /// @param votes Who has how many votes.
    /// @param timelock Which carries decisions out.
    /// @param votingDelay_ Seconds from a proposal to its vote, whose start fixes everybody's votes.
    /// @param votingPeriod_ Seconds that a vote lasts.
    /// @param proposalThreshold_ Votes that a proposer needs.
    /// @param quorumPercent Votes that a decision needs, in percent of all.
    /// @param minimumQuorum_ And at least.
    constructor(
        IVotes votes,
        TimelockController timelock,
        uint48 votingDelay_,
        uint32 votingPeriod_,
        uint256 proposalThreshold_,
        uint256 quorumPercent,
        uint256 minimumQuorum_
    )
        Governor("zk0")
        GovernorSettings(votingDelay_, votingPeriod_, proposalThreshold_)
        GovernorVotes(votes)
        GovernorVotesQuorumFraction(quorumPercent)
        GovernorTimelockControl(timelock)
    {
        minimumQuorum = minimumQuorum_;
    }

    /// @notice Votes that a decision needs.
    /// @param timepoint The start of its vote.
    function quorum(uint256 timepoint)
        public
        view
        override(Governor, GovernorVotesQuorumFraction)
        returns (uint256)
    {
        return Math.max(super.quorum(timepoint), minimumQuorum);
    }

    /// @notice Reverts unless there are votes enough for a proposal and a decision. Part of the handover to this
    /// governor: a timelock whose only proposer can never decide would be lost.
    function requireDecisive() external view {
        uint256 votes = token().getPastTotalSupply(clock() - 1);
        uint256 minimum = Math.max(minimumQuorum, proposalThreshold());
        require(votes >= minimum, ContributionGovernor_TooFewVotes(minimum, votes));
    }

    /// @notice Reverts unless the timelock owns these contracts, none of them is offered to anybody, and the
    /// timelock's delay is what it was said to be. Part of the handover to this governor: what its predecessor had the
    /// timelock do before would otherwise outlive it.
    /// @param owned Contracts whose owner can be changed in two steps.
    /// @param delay Fewest seconds.
    function requireUndivided(address[] calldata owned, uint256 delay) external view {
        address carrier = timelock();
        uint256 actual = TimelockController(payable(carrier)).getMinDelay();
        require(actual >= delay, ContributionGovernor_DelayTooShort(delay, actual));
        for (uint256 i; i < owned.length; ++i) {
            Ownable2Step one = Ownable2Step(owned[i]);
            (address owner, address pending) = (one.owner(), one.pendingOwner());
            require(owner == carrier, ContributionGovernor_NotOwned(owned[i], owner));
            require(pending == address(0), ContributionGovernor_PendingOwner(owned[i], pending));
        }
    }

    // ---------------------------------------------------------------- which base has the say

    /// @inheritdoc Governor
    function proposalThreshold() public view override(Governor, GovernorSettings) returns (uint256) {
        return super.proposalThreshold();
    }

    /// @inheritdoc Governor
    function state(uint256 proposalId)
        public
        view
        override(Governor, GovernorTimelockControl)
        returns (ProposalState)
    {
        return super.state(proposalId);
    }

    /// @inheritdoc Governor
    function proposalNeedsQueuing(uint256 proposalId)
        public
        view
        override(Governor, GovernorTimelockControl)
        returns (bool)
    {
        return super.proposalNeedsQueuing(proposalId);
    }

    function _queueOperations(
        uint256 proposalId,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) returns (uint48) {
        return super._queueOperations(proposalId, targets, values, calldatas, descriptionHash);
    }

    function _executeOperations(
        uint256 proposalId,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) {
        super._executeOperations(proposalId, targets, values, calldatas, descriptionHash);
    }

    function _cancel(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) returns (uint256) {
        return super._cancel(targets, values, calldatas, descriptionHash);
    }

    function _executor() internal view override(Governor, GovernorTimelockControl) returns (address) {
        return super._executor();
    }
}
