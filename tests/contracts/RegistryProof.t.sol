// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { ProofRoundFixture } from "./ProofRoundFixture.sol";
import { IAlignmentVerifier as V } from "contracts/interfaces/IAlignmentVerifier.sol";
import { IContributionRegistry as I } from "contracts/interfaces/IContributionRegistry.sol";
import { OpenParticipation } from "contracts/participation/OpenParticipation.sol";
import { Outcome } from "contracts/types/Outcome.sol";

/// @notice A real proof is good for one wallet, one round, one registry and one chain.
contract RegistryProofTest is ProofRoundFixture {
    ProofCase internal honest;

    function setUp() public override {
        _load("alignment-960", "Alignment960Verifier");
        honest = _case(vector, "honest");
    }

    // ---------------------------------------------------------------- recorded

    function test_HonestProofIsAccepted() public {
        _runTo(node, honest);
        vm.expectEmit();
        emit I.ContributionProven(
            1, node, 18_557_846, 3555, honest.common, honest.task, honest.square, honest.absolute
        );
        _proveAs(node, honest);
        _assertOutcome(node, Outcome.Accepted);
        _finalize(_result(CANDIDATE, CANDIDATE_LOSS, CANDIDATE_LOSS, 0));
        assertEq(registry.head(), CANDIDATE);
    }

    function test_NoiseIsRecordedAsBelowThreshold() public {
        ProofCase memory noise = _case(vector, "noise");
        assertGt(noise.task, 0, "only the threshold is in its way");
        _runTo(node, noise);
        vm.expectEmit();
        emit I.ContributionBelowThreshold(
            1, node, 242, noise.common, noise.task, noise.square, noise.absolute
        );
        _proveAs(node, noise);
        _assertOutcome(node, Outcome.BelowThreshold);
        assertEq(_contribution(node).shareNano, 0);
        _finalize(_result(GENESIS, BASE_LOSS, BASE_LOSS, 0));
        assertEq(registry.head(), GENESIS);
    }

    function test_OpposedUpdateIsRecordedAsBelowThreshold() public {
        ProofCase memory opposed = _case(vector, "opposed");
        _runTo(node, opposed);
        vm.expectEmit();
        emit I.ContributionBelowThreshold(
            1, node, -3555, opposed.common, opposed.task, opposed.square, opposed.absolute
        );
        _proveAs(node, opposed);
        _assertOutcome(node, Outcome.BelowThreshold);
    }

    // ---------------------------------------------------------------- replays

    function _expectInvalid() internal {
        vm.expectRevert(V.AlignmentVerifier_InvalidProof.selector);
    }

    function test_RevertWhen_AnotherWalletUsesTheProof() public {
        _runTo(bob, honest); // with the same sample, and the same task
        _expectInvalid();
        _proveAs(bob, honest);
    }

    function test_RevertWhen_TheProofIsUsedInAnotherRound() public {
        _open();
        vm.prank(coordinator);
        registry.abortRound(id);
        _runTo(node, honest);
        assertEq(id, 2);
        _expectInvalid();
        _proveAs(node, honest);
    }

    function test_RevertWhen_TheProofIsUsedAtAnotherRegistry() public {
        address another = makeAddr("another registry");
        _deployCoordinators(another);
        _deployNodes(another, new OpenParticipation());
        registry = _deployTo(another);
        _join(node, TASK);
        _runTo(node, honest);
        _expectInvalid();
        _proveAs(node, honest);
    }

    function test_RevertWhen_TheProofIsUsedOnAnotherChain() public {
        _runTo(node, honest);
        vm.chainId(31338);
        _expectInvalid();
        _proveAs(node, honest);
        vm.chainId(31337);
        _proveAs(node, honest);
    }

    // ---------------------------------------------------------------- other statements

    function _expectMismatch(bytes4 selector, bytes memory expected, bytes memory actual) internal {
        vm.expectRevert(abi.encodeWithSelector(selector, keccak256(expected), keccak256(actual)));
    }

    function test_RevertWhen_TheSampleIsNotTheOneOnChain() public {
        ProofCase memory noise = _case(vector, "noise");
        _runTo(node, noise);
        _expectMismatch(
            V.AlignmentVerifier_SampleMismatch.selector, noise.sampleCommitment, honest.sampleCommitment
        );
        _proveAs(node, honest);
    }

    function test_RevertWhen_TheCommonDirectionIsNotTheRounds() public {
        ProofCase memory other = honest;
        other.commonCommitment = abi.encode(uint256(1), uint256(2));
        _runTo(node, other);
        _expectMismatch(
            V.AlignmentVerifier_CommonMismatch.selector, other.commonCommitment, honest.commonCommitment
        );
        _proveAs(node, honest);
    }

    function test_RevertWhen_TheTaskIsNotTheNodes() public {
        _runTo(dave, honest); // Dave's task is 0, and the proof is about task 1
        _expectMismatch(
            V.AlignmentVerifier_TaskMismatch.selector, _challenge().taskCommitments[0], honest.taskCommitment
        );
        _proveAs(dave, honest);
    }

    function test_RevertWhen_AnySumIsAltered() public {
        _runTo(node, honest);
        for (uint256 i; i < 4; ++i) {
            ProofCase memory c = honest;
            if (i == 0) c.common += 1;
            if (i == 1) c.task += 1;
            if (i == 2) c.square -= 1;
            if (i == 3) c.absolute += 1;
            _expectInvalid();
            _proveAs(node, c);
        }
        _proveAs(node, honest);
    }
}
