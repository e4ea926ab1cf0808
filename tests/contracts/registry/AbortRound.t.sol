// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { RegistryFixture } from "../RegistryFixture.sol";
import { IContributionRegistry as I } from "contracts/interfaces/IContributionRegistry.sol";
import { Phase } from "contracts/types/Phase.sol";

contract AbortRoundTest is RegistryFixture {
    function _abortAs(address who) internal {
        vm.prank(who);
        registry.abortRound(id);
    }

    /// Nobody but the coordinator may abort until `wait` seconds have passed, and then anyone.
    function _checkDeadline(Phase phase, uint256 wait) internal {
        _assertPhase(phase);
        skip(wait);
        _expectRevert(I.ContributionRegistry_DeadlineNotPassed.selector, block.timestamp, block.timestamp);
        _abortAs(stranger);
        skip(1);
        vm.expectEmit();
        emit I.RoundAborted(1, phase, stranger);
        _abortAs(stranger);
        _assertPhase(Phase.Aborted);
    }

    function test_AnyoneAbortsACommittingRoundWithoutAQuorum() public {
        _open();
        _commit(alice, 1, -8);
        _checkDeadline(Phase.Committing, 100);
    }

    function test_RevertGiven_CommitsCouldBeClosed() public {
        _toCommitted();
        skip(101);
        _expectRevert(I.ContributionRegistry_QuorumReached.selector, 2, 3);
        _abortAs(stranger);
    }

    function test_AnyoneAbortsASamplingRound() public {
        _toSampling();
        _checkDeadline(Phase.Sampling, 60);
    }

    function test_AnyoneAbortsACollectingRoundThatIsNotSealed() public {
        _toCollecting();
        _checkDeadline(Phase.Collecting, 60 + 50);
    }

    function test_AnyoneAbortsASealedRoundThatIsNotDrawn() public {
        _toSealed();
        _checkDeadline(Phase.Sealed, 40);
    }

    function test_AnyoneAbortsASealedRoundWithoutAChallenge() public {
        _toSealed();
        skip(30);
        _drawChallenge();
        _checkDeadline(Phase.Sealed, 40);
    }

    function test_AnyoneAbortsAProvingRoundThatIsNotFinalized() public {
        _toProving();
        _checkDeadline(Phase.Proving, 80 + 30);
    }

    function test_CoordinatorAbortsInEveryPhase() public {
        _open();
        _abortAs(coordinator);
        _toSampling();
        _abortAs(coordinator);
        _toCollecting();
        _abortAs(coordinator);
        _toSealed();
        _abortAs(coordinator);
        _toProven();
        vm.expectEmit();
        emit I.RoundAborted(5, Phase.Proving, coordinator);
        _abortAs(coordinator);
        assertEq(registry.head(), GENESIS);
        _open();
        assertEq(registry.round(6).baseDigest, GENESIS);
    }

    function test_RevertGiven_NoSuchRound() public {
        vm.expectRevert(abi.encodeWithSelector(I.ContributionRegistry_RoundOver.selector, Phase.None));
        vm.prank(coordinator);
        registry.abortRound(1);
    }

    function test_RevertGiven_RoundIsAborted() public {
        _open();
        _abortAs(coordinator);
        vm.expectRevert(abi.encodeWithSelector(I.ContributionRegistry_RoundOver.selector, Phase.Aborted));
        _abortAs(coordinator);
        _expectWrongPhase(Phase.Committing, Phase.Aborted);
        _commit(alice, 1, -8);
    }

    function test_RevertGiven_RoundIsFinalized() public {
        _toFinalized();
        skip(30 days);
        vm.expectRevert(abi.encodeWithSelector(I.ContributionRegistry_RoundOver.selector, Phase.Finalized));
        _abortAs(stranger);
    }
}
