// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { RegistryFixture } from "../RegistryFixture.sol";
import { IContributionRegistry as I } from "contracts/interfaces/IContributionRegistry.sol";
import { Challenge } from "contracts/types/Challenge.sol";
import { Contribution } from "contracts/types/Contribution.sol";
import { Finalization } from "contracts/types/Finalization.sol";
import { MissingReason } from "contracts/types/MissingReason.sol";
import { Outcome } from "contracts/types/Outcome.sol";
import { Phase } from "contracts/types/Phase.sol";
import { Round } from "contracts/types/Round.sol";

contract FinalizeRoundTest is RegistryFixture {
    bytes32 internal constant AGGREGATE = keccak256("aggregate");
    uint64 internal constant MAX_LOSS = BASE_LOSS + 1000;

    /// Alice and Bob are accepted, Carol is noise: the aggregate is another one than the candidate.
    function _toPartlyAccepted() internal {
        _toProving();
        _prove(alice, 50_000);
        _prove(bob, -40_000);
        _proveNoise(carol);
    }

    function _toNoneAccepted() internal {
        _toProving();
        _proveNoise(alice);
        _proveNoise(bob);
        _proveNoise(carol);
    }

    /// Everybody is accepted, and the candidate's loss is above what the gate lets pass.
    function _toGateHit() internal {
        _toDrawn();
        Challenge memory c = _challenge();
        c.candidateLossNano = MAX_LOSS + 1;
        vm.prank(coordinator);
        registry.publishChallenge(id, c);
        _prove(alice, 50_000);
        _prove(bob, -40_000);
        _prove(carol, 30_000);
    }

    // ---------------------------------------------------------------- all accepted

    function test_FinalizeWithTheCandidate() public {
        _toProven();
        int256 share = _contribution(carol).shareNano;
        Finalization memory f = _result(CANDIDATE, CANDIDATE_LOSS, CANDIDATE_LOSS, 0);
        vm.expectEmit();
        emit I.ContributionSettled(1, carol, Outcome.Accepted, share, 0); // it is negative
        vm.expectEmit();
        emit I.CheckpointPublished(1, CANDIDATE, GENESIS, "checkpoint-cid");
        vm.expectEmit();
        emit I.RoundFinalized(
            1, f.reportDigest, "report-cid", BASE_LOSS, CANDIDATE_LOSS, CANDIDATE_LOSS, false
        );
        _finalize(f);

        assertEq(registry.head(), CANDIDATE);
        Round memory r = registry.round(1);
        assertEq(uint8(r.phase), uint8(Phase.Finalized));
        assertFalse(r.baseKept);
        assertEq(r.checkpointDigest, CANDIDATE);
        assertEq(r.aggregateLossNano, CANDIDATE_LOSS);
        assertEq(r.finalLossNano, CANDIDATE_LOSS);
    }

    function test_RevertWhen_AllAreAcceptedAndTheCheckpointIsNotTheCandidate() public {
        _toProven();
        vm.expectRevert(
            abi.encodeWithSelector(I.ContributionRegistry_WrongCheckpoint.selector, CANDIDATE, AGGREGATE)
        );
        _finalize(_result(AGGREGATE, CANDIDATE_LOSS, CANDIDATE_LOSS, 0));
    }

    function test_RevertWhen_AllAreAcceptedAndTheLossIsNotTheCandidates() public {
        _toProven();
        _expectRevert(I.ContributionRegistry_WrongLoss.selector, CANDIDATE_LOSS, CANDIDATE_LOSS - 1);
        _finalize(_result(CANDIDATE, CANDIDATE_LOSS - 1, CANDIDATE_LOSS - 1, 0));
    }

    function test_AllAvailableAcceptedIsTheCandidateAlsoWhenOthersAreMissing() public {
        _toSampled();
        MissingReason[] memory reasons = new MissingReason[](3);
        reasons[0] = MissingReason.WrongShape;
        _seal(new uint8[](3), reasons);
        _drawChallenge();
        _publish();
        _prove(bob, 1);
        _prove(carol, 1);
        vm.expectRevert(
            abi.encodeWithSelector(I.ContributionRegistry_WrongCheckpoint.selector, CANDIDATE, AGGREGATE)
        );
        _finalize(_result(AGGREGATE, CANDIDATE_LOSS, CANDIDATE_LOSS, 0));
        vm.expectEmit();
        emit I.ContributionSettled(1, alice, Outcome.Missing, 0, 0);
        _finalize(_result(CANDIDATE, CANDIDATE_LOSS, CANDIDATE_LOSS, 0));
    }

    // ---------------------------------------------------------------- some accepted

    function test_FinalizeWithAnotherAggregate() public {
        _toPartlyAccepted();
        vm.expectEmit();
        emit I.ContributionSettled(1, carol, Outcome.BelowThreshold, 0, 0);
        _finalize(_result(AGGREGATE, MAX_LOSS, MAX_LOSS, 0));
        assertEq(registry.head(), AGGREGATE);
    }

    function test_RevertWhen_TheBaseIsKeptThoughTheGateIsNotHit() public {
        _toPartlyAccepted();
        vm.expectRevert(abi.encodeWithSelector(I.ContributionRegistry_BaseNotKept.selector, GENESIS));
        _finalize(_result(GENESIS, BASE_LOSS, BASE_LOSS, 0));
    }

    function test_RevertWhen_SomebodyIsHarmfulThoughTheGateIsNotHit() public {
        _toPartlyAccepted();
        _expectRevert(I.ContributionRegistry_GateNotHit.selector, MAX_LOSS, MAX_LOSS);
        _finalize(_result(AGGREGATE, MAX_LOSS, MAX_LOSS, 2));
    }

    function test_RevertWhen_TheFinalLossIsNotTheAggregates() public {
        _toPartlyAccepted();
        _expectRevert(I.ContributionRegistry_WrongLoss.selector, BASE_LOSS, BASE_LOSS - 1);
        _finalize(_result(AGGREGATE, BASE_LOSS, BASE_LOSS - 1, 0));
    }

    function test_UnprovenContributionsAreSettledAfterTheDeadline() public {
        _toProving();
        _prove(alice, 1);
        skip(81);
        vm.expectEmit();
        emit I.ContributionSettled(1, bob, Outcome.NotProven, 0, 0);
        _finalize(_result(AGGREGATE, BASE_LOSS, BASE_LOSS, 0));
        _assertOutcome(bob, Outcome.NotProven);
        _assertOutcome(carol, Outcome.NotProven);
    }

    function test_RevertGiven_ProofsArePending() public {
        _toProving();
        _prove(alice, 1);
        _prove(bob, 1);
        skip(80);
        _expectRevert(I.ContributionRegistry_ProofsPending.selector, 3, 2);
        _finalize(_result(AGGREGATE, BASE_LOSS, BASE_LOSS, 0));
    }

    // ---------------------------------------------------------------- none accepted

    function test_BaseIsKeptIfNobodyIsAccepted() public {
        _toNoneAccepted();
        Finalization memory f = _result(GENESIS, BASE_LOSS, BASE_LOSS, 0);
        vm.expectEmit();
        emit I.RoundFinalized(1, f.reportDigest, "report-cid", BASE_LOSS, BASE_LOSS, BASE_LOSS, true);
        _finalize(f);
        assertEq(registry.head(), GENESIS);
        assertTrue(registry.round(1).baseKept);
    }

    function test_RevertWhen_NobodyIsAcceptedAndTheCheckpointIsNew() public {
        _toNoneAccepted();
        vm.expectRevert(
            abi.encodeWithSelector(I.ContributionRegistry_WrongCheckpoint.selector, GENESIS, CANDIDATE)
        );
        _finalize(_result(CANDIDATE, BASE_LOSS, BASE_LOSS, 0));
    }

    function test_RevertWhen_NobodyIsAcceptedAndTheLossIsAnother() public {
        _toNoneAccepted();
        _expectRevert(I.ContributionRegistry_WrongLoss.selector, BASE_LOSS, 1);
        _finalize(_result(GENESIS, 1, BASE_LOSS, 0));
        _expectRevert(I.ContributionRegistry_WrongLoss.selector, BASE_LOSS, 2);
        _finalize(_result(GENESIS, BASE_LOSS, 2, 0));
    }

    // ---------------------------------------------------------------- the gate

    function test_HarmfulContributionIsLeftOut() public {
        _toGateHit();
        int256 share = _contribution(bob).shareNano;
        vm.expectEmit();
        emit I.ContributionSettled(1, bob, Outcome.Harmful, share, 0);
        _finalize(_result(AGGREGATE, MAX_LOSS + 1, MAX_LOSS, 2));
        _assertOutcome(bob, Outcome.Harmful);
        _assertOutcome(alice, Outcome.Accepted);
        assertEq(registry.head(), AGGREGATE);
    }

    function test_BaseIsKeptIfTheGateIsHit() public {
        _toGateHit();
        _finalize(_result(GENESIS, MAX_LOSS + 1, BASE_LOSS, 0));
        assertTrue(registry.round(1).baseKept);
        assertEq(registry.head(), GENESIS);
        _assertOutcome(bob, Outcome.Accepted);
    }

    function test_BaseIsKeptThoughSomebodyIsLeftOut() public {
        _toGateHit();
        _finalize(_result(GENESIS, MAX_LOSS + 1, BASE_LOSS, 2));
        assertTrue(registry.round(1).baseKept);
        _assertOutcome(bob, Outcome.Harmful);
    }

    function test_RevertWhen_TheGateIsHitAndNobodyIsLeftOut() public {
        _toGateHit();
        _expectRevert(I.ContributionRegistry_GateHit.selector, MAX_LOSS, MAX_LOSS + 1);
        _finalize(_result(CANDIDATE, MAX_LOSS + 1, MAX_LOSS + 1, 0));
    }

    function test_RevertWhen_EverybodyIsLeftOutOfANewCheckpoint() public {
        _toGateHit();
        vm.expectRevert(I.ContributionRegistry_NoneLeft.selector);
        _finalize(_result(AGGREGATE, MAX_LOSS + 1, BASE_LOSS, 7));
        _finalize(_result(GENESIS, MAX_LOSS + 1, BASE_LOSS, 7));
    }

    function test_RevertWhen_TheSecondAggregateIsNoBetter() public {
        _toGateHit();
        _expectRevert(I.ContributionRegistry_LossTooHigh.selector, MAX_LOSS, MAX_LOSS + 1);
        _finalize(_result(AGGREGATE, MAX_LOSS + 1, MAX_LOSS + 1, 2));
    }

    function test_RevertWhen_TheBaseIsKeptWithAnotherLoss() public {
        _toGateHit();
        _expectRevert(I.ContributionRegistry_WrongLoss.selector, BASE_LOSS, BASE_LOSS - 1);
        _finalize(_result(GENESIS, MAX_LOSS + 1, BASE_LOSS - 1, 0));
    }

    function test_RevertWhen_TheGatesLossIsNotTheCandidates() public {
        _toGateHit();
        _expectRevert(I.ContributionRegistry_WrongLoss.selector, MAX_LOSS + 1, MAX_LOSS + 2);
        _finalize(_result(GENESIS, MAX_LOSS + 2, BASE_LOSS, 0));
    }

    function test_RevertWhen_HarmfulIsNotAccepted() public {
        _toPartlyAccepted();
        _expectRevert(I.ContributionRegistry_HarmfulNotAccepted.selector, 3, 4);
        _finalize(_result(AGGREGATE, MAX_LOSS + 1, BASE_LOSS, 4)); // Carol is noise
        _expectRevert(I.ContributionRegistry_HarmfulNotAccepted.selector, 3, 8);
        _finalize(_result(AGGREGATE, MAX_LOSS + 1, BASE_LOSS, 8)); // there is no fourth
        _expectRevert(I.ContributionRegistry_HarmfulNotAccepted.selector, 3, 1 << 255);
        _finalize(_result(AGGREGATE, MAX_LOSS + 1, BASE_LOSS, 1 << 255));
    }

    /// A proven contribution is accepted unless the gate was hit: nothing that the coordinator sends changes it.
    function testFuzz_ProvenContributionIsNeverDropped(
        bytes32 checkpoint,
        uint64 aggregate,
        uint64 last,
        uint256 h
    ) public {
        _toPartlyAccepted();
        vm.prank(coordinator);
        try registry.finalizeRound(id, _result(checkpoint, aggregate, last, h & 15)) {
            if (aggregate <= MAX_LOSS) {
                _assertOutcome(alice, Outcome.Accepted);
                _assertOutcome(bob, Outcome.Accepted);
                assertEq(last, aggregate);
            }
            _assertOutcome(carol, Outcome.BelowThreshold);
        } catch {
            _assertPhase(Phase.Proving);
        }
    }

    // ---------------------------------------------------------------- the rest

    function test_RevertWhen_StrangerFinalizes() public {
        _toProven();
        Finalization memory f = _result(CANDIDATE, CANDIDATE_LOSS, CANDIDATE_LOSS, 0);
        _expectNotCoordinator(stranger);
        vm.prank(stranger);
        registry.finalizeRound(id, f);
    }

    function test_RevertWhen_SomethingIsEmpty() public {
        _toPartlyAccepted();
        Finalization memory f = _result(AGGREGATE, BASE_LOSS, BASE_LOSS, 0);
        f.reportDigest = 0;
        vm.expectRevert(I.ContributionRegistry_ZeroDigest.selector);
        _finalize(f);
        f = _result(AGGREGATE, BASE_LOSS, BASE_LOSS, 0);
        f.reportCid = "";
        vm.expectRevert(I.ContributionRegistry_EmptyCid.selector);
        _finalize(f);
        f = _result(AGGREGATE, BASE_LOSS, BASE_LOSS, 0);
        f.checkpointCid = "";
        vm.expectRevert(I.ContributionRegistry_EmptyCid.selector);
        _finalize(f);
        vm.expectRevert(I.ContributionRegistry_ZeroDigest.selector);
        _finalize(_result(0, BASE_LOSS, BASE_LOSS, 0));
    }

    /// No slot keeps it: it is what the next round started from.
    function test_ARoundsCheckpointIsReadAlsoAfterLaterRounds() public {
        _toFinalized();
        assertEq(registry.round(1).checkpointDigest, CANDIDATE);
        _toFinalized();
        assertEq(registry.round(1).checkpointDigest, CANDIDATE);
        assertEq(registry.round(2).checkpointDigest, candidate);
        assertNotEq(candidate, CANDIDATE);
        bytes32 second = candidate;
        _open();
        assertEq(registry.round(2).checkpointDigest, second);
        assertEq(registry.round(3).checkpointDigest, 0, "not over");
        vm.prank(coordinator);
        registry.abortRound(id);
        assertEq(registry.round(3).checkpointDigest, 0, "without a result");
    }

    /// Credits and debts last: a unit that is made up must not make them up too.
    function test_NobodyAccountsForMoreThanTheWholeLoss() public {
        _toDrawn();
        Challenge memory c = _challenge();
        c.unit = type(uint128).max;
        vm.prank(coordinator);
        registry.publishChallenge(id, c);
        _prove(alice, 50_000);
        _prove(bob, -40_000);
        _proveNoise(carol);
        assertGt(_contribution(alice).shareNano, int256(uint256(BASE_LOSS)), "as proven");
        _finalize(_result(AGGREGATE, BASE_LOSS - 5, BASE_LOSS - 5, 0));
        assertEq(_contribution(alice).shareNano, int256(uint256(BASE_LOSS)));
        assertEq(_contribution(bob).shareNano, -int256(uint256(BASE_LOSS)));
        (uint256 credit,) = registry.credit(1, alice);
        assertEq(credit, BASE_LOSS);
        assertEq(registry.debtNano(bob), BASE_LOSS);
    }

    /// Whoever can undo the last round's update must not be able to stop the round by it.
    function test_ARoundMayComeBackToAnEarlierCheckpoint() public {
        _toFinalized();
        _toPartlyAccepted();
        vm.expectEmit();
        emit I.CheckpointPublished(2, GENESIS, CANDIDATE, "checkpoint-cid");
        _finalize(_result(GENESIS, BASE_LOSS, BASE_LOSS, 0));
        assertEq(registry.head(), GENESIS);
        assertFalse(registry.round(2).baseKept);
    }

    function test_AFinalizedRoundHasNoCommonKey() public {
        _toProven();
        assertNotEq(registry.round(1).commonKey, 0);
        _finalize(_result(CANDIDATE, CANDIDATE_LOSS, CANDIDATE_LOSS, 0));
        assertEq(registry.round(1).commonKey, 0, "its slot keeps which contributions earned credits");
        assertNotEq(registry.round(1).challengeDigest, 0);
    }

    function test_CoordinatorMayFinalizeLate() public {
        _toProven();
        skip(1 days);
        _finalize(_result(CANDIDATE, CANDIDATE_LOSS, CANDIDATE_LOSS, 0));
    }

    function test_FinalizedRoundNeverChanges() public {
        _toFinalized();
        bytes memory before = abi.encode(registry.round(1), registry.contributionsOf(1, 0, 9));
        _expectWrongPhase(Phase.Proving, Phase.Finalized);
        _finalize(_result(AGGREGATE, CANDIDATE_LOSS, CANDIDATE_LOSS, 0));
        _expectWrongPhase(Phase.Proving, Phase.Finalized);
        _prove(alice, 1);
        vm.expectRevert(abi.encodeWithSelector(I.ContributionRegistry_RoundOver.selector, Phase.Finalized));
        vm.prank(coordinator);
        registry.abortRound(id);
        assertEq(before, abi.encode(registry.round(1), registry.contributionsOf(1, 0, 9)));
    }

    // ---------------------------------------------------------------- pages

    function test_PagesOfContributions() public {
        _toFinalized();
        Contribution[] memory all = registry.contributionsOf(1, 0, type(uint256).max);
        assertEq(all.length, 3);
        assertEq(all[0].node, alice);
        assertEq(all[2].node, carol);
        assertEq(abi.encode(registry.contributionsOf(1, 1, 1)[0]), abi.encode(all[1]));
        assertEq(registry.contributionsOf(1, 3, 5).length, 0);
        assertEq(registry.contributionsOf(1, type(uint256).max, type(uint256).max).length, 0);
        assertEq(registry.contributionsOf(2, 0, 5).length, 0);
        assertEq(registry.contribution(1, dave).node, address(0));
    }
}
