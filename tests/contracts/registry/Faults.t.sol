// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { RegistryFixture } from "../RegistryFixture.sol";
import { IContributionRegistry as I } from "contracts/interfaces/IContributionRegistry.sol";
import { INodeRegistry } from "contracts/interfaces/INodeRegistry.sol";
import { FaultReason } from "contracts/types/FaultReason.sol";
import { MissingReason } from "contracts/types/MissingReason.sol";
import { NodeStatus } from "contracts/types/NodeStatus.sol";
import { Outcome } from "contracts/types/Outcome.sol";

/// @notice What the registry of rounds reports as a fault, and what it does not.
contract FaultsTest is RegistryFixture {
    /// Alice and Dave have task 0, Bob has task 1, Carol task 2.
    function _toFourCollecting() internal {
        _toCommitted();
        _commit(dave, 70, -10);
        skip(10);
        _close();
        _drawSample();
    }

    function _sealAll(MissingReason[] memory missing) internal {
        _seal(new uint8[](4), missing);
    }

    function _toFourProving(MissingReason[] memory missing) internal {
        _toFourCollecting();
        _sample(alice);
        _sample(bob);
        _sample(carol);
        _sample(dave);
        skip(61); // nothing is called not uploaded before
        _sealAll(missing);
        _drawChallenge();
        _publish();
    }

    function _end() internal {
        skip(81);
        _finalize(_result(keccak256(abi.encode("aggregate", id)), 1, 1, 0));
    }

    function _assertFaults(address node, uint256 expected) internal view {
        assertEq(nodes.faults(node).lastRound, expected, "round of the newest fault");
    }

    function test_ACommitmentWithoutASampleIsAFault() public {
        _toFourCollecting();
        _sample(alice);
        _sample(bob);
        skip(61);
        vm.expectEmit();
        emit INodeRegistry.FaultRecorded(1, carol, FaultReason.NoSample, 1);
        vm.expectEmit();
        emit INodeRegistry.FaultRecorded(1, dave, FaultReason.NoSample, 1);
        _sealAll(new MissingReason[](4));
        _assertFaults(alice, 0);
        _assertFaults(bob, 0);
    }

    function test_WhatTheCoordinatorClaimsIsNoFault() public {
        vm.expectCall(address(nodes), abi.encodePacked(INodeRegistry.recordFault.selector), 0);
        for (uint8 reason = 1; reason < uint8(MissingReason.NoSample); ++reason) {
            MissingReason[] memory missing = new MissingReason[](4);
            missing[1] = MissingReason(reason);
            _toFourProving(missing);
            _assertOutcome(bob, Outcome.Missing);
            vm.prank(coordinator);
            registry.abortRound(id);
        }
        _assertFaults(bob, 0);
    }

    /// Whatever the coordinator says about it, the chain saw no sample.
    function test_AClaimDoesNotHideAMissingSample() public {
        _toFourCollecting();
        _sample(alice);
        _sample(bob);
        _sample(carol);
        skip(61);
        MissingReason[] memory missing = new MissingReason[](4);
        missing[3] = MissingReason.WrongShape;
        _sealAll(missing);
        _assertFaults(dave, 1);
    }

    function test_ANodeThatDoesNotProveIsAtFaultIfItsTaskWasProvable() public {
        _toFourProving(new MissingReason[](4));
        _prove(alice, 1);
        skip(81);
        vm.expectEmit();
        emit INodeRegistry.FaultRecorded(1, dave, FaultReason.NotProven, 1);
        _finalize(_result(keccak256("aggregate"), 1, 1, 0));
        _assertFaults(alice, 0);
        _assertOutcome(bob, Outcome.NotProven);
        _assertFaults(bob, 0); // the only one of its task
        _assertFaults(carol, 0);
    }

    /// The order of commitments makes no difference.
    function test_TheOneThatProvedMayHaveCommittedLater() public {
        _toFourProving(new MissingReason[](4));
        _prove(dave, 1);
        _end();
        _assertFaults(alice, 1);
        _assertFaults(dave, 0);
    }

    /// A coordinator that publishes an unprovable direction costs nobody a bond.
    function test_ATaskOfWhichNobodyProvedIsNoFault() public {
        _toFourProving(new MissingReason[](4));
        _prove(bob, 1);
        _prove(carol, 1);
        vm.expectCall(address(nodes), abi.encodePacked(INodeRegistry.recordFault.selector), 0);
        _end();
        _assertOutcome(alice, Outcome.NotProven);
        _assertOutcome(dave, Outcome.NotProven);
    }

    /// A missing contribution is no proof that the task was provable.
    function test_AMissingOneOfTheTaskIsNoProof() public {
        MissingReason[] memory missing = new MissingReason[](4);
        missing[0] = MissingReason.WrongShape;
        _toFourProving(missing);
        _prove(bob, 1);
        _end();
        _assertFaults(dave, 0);
    }

    function test_AProofBelowTheThresholdIsNoFaultAndShowsThatTheTaskIsProvable() public {
        _toFourProving(new MissingReason[](4));
        _proveNoise(alice);
        _prove(bob, 1);
        _end();
        _assertOutcome(alice, Outcome.BelowThreshold);
        _assertFaults(alice, 0);
        _assertFaults(dave, 1);
    }

    function test_AnHonestRoundReportsNothing() public {
        vm.expectCall(address(nodes), abi.encodePacked(INodeRegistry.recordFault.selector), 0);
        _toFinalized();
    }

    function test_AnAbortedRoundReportsNothing() public {
        vm.expectCall(address(nodes), abi.encodePacked(INodeRegistry.recordFault.selector), 0);
        _toFourCollecting();
        skip(111);
        registry.abortRound(id);
    }

    function test_RevertGiven_NobodyHasASample() public {
        _toFourCollecting();
        skip(61);
        vm.expectRevert(I.ContributionRegistry_NoneAvailable.selector);
        _sealAll(new MissingReason[](4));
        _assertFaults(alice, 0);
    }

    function test_ThreeFaultsSuspendAndATopUpLetsTheNodeCommitAgain() public {
        for (uint256 i; i < 3; ++i) {
            _toFourCollecting();
            _sample(alice);
            _sample(bob);
            _sample(carol);
            skip(61);
            _sealAll(new MissingReason[](4));
            vm.prank(coordinator);
            registry.abortRound(id);
        }
        assertEq(uint8(nodes.node(dave).status), uint8(NodeStatus.Suspended));
        assertEq(nodes.activeCount(), 3);
        _open();
        bytes32 digest = _digest(dave);
        vm.expectRevert(abi.encodeWithSelector(I.ContributionRegistry_NotActive.selector, dave));
        vm.prank(dave);
        registry.commitUpdate(id, digest, 1, -8);
        nodes.topUp{ value: DATASET_SIZE * BOND / 4 }(dave);
        // As if it had just joined: in the next round.
        vm.expectPartialRevert(I.ContributionRegistry_JoinedTooLate.selector);
        vm.prank(dave);
        registry.commitUpdate(id, digest, 1, -8);
        vm.prank(coordinator);
        registry.abortRound(id);
        skip(1);
        _open();
        vm.prank(dave);
        registry.commitUpdate(id, digest, 1, -8);
    }
}
