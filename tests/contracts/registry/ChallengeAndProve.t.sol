// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { RegistryFixture } from "../RegistryFixture.sol";
import { MockVerifier } from "../doubles/MockVerifier.sol";
import { IContributionRegistry as I } from "contracts/interfaces/IContributionRegistry.sol";
import { IProofVerifier } from "contracts/interfaces/IProofVerifier.sol";
import { Challenge } from "contracts/types/Challenge.sol";
import { Contribution } from "contracts/types/Contribution.sol";
import { MissingReason } from "contracts/types/MissingReason.sol";
import { Outcome } from "contracts/types/Outcome.sol";
import { Phase } from "contracts/types/Phase.sol";
import { Round } from "contracts/types/Round.sol";
import { Statement } from "contracts/types/Statement.sol";

contract ChallengeAndProveTest is RegistryFixture {
    // ---------------------------------------------------------------- drawChallenge

    function test_DrawChallenge() public {
        _toSealed();
        uint256 sealBlock = block.number;
        skip(7);
        vm.roll(sealBlock + 1);
        vm.setBlockhash(sealBlock, keccak256("hash"));
        bytes32 seed = keccak256(
            abi.encode("challenge", keccak256("hash"), block.chainid, address(registry), uint256(1))
        );
        vm.expectEmit();
        emit I.ChallengeDrawn(1, seed);
        vm.prank(stranger);
        registry.drawChallenge(id);
        Round memory r = registry.round(id);
        assertEq(r.challengeSeed, seed);
        assertEq(uint8(r.phase), uint8(Phase.Sealed));
        assertEq(r.deadline, block.timestamp + 40);
    }

    function test_RevertGiven_BlockOfTheSealIsNotComplete() public {
        _toSealed();
        _expectRevert(I.ContributionRegistry_BlockNotComplete.selector, block.number, block.number);
        registry.drawChallenge(id);
    }

    function test_RevertGiven_TheHashOfTheSealExpiredAndSoDidTheDeadline() public {
        _toSealed();
        uint256 deadline = registry.round(id).deadline;
        vm.roll(block.number + 257);
        skip(41);
        _expectRevert(I.ContributionRegistry_DeadlinePassed.selector, deadline, deadline + 1);
        registry.drawChallenge(id);
    }

    function test_ExpiredHashOfTheSealIsReplaced() public {
        _toSealed();
        vm.roll(block.number + 257);
        vm.expectEmit();
        emit I.ChallengeRearmed(1, block.number);
        registry.drawChallenge(id);
        assertEq(registry.round(id).challengeSeed, 0);
        assertEq(registry.round(id).sealBlock, block.number);
        _drawChallenge();
        assertNotEq(registry.round(id).challengeSeed, 0);
    }

    function test_RevertGiven_ChallengeIsDrawn() public {
        _toDrawn();
        bytes32 seed = registry.round(id).challengeSeed;
        vm.expectRevert(abi.encodeWithSelector(I.ContributionRegistry_ChallengeAlreadyDrawn.selector, seed));
        _drawChallenge();
    }

    function test_RevertGiven_RoundIsNotSealed() public {
        _toSampled();
        _expectWrongPhase(Phase.Sealed, Phase.Collecting);
        _drawChallenge();
    }

    // ---------------------------------------------------------------- publishChallenge

    function _publish(Challenge memory c) internal {
        vm.prank(coordinator);
        registry.publishChallenge(id, c);
    }

    function test_PublishChallenge() public {
        _toDrawn();
        Challenge memory c = _challenge();
        vm.expectEmit();
        emit I.ChallengePublished(
            1,
            c.digest,
            c.cid,
            c.unit,
            c.baseLossNano,
            c.candidateLossNano,
            c.commonCommitment,
            c.taskCommitments,
            c.directions
        );
        _publish(c);
        Round memory r = registry.round(id);
        assertEq(uint8(r.phase), uint8(Phase.Proving));
        assertEq(r.challengeDigest, c.digest);
        assertEq(r.unit, c.unit);
        assertEq(r.baseLossNano, BASE_LOSS);
        assertEq(r.candidateLossNano, CANDIDATE_LOSS);
        assertEq(r.commonKey, keccak256(c.commonCommitment));
        assertEq(registry.taskKey(id, 2), keccak256(c.taskCommitments[2]));
        assertEq(registry.taskKey(id, 3), 0);
        assertEq(r.deadline, block.timestamp + 80);
    }

    function test_RevertWhen_StrangerPublishes() public {
        _toDrawn();
        _expectNotCoordinator(stranger);
        vm.prank(stranger);
        registry.publishChallenge(id, _challenge());
    }

    function test_RevertGiven_ChallengeIsNotDrawn() public {
        _toSealed();
        vm.expectRevert(I.ContributionRegistry_ChallengeNotDrawn.selector);
        _publish(_challenge());
    }

    function test_RevertGiven_ChallengeIsPublished() public {
        _toProving();
        _expectWrongPhase(Phase.Sealed, Phase.Proving);
        _publish(_challenge());
    }

    function test_RevertGiven_ChallengeDeadlineHasPassed() public {
        _toDrawn();
        skip(41);
        _expectRevert(I.ContributionRegistry_DeadlinePassed.selector, block.timestamp - 1, block.timestamp);
        _publish(_challenge());
    }

    function test_RevertWhen_ChallengeIsIncomplete() public {
        _toDrawn();
        Challenge memory c = _challenge();
        c.digest = 0;
        vm.expectRevert(I.ContributionRegistry_ZeroDigest.selector);
        _publish(c);
        c = _challenge();
        c.cid = "";
        vm.expectRevert(I.ContributionRegistry_EmptyCid.selector);
        _publish(c);
    }

    function test_RevertWhen_DirectionsHaveAnotherLength() public {
        _toDrawn();
        Challenge memory c = _challenge();
        c.directions = new bytes(M + 3 * (M / 4) - 1);
        _expectRevert(I.ContributionRegistry_DirectionsLength.selector, 1680, 1679);
        _publish(c);
    }

    function test_PackedDirectionsAreRoundedUpToWholeBytes() public {
        // m = 957: 957 + 3 · 240
        registry = _deploy(_parameters(), new MockVerifier(957));
        _joinAll();
        _toDrawn();
        Challenge memory c = _challenge();
        c.directions = new bytes(957 + 3 * 239);
        _expectRevert(I.ContributionRegistry_DirectionsLength.selector, 1677, 1674);
        _publish(c);
        c.directions = new bytes(1677);
        _publish(c);
    }

    function test_RevertWhen_TaskCommitmentsAreNotOneForEachTask() public {
        _toDrawn();
        Challenge memory c = _challenge();
        c.taskCommitments = new bytes[](2);
        _expectRevert(I.ContributionRegistry_TaskCommitmentCount.selector, 3, 2);
        _publish(c);
    }

    function test_TasksOfTheRoundAreThoseOfItsOpening() public {
        _toDrawn();
        vm.prank(owner);
        nodes.addTask("sweep");
        _publish(_challenge());
    }

    function test_RevertWhen_CommitmentsHaveAnotherLength() public {
        _toDrawn();
        Challenge memory c = _challenge();
        c.commonCommitment = new bytes(63);
        _expectRevert(I.ContributionRegistry_CommitmentLength.selector, 64, 63);
        _publish(c);
        c = _challenge();
        c.taskCommitments[2] = new bytes(65);
        _expectRevert(I.ContributionRegistry_CommitmentLength.selector, 64, 65);
        _publish(c);
    }

    function test_RevertWhen_DirectionIsZero() public {
        _toDrawn();
        Challenge memory c = _challenge();
        c.commonCommitment = new bytes(64);
        vm.expectRevert(I.ContributionRegistry_ZeroCommitment.selector);
        _publish(c);
        c = _challenge();
        c.taskCommitments[1] = new bytes(64);
        vm.expectRevert(I.ContributionRegistry_ZeroCommitment.selector);
        _publish(c);
    }

    // ---------------------------------------------------------------- proveContribution

    function test_StatementComesFromTheRegistrysState() public {
        _toProving();
        Challenge memory c = _challenge();
        Statement memory s = Statement({
            commonKey: keccak256(c.commonCommitment),
            taskKey: keccak256(c.taskCommitments[1]), // Bob's task
            sampleKey: keccak256(_sampleCommitment(bob)),
            common: -7,
            task: 2000,
            square: 100_000,
            absolute: 9000,
            context: uint256(keccak256(abi.encode(block.chainid, address(registry), uint256(1), bob))) >> 8
        });
        address verifier =
            address(registry.verifierRouter().verifierOf(registry.networkParameters().circuitId()));
        vm.expectCall(verifier, abi.encodeCall(IProofVerifier.verify, (s, PROOF)));
        vm.prank(bob);
        registry.proveContribution(id, -7, 2000, 100_000, 9000, PROOF);
    }

    function test_AdmittedContribution() public {
        _toProving();
        // 50000 · 100 · 2^50 · 10^9 / (230 · 2^74), alignment 10000 · 2000 / √96000000.
        int256 share = 1_295_753;
        vm.expectEmit();
        emit I.ContributionProven(1, alice, share, 2041, 50_000, 2000, 100_000, 9000);
        _prove(alice, 50_000);
        Contribution memory c = _contribution(alice);
        assertEq(c.shareNano, share);
        assertEq(c.alignmentBps, 2041);
        _assertOutcome(alice, Outcome.Accepted);
        assertEq(registry.round(id).proven, 1);
        assertEq(registry.round(id).accepted, 1);
    }

    function test_AdmittedContributionMayHaveANegativeShare() public {
        _toProving();
        _prove(alice, -50_000);
        assertEq(_contribution(alice).shareNano, -1_295_753, "rounded toward zero, as the positive one");
        _assertOutcome(alice, Outcome.Accepted);
    }

    function test_ContributionBelowThresholdIsRecorded() public {
        _toProving();
        vm.expectEmit();
        emit I.ContributionBelowThreshold(1, alice, 510, 100, 500, 100_000, 9000);
        _proveNoise(alice);
        Contribution memory c = _contribution(alice);
        assertEq(c.shareNano, 0);
        assertEq(c.alignmentBps, 510);
        _assertOutcome(alice, Outcome.BelowThreshold);
        assertEq(registry.round(id).proven, 1);
        assertEq(registry.round(id).accepted, 0);
    }

    function test_OpposedContributionIsBelowThreshold() public {
        _toProving();
        vm.prank(alice);
        registry.proveContribution(id, 50_000, -2000, 100_000, 9000, PROOF);
        _assertOutcome(alice, Outcome.BelowThreshold);
        assertEq(_contribution(alice).alignmentBps, -2041);
    }

    function test_SampleOfZerosIsBelowThreshold() public {
        _toProving();
        vm.prank(alice);
        registry.proveContribution(id, 0, 0, 0, 0, PROOF);
        _assertOutcome(alice, Outcome.BelowThreshold);
    }

    function test_ThresholdIsInclusive() public {
        _toProving();
        vm.prank(alice);
        registry.proveContribution(id, 1, 400, 10_000, 9000, PROOF); // 400² = 4² · 10000
        _assertOutcome(alice, Outcome.Accepted);
        vm.prank(bob);
        registry.proveContribution(id, 1, 400, 10_001, 9000, PROOF);
        _assertOutcome(bob, Outcome.BelowThreshold);
    }

    function test_ClipShiftLowersTheShare() public {
        _toSampled();
        uint8[] memory shifts = new uint8[](3);
        shifts[0] = 4;
        _seal(shifts, new MissingReason[](3));
        _drawChallenge();
        _publish();
        _prove(alice, 50_000);
        assertEq(_contribution(alice).shareNano, int256(1_295_753) / 16);
    }

    function test_WeightCapLowersTheShare() public {
        _toSampled();
        MissingReason[] memory reasons = new MissingReason[](3);
        reasons[2] = MissingReason.WrongShape;
        _seal(new uint8[](3), reasons);
        _drawChallenge();
        _publish();
        _prove(alice, 50_000);
        // w = 90 of 140
        assertEq(
            _contribution(alice).shareNano,
            int256(uint256(50_000) * 90 * (1 << 50) * 1e9 / (uint256(140) << 74))
        );
    }

    function test_HugeUnitCannotKeepAProofOut() public {
        _toDrawn();
        Challenge memory c = _challenge();
        c.unit = type(uint128).max;
        _publish(c);
        int256 most = 127 * 127 * int256(uint256(M));
        vm.prank(alice);
        registry.proveContribution(id, most, 2000, 100_000, 9000, PROOF);
        assertGt(_contribution(alice).shareNano, 0);
    }

    function test_ImpossibleAlignmentIsBounded() public {
        _toProving();
        vm.prank(alice);
        registry.proveContribution(id, 1, 127 * 960, 1, 9000, PROOF);
        assertEq(_contribution(alice).alignmentBps, 10_000);
        vm.prank(bob);
        registry.proveContribution(id, 1, -127 * 960, 1, 9000, PROOF);
        assertEq(_contribution(bob).alignmentBps, -10_000);
    }

    function test_RevertWhen_ProofIsInvalid() public {
        _toProving();
        vm.expectRevert(MockVerifier.MockVerifier_InvalidProof.selector);
        vm.prank(alice);
        registry.proveContribution(id, 50_000, 2000, 100_000, 9000, "");
        _assertOutcome(alice, Outcome.None);
        _prove(alice, 1); // may try again
    }

    function test_ProveInTheLastSecond() public {
        _toProving();
        skip(80);
        _prove(alice, 1);
    }

    function test_RevertGiven_ProvingDeadlineHasPassed() public {
        _toProving();
        skip(81);
        _expectRevert(I.ContributionRegistry_DeadlinePassed.selector, block.timestamp - 1, block.timestamp);
        _prove(alice, 1);
    }

    function test_RevertGiven_ChallengeIsNotPublished() public {
        _toDrawn();
        _expectWrongPhase(Phase.Proving, Phase.Sealed);
        _prove(alice, 1);
    }

    function test_RevertWhen_ProverHasNotCommitted() public {
        _toProving();
        vm.expectRevert(abi.encodeWithSelector(I.ContributionRegistry_NotCommitted.selector, 1, dave));
        _prove(dave, 1);
    }

    function test_RevertGiven_ContributionIsMissing() public {
        _toSampled();
        MissingReason[] memory reasons = new MissingReason[](3);
        reasons[1] = MissingReason.TensorNorm;
        _seal(new uint8[](3), reasons);
        _drawChallenge();
        _publish();
        vm.expectRevert(
            abi.encodeWithSelector(
                I.ContributionRegistry_NotAvailable.selector, bob, MissingReason.TensorNorm
            )
        );
        _prove(bob, 1);
    }

    function test_RevertGiven_ContributionIsProven() public {
        _toProving();
        _prove(alice, 1);
        vm.expectRevert(abi.encodeWithSelector(I.ContributionRegistry_AlreadyProven.selector, 1, alice));
        _prove(alice, 1);
    }

    function test_RevertGiven_ContributionIsBelowThreshold() public {
        _toProving();
        _proveNoise(alice);
        vm.expectRevert(abi.encodeWithSelector(I.ContributionRegistry_AlreadyProven.selector, 1, alice));
        _prove(alice, 1);
    }

    function test_ContextNamesChainRegistryRoundAndNode() public {
        uint256 c = registry.context(1, alice);
        assertLt(c, 1 << 248);
        assertNotEq(c, registry.context(2, alice));
        assertNotEq(c, registry.context(1, bob));
        assertNotEq(c, _deploy(_parameters()).context(1, alice));
        vm.chainId(1);
        assertNotEq(c, registry.context(1, alice));
    }
}
