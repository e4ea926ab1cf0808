// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { RegistryFixture } from "../RegistryFixture.sol";
import { IContributionRegistry as I } from "contracts/interfaces/IContributionRegistry.sol";
import { Contribution } from "contracts/types/Contribution.sol";
import { Phase } from "contracts/types/Phase.sol";
import { Round } from "contracts/types/Round.sol";

contract OpenAndCommitTest is RegistryFixture {
    // ---------------------------------------------------------------- openRound

    function test_OpenRound() public {
        uint64 deadline = uint64(block.timestamp) + 100;
        vm.expectEmit();
        emit I.RoundOpened(1, GENESIS, POOL_ROOT, deadline);
        _open();
        assertEq(id, 1);
        assertEq(registry.roundCount(), 1);
        Round memory r = registry.round(1);
        assertEq(uint8(r.phase), uint8(Phase.Committing));
        assertEq(r.baseDigest, GENESIS);
        assertEq(r.poolRoot, POOL_ROOT);
        assertEq(r.openedAt, block.timestamp);
        assertEq(r.deadline, deadline);
        assertEq(r.taskCount, 3);
    }

    function test_RevertWhen_StrangerOpens() public {
        _expectNotCoordinator(owner);
        vm.prank(owner);
        registry.openRound(POOL_ROOT);
    }

    function test_RevertWhen_PoolRootIsZero() public {
        vm.expectRevert(I.ContributionRegistry_ZeroDigest.selector);
        vm.prank(coordinator);
        registry.openRound(0);
    }

    function test_RevertGiven_PreviousRoundIsNotOver() public {
        _open();
        vm.expectRevert(
            abi.encodeWithSelector(I.ContributionRegistry_RoundNotOver.selector, 1, Phase.Committing)
        );
        _open();
    }

    function test_NextRoundStartsFromTheNewCheckpoint() public {
        _toFinalized();
        _open();
        assertEq(id, 2);
        assertEq(registry.round(2).baseDigest, CANDIDATE);
    }

    function test_NextRoundStartsFromTheSameBaseAfterAnAbort() public {
        _open();
        vm.prank(coordinator);
        registry.abortRound(id);
        _open();
        assertEq(registry.round(2).baseDigest, GENESIS);
    }

    // ---------------------------------------------------------------- commitUpdate

    function test_CommitUpdate() public {
        _open();
        bytes32 digest = _digest(bob);
        vm.expectEmit();
        emit I.UpdateCommitted(1, bob, 1, digest, 42, -24);
        _commit(bob, 42, -24);
        Contribution memory c = _contribution(bob);
        assertEq(c.node, bob);
        assertEq(c.task, 1);
        assertEq(c.digest, digest);
        assertEq(c.numExamples, 42);
        assertEq(c.exponent, -24);
        assertEq(registry.round(id).count, 1);
    }

    function test_CommitInTheLastSecond() public {
        _open();
        skip(100);
        _commit(alice, 1, -8);
    }

    function test_RevertGiven_CommitDeadlineHasPassed() public {
        _open();
        skip(101);
        _expectRevert(I.ContributionRegistry_DeadlinePassed.selector, block.timestamp - 1, block.timestamp);
        _commit(alice, 1, -8);
    }

    function test_RevertGiven_NoSuchRound() public {
        id = 1;
        _expectWrongPhase(Phase.Committing, Phase.None);
        _commit(alice, 1, -8);
    }

    function test_RevertGiven_CommitsAreClosed() public {
        _toSampling();
        _expectWrongPhase(Phase.Committing, Phase.Sampling);
        _commit(dave, 1, -8);
    }

    function test_RevertWhen_NotANode() public {
        _open();
        vm.expectRevert(abi.encodeWithSelector(I.ContributionRegistry_NotActive.selector, stranger));
        _commit(stranger, 1, -8);
    }

    function test_RevertGiven_NodeIsExiting() public {
        _open();
        vm.prank(alice);
        nodes.requestExit();
        vm.expectRevert(abi.encodeWithSelector(I.ContributionRegistry_NotActive.selector, alice));
        _commit(alice, 1, -8);
    }

    /// Else one seat would be enough to fill a round: join, commit, exit, and again under another address.
    function test_RevertWhen_TheNodeJoinedAfterTheOpening() public {
        _open();
        address erin = makeAddr("erin");
        hoax(erin);
        nodes.join{ value: DATASET_SIZE * BOND }(0, DATASET_SIZE, "key");
        _expectRevert(I.ContributionRegistry_JoinedTooLate.selector, block.timestamp, block.timestamp);
        _commit(erin, 1, -8);
        _abortAndOpen();
        _commit(erin, 1, -8);
    }

    function test_ATaskThatIsYoungerThanTheRoundHasNoNodeInIt() public {
        _open();
        vm.prank(owner);
        nodes.addTask("sweep");
        address erin = makeAddr("erin");
        hoax(erin);
        nodes.join{ value: DATASET_SIZE * BOND }(3, DATASET_SIZE, "key");
        _expectRevert(I.ContributionRegistry_JoinedTooLate.selector, block.timestamp, block.timestamp);
        _commit(erin, 1, -8);
        assertEq(registry.round(id).taskCount, 3);
        _abortAndOpen();
        _commit(erin, 1, -8);
        assertEq(registry.round(id).taskCount, 4);
    }

    function _abortAndOpen() internal {
        vm.prank(coordinator);
        registry.abortRound(id);
        skip(1);
        _open();
    }

    function test_RevertGiven_NodeHasCommitted() public {
        _open();
        _commit(alice, 1, -8);
        vm.expectRevert(abi.encodeWithSelector(I.ContributionRegistry_AlreadyCommitted.selector, 1, alice));
        vm.prank(alice);
        registry.commitUpdate(1, keccak256("second"), 1, -8);
    }

    function test_RevertGiven_DigestIsTaken() public {
        _open();
        _commit(alice, 1, -8);
        bytes32 digest = _digest(alice);
        vm.expectRevert(abi.encodeWithSelector(I.ContributionRegistry_DigestTaken.selector, digest));
        vm.prank(bob);
        registry.commitUpdate(1, digest, 1, -8);
    }

    function test_RevertWhen_DigestIsZero() public {
        _open();
        vm.expectRevert(I.ContributionRegistry_ZeroDigest.selector);
        vm.prank(alice);
        registry.commitUpdate(1, 0, 1, -8);
    }

    function test_RevertWhen_NumExamplesOutOfRange() public {
        _open();
        _expectRevert(I.ContributionRegistry_NumExamplesOutOfRange.selector, DATASET_SIZE, 0);
        _commit(alice, 0, -8);
        _expectRevert(I.ContributionRegistry_NumExamplesOutOfRange.selector, DATASET_SIZE, DATASET_SIZE + 1);
        _commit(alice, DATASET_SIZE + 1, -8);
    }

    function testFuzz_ExponentIsBounded(int8 exponent) public {
        _open();
        if (exponent < -24 || exponent > -8) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    I.ContributionRegistry_ExponentOutOfRange.selector,
                    int256(-24),
                    int256(-8),
                    int256(exponent)
                )
            );
        }
        _commit(alice, 1, exponent);
    }

    function test_RevertGiven_RoundIsFull() public {
        address erin = makeAddr("erin");
        _join(erin, 0);
        _toCommitted();
        _commit(dave, 1, -8);
        vm.expectRevert(abi.encodeWithSelector(I.ContributionRegistry_RoundFull.selector, 4));
        _commit(erin, 1, -8);
    }

    function test_TaskOfAContributionStaysAsCommitted() public {
        _open();
        _commit(alice, 1, -8);
        vm.startPrank(alice);
        nodes.requestExit();
        skip(EXIT_DELAY);
        nodes.withdrawBond();
        nodes.join{ value: DATASET_SIZE * BOND }(2, DATASET_SIZE, "key");
        assertEq(_contribution(alice).task, 0);
    }

    // ---------------------------------------------------------------- closeCommits

    function test_CoordinatorClosesOnceEverybodyHasCommitted() public {
        _toCommitted();
        _commit(dave, 1, -8);
        vm.expectEmit();
        emit I.CommitsClosed(1, block.number, 4);
        _close();
        Round memory r = registry.round(1);
        assertEq(uint8(r.phase), uint8(Phase.Sampling));
        assertEq(r.closingBlock, block.number);
        assertEq(r.deadline, block.timestamp + 60);
    }

    function test_RevertGiven_SomebodyMayStillCommit() public {
        _toCommitted();
        skip(9);
        _expectRevert(I.ContributionRegistry_DeadlineNotPassed.selector, block.timestamp + 1, block.timestamp);
        _close();
    }

    function test_CoordinatorClosesOnceTheQuorumHasWaited() public {
        _toCommitted();
        skip(10);
        _close();
        _assertPhase(Phase.Sampling);
    }

    function test_RevertGiven_NoQuorumAndTimeIsLeft() public {
        _open();
        _commit(alice, 1, -8);
        skip(100);
        _expectRevert(I.ContributionRegistry_QuorumNotReached.selector, 2, 1);
        _close();
    }

    /// A node that committed and exited does not stand for one that has not committed yet.
    function test_RevertGiven_AnExitedNodeMakesTheCountLookComplete() public {
        _toCommitted();
        vm.prank(alice);
        nodes.requestExit();
        assertEq(nodes.activeCount(), registry.round(id).count);
        _expectRevert(
            I.ContributionRegistry_DeadlineNotPassed.selector, block.timestamp + 10, block.timestamp
        );
        _close();
        _commit(dave, 1, -8);
        _close();
    }

    function test_RevertWhen_StrangerClosesBeforeTheDeadline() public {
        _toCommitted();
        skip(100);
        _expectNotCoordinator(stranger);
        vm.prank(stranger);
        registry.closeCommits(id);
    }

    function test_AnyoneClosesAfterTheDeadline() public {
        _toCommitted();
        skip(101);
        vm.prank(stranger);
        registry.closeCommits(id);
        _assertPhase(Phase.Sampling);
    }

    function test_ClosingWithoutAQuorumAborts() public {
        _open();
        _commit(alice, 1, -8);
        skip(101);
        vm.expectEmit();
        emit I.RoundAborted(1, Phase.Committing, stranger);
        vm.prank(stranger);
        registry.closeCommits(id);
        _assertPhase(Phase.Aborted);
    }

    function test_RevertGiven_ClosedAlready() public {
        _toSampling();
        _expectWrongPhase(Phase.Committing, Phase.Sampling);
        _close();
    }
}
