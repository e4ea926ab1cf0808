// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { RegistryFixture } from "../RegistryFixture.sol";
import { NodeRegistry } from "contracts/NodeRegistry.sol";
import { IContributionRegistry as I } from "contracts/interfaces/IContributionRegistry.sol";
import { OpenParticipation } from "contracts/participation/OpenParticipation.sol";
import { Contribution } from "contracts/types/Contribution.sol";
import { MissingReason } from "contracts/types/MissingReason.sol";
import { Outcome } from "contracts/types/Outcome.sol";
import { Parameters } from "contracts/types/Parameters.sol";
import { Phase } from "contracts/types/Phase.sol";
import { Round } from "contracts/types/Round.sol";

contract SampleAndSealTest is RegistryFixture {
    // ---------------------------------------------------------------- drawSample

    function test_DrawSample() public {
        _toSampling();
        uint256 closing = block.number;
        vm.roll(closing + 1);
        vm.setBlockhash(closing, keccak256("hash"));
        bytes32 seed =
            keccak256(abi.encode("sample", keccak256("hash"), block.chainid, address(registry), uint256(1)));
        vm.expectEmit();
        emit I.SampleDrawn(1, seed, uint64(block.timestamp) + 60);
        vm.prank(stranger);
        registry.drawSample(id);
        Round memory r = registry.round(1);
        assertEq(uint8(r.phase), uint8(Phase.Collecting));
        assertEq(r.sampleSeed, seed);
        assertEq(r.deadline, block.timestamp + 60);
    }

    function test_RevertGiven_ClosingBlockIsNotComplete() public {
        _toSampling();
        _expectRevert(I.ContributionRegistry_BlockNotComplete.selector, block.number, block.number);
        registry.drawSample(id);
    }

    function test_ExpiredHashOfTheClosingBlockIsReplaced() public {
        _toSampling();
        uint64 deadline = registry.round(id).deadline;
        vm.roll(block.number + 257);
        vm.expectEmit();
        emit I.SampleRearmed(1, block.number);
        registry.drawSample(id);
        Round memory r = registry.round(id);
        assertEq(uint8(r.phase), uint8(Phase.Sampling));
        assertEq(r.closingBlock, block.number);
        assertEq(r.deadline, deadline, "re-arming gains no time");
        _expectRevert(I.ContributionRegistry_BlockNotComplete.selector, block.number, block.number);
        registry.drawSample(id);
        _drawSample();
        _assertPhase(Phase.Collecting);
    }

    function test_HashIsGoodForItsLastBlock() public {
        _toSampling();
        vm.roll(block.number + 256);
        registry.drawSample(id);
        _assertPhase(Phase.Collecting);
    }

    function test_RevertGiven_SampleIsDrawn() public {
        _toCollecting();
        _expectWrongPhase(Phase.Sampling, Phase.Collecting);
        _drawSample();
    }

    // ---------------------------------------------------------------- commitSample

    function test_CommitSample() public {
        _toCollecting();
        vm.expectEmit();
        emit I.SampleCommitted(1, alice, _sampleCommitment(alice));
        _sample(alice);
        assertEq(_contribution(alice).sampleKey, keccak256(_sampleCommitment(alice)));
        assertEq(registry.round(id).samples, 1);
    }

    function test_CommitSampleInTheLastSecond() public {
        _toCollecting();
        skip(60);
        _sample(alice);
    }

    function test_RevertGiven_CollectDeadlineHasPassed() public {
        _toCollecting();
        skip(61);
        _expectRevert(I.ContributionRegistry_DeadlinePassed.selector, block.timestamp - 1, block.timestamp);
        _sample(alice);
    }

    function test_RevertGiven_SampleIsNotDrawn() public {
        _toSampling();
        _expectWrongPhase(Phase.Collecting, Phase.Sampling);
        _sample(alice);
    }

    function test_RevertWhen_NodeHasNotCommitted() public {
        _toCollecting();
        vm.expectRevert(abi.encodeWithSelector(I.ContributionRegistry_NotCommitted.selector, 1, dave));
        _sample(dave);
    }

    function test_RevertWhen_SeedIsAnother() public {
        _toCollecting();
        bytes32 seed = registry.round(id).sampleSeed;
        vm.expectRevert(
            abi.encodeWithSelector(I.ContributionRegistry_WrongSampleSeed.selector, seed, bytes32("fork"))
        );
        vm.prank(alice);
        registry.commitSample(id, "fork", _sampleCommitment(alice));
    }

    function test_RevertGiven_SampleIsOnChain() public {
        _toCollecting();
        _sample(alice);
        vm.expectRevert(
            abi.encodeWithSelector(I.ContributionRegistry_SampleAlreadyCommitted.selector, 1, alice)
        );
        _sample(alice);
    }

    function test_RevertWhen_CommitmentHasAnotherLength() public {
        _toCollecting();
        bytes32 seed = registry.round(id).sampleSeed;
        vm.startPrank(alice);
        for (uint256 length = 63; length <= 65; length += 2) {
            _expectRevert(I.ContributionRegistry_CommitmentLength.selector, 64, length);
            registry.commitSample(id, seed, new bytes(length));
        }
    }

    // ---------------------------------------------------------------- sealRound

    function _shifts(uint8 a, uint8 b, uint8 c) internal pure returns (uint8[] memory shifts) {
        shifts = new uint8[](3);
        (shifts[0], shifts[1], shifts[2]) = (a, b, c);
    }

    function _reasons(MissingReason a, MissingReason b, MissingReason c)
        internal
        pure
        returns (MissingReason[] memory reasons)
    {
        reasons = new MissingReason[](3);
        (reasons[0], reasons[1], reasons[2]) = (a, b, c);
    }

    function test_SealRound() public {
        _toSampled();
        MissingReason[] memory reasons =
            _reasons(MissingReason.None, MissingReason.None, MissingReason.WrongShape);
        // R = 150, cap = 90: 90 + 50.
        vm.expectEmit();
        emit I.ContributionMissing(1, carol, MissingReason.WrongShape);
        vm.expectEmit();
        emit I.RoundSealed(1, CANDIDATE, block.number, 140, _shifts(3, 0, 0), reasons);
        _seal(_shifts(3, 0, 0), reasons);

        Round memory r = registry.round(id);
        assertEq(uint8(r.phase), uint8(Phase.Sealed));
        assertEq(r.candidateDigest, CANDIDATE);
        assertEq(r.sealBlock, block.number);
        assertEq(r.available, 2);
        assertEq(r.weightCap, 90);
        assertEq(r.totalWeight, 140);
        assertEq(r.deadline, block.timestamp + 40);
        assertEq(_contribution(alice).clipShift, 3);
        Contribution memory c = _contribution(carol);
        assertEq(uint8(c.missing), uint8(MissingReason.WrongShape));
        _assertOutcome(carol, Outcome.Missing);
        _assertOutcome(alice, Outcome.None);
    }

    function test_RevertGiven_SamplesArePending() public {
        _toCollecting();
        _sample(alice);
        skip(60);
        _expectRevert(I.ContributionRegistry_SamplesPending.selector, 3, 1);
        _seal(new uint8[](3), new MissingReason[](3));
    }

    function test_ContributionWithoutSampleIsMissingWhateverTheCoordinatorSays() public {
        _toCollecting();
        _sample(alice);
        _sample(bob);
        skip(61);
        vm.expectEmit();
        emit I.ContributionMissing(1, carol, MissingReason.NoSample);
        _seal(new uint8[](3), new MissingReason[](3));
        assertEq(uint8(_contribution(carol).missing), uint8(MissingReason.NoSample));
        assertEq(registry.round(id).available, 2);
    }

    function test_RevertWhen_NoSampleIsClaimedAboutASample() public {
        _toSampled();
        vm.expectRevert(abi.encodeWithSelector(I.ContributionRegistry_SampleExists.selector, bob));
        _seal(_shifts(0, 0, 0), _reasons(MissingReason.None, MissingReason.NoSample, MissingReason.None));
    }

    function test_CoordinatorMaySealLate() public {
        _toSampled();
        skip(1 days);
        _seal(new uint8[](3), new MissingReason[](3));
        _assertPhase(Phase.Sealed);
    }

    function test_RevertWhen_StrangerSeals() public {
        _toSampled();
        _expectNotCoordinator(stranger);
        vm.prank(stranger);
        registry.sealRound(id, CANDIDATE, new uint8[](3), new MissingReason[](3));
    }

    function test_RevertGiven_NotCollecting() public {
        _toSealed();
        _expectWrongPhase(Phase.Collecting, Phase.Sealed);
        _seal(new uint8[](3), new MissingReason[](3));
    }

    function test_RevertWhen_CandidateIsZero() public {
        _toSampled();
        vm.expectRevert(I.ContributionRegistry_ZeroDigest.selector);
        vm.prank(coordinator);
        registry.sealRound(id, 0, new uint8[](3), new MissingReason[](3));
    }

    function test_RevertWhen_ListHasAnotherLength() public {
        _toSampled();
        _expectRevert(I.ContributionRegistry_ListLength.selector, 3, 2);
        _seal(new uint8[](2), new MissingReason[](3));
        _expectRevert(I.ContributionRegistry_ListLength.selector, 3, 4);
        _seal(new uint8[](3), new MissingReason[](4));
    }

    function test_RevertWhen_MissingContributionHasAShift() public {
        _toSampled();
        vm.expectRevert(abi.encodeWithSelector(I.ContributionRegistry_ShiftOfMissing.selector, bob, 1));
        _seal(_shifts(0, 1, 0), _reasons(MissingReason.None, MissingReason.NearCopy, MissingReason.None));
    }

    function testFuzz_ClippedExponentStaysInBounds(uint8 shift) public {
        _toSampled();
        if (shift > 14) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    I.ContributionRegistry_ExponentOutOfRange.selector,
                    int256(-24),
                    int256(-8),
                    int256(-10) - int256(uint256(shift))
                )
            );
        }
        _seal(_shifts(shift, 0, 0), new MissingReason[](3));
    }

    /// Uploads follow the sample, and have the same time.
    function test_RevertWhen_AnUploadIsCalledMissingBeforeTheDeadline() public {
        _toSampled();
        MissingReason[] memory reasons =
            _reasons(MissingReason.None, MissingReason.NotUploaded, MissingReason.None);
        uint256 deadline = registry.round(id).deadline;
        skip(60);
        assertEq(block.timestamp, deadline);
        _expectRevert(I.ContributionRegistry_DeadlineNotPassed.selector, deadline, deadline);
        _seal(_shifts(0, 0, 0), reasons);
        skip(1);
        _seal(_shifts(0, 0, 0), reasons);
        assertEq(uint8(_contribution(bob).missing), uint8(MissingReason.NotUploaded));
    }

    function test_RevertWhen_TheCandidateIsTheBase() public {
        _toSampled();
        vm.expectRevert(abi.encodeWithSelector(I.ContributionRegistry_CandidateIsBase.selector, GENESIS));
        vm.prank(coordinator);
        registry.sealRound(id, GENESIS, _shifts(0, 0, 0), new MissingReason[](3));
    }

    function test_RevertGiven_TheHashExpiredAndSoDidTheDeadline() public {
        _toSampling();
        uint256 deadline = registry.round(id).deadline;
        vm.roll(block.number + 257);
        skip(61);
        _expectRevert(I.ContributionRegistry_DeadlinePassed.selector, deadline, deadline + 1);
        registry.drawSample(id);
    }

    function test_RevertGiven_NothingIsAvailable() public {
        _toSampled();
        vm.expectRevert(I.ContributionRegistry_NoneAvailable.selector);
        _seal(
            _shifts(0, 0, 0),
            _reasons(MissingReason.WrongShape, MissingReason.WrongShape, MissingReason.BadSignature)
        );
    }

    function test_WeightCapIsAtLeastOne() public {
        Parameters memory p = _parameters();
        p.maxWeightShareBps = 1;
        registry = _deploy(p);
        _joinAll();
        _toSealed();
        Round memory r = registry.round(id);
        assertEq(r.weightCap, 1);
        assertEq(r.totalWeight, 3);
    }

    function test_RevertWhen_TotalWeightIsTooLarge() public {
        Parameters memory p = _parameters();
        p.maxNodes = 256;
        p.maxWeightShareBps = 10_000;
        nodeRules.maxNodes = 256;
        registry = _deploy(p);
        _joinAll();
        _open();
        uint32 size = 1 << 24;
        // 64 · 2^24 = 2^30
        address[] memory crowd = new address[](64);
        for (uint256 i; i < 64; ++i) {
            crowd[i] = address(uint160(0x1000 + i));
            vm.mockCall(
                address(nodes),
                abi.encodeCall(nodes.registration, (crowd[i])),
                abi.encode(true, uint8(0), size, uint40(1))
            );
            _commit(crowd[i], size, -8);
        }
        skip(101);
        _close();
        _drawSample();
        for (uint256 i; i < 64; ++i) {
            _sample(crowd[i]);
        }
        _expectRevert(I.ContributionRegistry_TotalWeightTooLarge.selector, (1 << 30) - 1, 1 << 30);
        _seal(new uint8[](64), new MissingReason[](64));

        MissingReason[] memory reasons = new MissingReason[](64);
        reasons[0] = MissingReason.WrongShape;
        _seal(new uint8[](64), reasons);
        assertEq(registry.round(id).totalWeight, 63 << 24);
    }
}
