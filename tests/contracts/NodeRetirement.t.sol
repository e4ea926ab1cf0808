// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { RegistryFixture } from "./RegistryFixture.sol";
import { NetworkParameters } from "contracts/NetworkParameters.sol";
import { INodeRegistry as N } from "contracts/interfaces/INodeRegistry.sol";
import { FaultReason } from "contracts/types/FaultReason.sol";
import { MissingReason } from "contracts/types/MissingReason.sol";
import { Node } from "contracts/types/Node.sol";
import { NodeStatus } from "contracts/types/NodeStatus.sol";
import { Parameters } from "contracts/types/Parameters.sol";

/// @notice Dave has a seat and lets rounds pass; three of them are enough to take it from him.
contract NodeRetirementTest is RegistryFixture {
    address internal erin = makeAddr("erin");

    function setUp() public override {
        super.setUp();
        skip(1); // what is opened now is opened after everybody joined
    }

    /// Alice, Bob and Carol have a round with a checkpoint of its own.
    function _pass() internal {
        _toProving();
        _passProofs();
    }

    function _passProofs() internal {
        _prove(alice, 50_000);
        _proveNoise(bob);
        _prove(carol, 40_000);
        if (registry.round(id).count > 3) _prove(dave, 30_000);
        _finalize(_result(keccak256(abi.encode(id)), BASE_LOSS, BASE_LOSS, 0));
        skip(1);
    }

    /// As `_pass`, and Dave takes part.
    function _passWithDave() internal {
        _toCommitted();
        _commit(dave, 10, -10);
        _close();
        _drawSample();
        _sample(alice);
        _sample(bob);
        _sample(carol);
        _sample(dave);
        bytes32 candidate = keccak256(abi.encode("candidate", id));
        vm.prank(coordinator);
        registry.sealRound(id, candidate, new uint8[](4), _none(4));
        _drawChallenge();
        _publish();
        _passProofs();
    }

    function _throwAway() internal {
        _open();
        vm.prank(coordinator);
        registry.abortRound(id);
        coordinator = registry.coordinator();
        skip(1);
    }

    /// Nobody but Dave could have made up the quorum.
    function _lapse() internal {
        _open();
        _commit(alice, 100, -10);
        skip(101);
        registry.closeCommits(id);
        coordinator = registry.coordinator();
    }

    function _retire(address node) internal {
        vm.prank(stranger);
        nodes.retire(node);
    }

    function _expectNotIdle(uint256 idle) internal {
        assertEq(nodes.idleRoundsOf(dave), idle);
        _expectRevert(N.NodeRegistry_NotIdle.selector, IDLE_ROUNDS, idle);
        _retire(dave);
    }

    function _expectWrongStatus(NodeStatus actual) internal {
        vm.expectRevert(
            abi.encodeWithSelector(N.NodeRegistry_WrongStatus.selector, NodeStatus.Active, actual)
        );
    }

    function test_AnyoneRetiresANodeThatLetsRoundsPass() public {
        for (uint256 i; i < IDLE_ROUNDS; ++i) {
            _expectNotIdle(i);
            _pass();
        }
        uint256 bond = nodes.node(dave).bond;
        uint64 exitAt = uint64(block.timestamp) + EXIT_DELAY;
        vm.expectEmit(address(nodes));
        emit N.NodeRetired(dave, stranger, exitAt);
        _retire(dave);
        Node memory n = nodes.node(dave);
        assertEq(uint8(n.status), uint8(NodeStatus.Exiting));
        assertEq(n.exitAt, exitAt);
        assertEq(n.bond, bond, "the bond is whole");
        assertEq(nodes.activeCount(), 3, "the seat is free");
        assertFalse(nodes.isActive(dave));
        assertEq(nodes.idleRoundsOf(dave), 0, "and counts for nobody who is not active");

        vm.warp(exitAt);
        uint256 before = dave.balance;
        vm.prank(dave);
        nodes.withdrawBond();
        assertEq(dave.balance, before + bond);
        _join(dave, 0);
        assertTrue(nodes.isActive(dave), "it may come back");
    }

    /// Where they are in the list must not matter.
    function test_TheOthersKeepTheirSeats() public {
        for (uint256 i; i < IDLE_ROUNDS; ++i) {
            _pass();
        }
        _retire(dave);
        vm.prank(bob);
        nodes.requestExit();
        assertEq(nodes.activeCount(), 2);
        assertTrue(nodes.isActive(alice) && nodes.isActive(carol));
    }

    function test_RevertGiven_TooFewRoundsHavePassed() public {
        for (uint256 i; i + 1 < IDLE_ROUNDS; ++i) {
            _pass();
        }
        _expectNotIdle(IDLE_ROUNDS - 1);
    }

    function test_CountingEndsAtTheLimit() public {
        for (uint256 i; i < IDLE_ROUNDS + 2; ++i) {
            _pass();
        }
        assertEq(nodes.idleRoundsOf(dave), IDLE_ROUNDS);
    }

    /// Else a coordinator could retire everybody with rounds that cost it nothing.
    function test_AbortedRoundsDoNotCount() public {
        for (uint256 i; i < IDLE_ROUNDS + 1; ++i) {
            _throwAway();
        }
        _expectNotIdle(0);
        _pass();
        _throwAway();
        _pass();
        _expectNotIdle(2);
        _throwAway();
        _pass();
        _throwAway();
        _retire(dave);
    }

    /// Else whoever holds all seats but a quorum's keeps them for ever, as no round is finalized.
    function test_RoundsThatLapseCount() public {
        _lapse();
        assertTrue(registry.round(id).lapsed);
        _expectNotIdle(1);
        _throwAway();
        assertFalse(registry.round(id).lapsed, "its window was not over");
        _lapse();
        _lapse();
        _retire(dave);
        assertEq(nodes.idleRoundsOf(alice), 0, "she was there");
    }

    function test_ARoundThatAnyoneAbortsForLackOfAQuorumLapses() public {
        _open();
        skip(101);
        vm.prank(stranger);
        registry.abortRound(id);
        assertTrue(registry.round(id).lapsed);
    }

    function test_RoundsAbortedWithAQuorumDoNotLapse() public {
        _toCommitted();
        skip(101);
        vm.prank(coordinator);
        registry.abortRound(id);
        assertFalse(registry.round(id).lapsed, "it could have been closed");
    }

    /// A coordinator alone decides what a round with a kept base looks like.
    function test_RoundsWithAKeptBaseDoNotCount() public {
        for (uint256 i; i < IDLE_ROUNDS; ++i) {
            _toProving();
            _proveNoise(alice);
            skip(81);
            _finalize(_result(registry.round(id).baseDigest, BASE_LOSS, BASE_LOSS, 0));
        }
        _expectNotIdle(0);
    }

    function test_FullRoundsDoNotCount() public {
        Parameters memory p = _parameters();
        p.maxNodes = 3;
        NetworkParameters rules = NetworkParameters(address(registry.networkParameters()));
        bytes32 circuitId = rules.rules(1).circuitId;
        vm.prank(owner);
        rules.setParameters(p, circuitId);
        for (uint256 i; i < IDLE_ROUNDS; ++i) {
            _pass();
        }
        _expectNotIdle(0);
    }

    function test_ARunningRoundDoesNotCount() public {
        _pass();
        _pass();
        _toProving();
        _expectNotIdle(2);
        _passProofs();
        _retire(dave);
    }

    function test_ACommitmentStartsTheCountAnew() public {
        _pass();
        _pass();
        _passWithDave();
        _expectNotIdle(0);
        _pass();
        _pass();
        _expectNotIdle(2);
    }

    /// A node that waits for a round to go on is not idle.
    function test_RevertGiven_ItHasCommittedToTheRunningRound() public {
        for (uint256 i; i < IDLE_ROUNDS; ++i) {
            _pass();
        }
        _open();
        _commit(dave, 10, -10);
        _expectNotIdle(0);
        vm.prank(coordinator);
        registry.abortRound(id);
        _expectNotIdle(0);
    }

    function test_RoundsBeforeItJoinedDoNotCount() public {
        _pass();
        _toCommitted();
        hoax(erin); // in the second of the opening
        nodes.join{ value: DATASET_SIZE * BOND }(0, DATASET_SIZE, "key");
        skip(10);
        _close();
        _drawSample();
        _sample(alice);
        _sample(bob);
        _sample(carol);
        bytes32 candidate = keccak256(abi.encode("candidate", id));
        vm.prank(coordinator);
        registry.sealRound(id, candidate, new uint8[](3), _none(3));
        _drawChallenge();
        _publish();
        _passProofs();
        assertEq(nodes.idleRoundsOf(erin), 0);
        assertEq(nodes.idleRoundsOf(dave), 2);
        _pass();
        assertEq(nodes.idleRoundsOf(erin), 1);
    }

    /// It could not have committed to a round of the same second.
    function test_ARoundOfTheSameSecondDoesNotCount() public {
        vm.deal(erin, 1 ether);
        vm.prank(erin);
        nodes.join{ value: DATASET_SIZE * BOND }(0, DATASET_SIZE, "key");
        _pass();
        assertEq(nodes.idleRoundsOf(erin), 0);
        assertEq(nodes.idleRoundsOf(dave), 1);
    }

    function test_RoundsThatItWasSuspendedForDoNotCount() public {
        vm.startPrank(address(registry));
        for (uint256 i = 1; i <= FAULT_LIMIT; ++i) {
            nodes.recordFault(i, dave, FaultReason.NoSample);
        }
        vm.stopPrank();
        for (uint256 i; i < IDLE_ROUNDS; ++i) {
            _pass();
        }
        _expectWrongStatus(NodeStatus.Suspended);
        _retire(dave);
        vm.deal(stranger, 1 ether);
        vm.prank(stranger);
        nodes.topUp{ value: 1 ether }(dave);
        assertTrue(nodes.isActive(dave));
        _expectNotIdle(0);
    }

    function test_RevertWhen_ItIsNotActive() public {
        for (uint256 i; i < IDLE_ROUNDS; ++i) {
            _pass();
        }
        _expectWrongStatus(NodeStatus.None);
        _retire(stranger);
        vm.prank(dave);
        nodes.requestExit();
        _expectWrongStatus(NodeStatus.Exiting);
        _retire(dave);
    }

    function test_GasOfRetiring() public {
        for (uint256 i; i < IDLE_ROUNDS; ++i) {
            _pass();
        }
        _coolDown();
        _retire(dave);
        vm.snapshotGasLastCall("Retire", "retire, 3 rounds");
    }

    /// So that a measured call pays for what it reads, as a transaction of its own does.
    function _coolDown() internal {
        vm.cool(address(nodes));
        vm.cool(address(registry));
    }

    function _none(uint256 count) internal pure returns (MissingReason[] memory) {
        return new MissingReason[](count);
    }
}
