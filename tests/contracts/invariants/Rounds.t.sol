// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { RoundHandler } from "./RoundHandler.sol";
import { ContributionRegistry } from "contracts/ContributionRegistry.sol";
import { CoordinatorSet } from "contracts/CoordinatorSet.sol";
import { NodeRegistry } from "contracts/NodeRegistry.sol";
import { INetworkParameters } from "contracts/interfaces/INetworkParameters.sol";
import { Shares } from "contracts/libraries/Shares.sol";
import { Contribution } from "contracts/types/Contribution.sol";
import { MissingReason } from "contracts/types/MissingReason.sol";
import { Node } from "contracts/types/Node.sol";
import { NodeStatus } from "contracts/types/NodeStatus.sol";
import { Outcome } from "contracts/types/Outcome.sol";
import { Phase } from "contracts/types/Phase.sol";
import { Round } from "contracts/types/Round.sol";
import { Test } from "forge-std/Test.sol";

/// @notice The laws of the state machine, whatever anybody does.
contract RoundInvariants is Test {
    RoundHandler internal handler;
    ContributionRegistry internal registry;
    NodeRegistry internal nodes;

    function setUp() public {
        handler = new RoundHandler();
        (registry, nodes) = handler.network();
        bytes4[] memory selectors = new bytes4[](13);
        selectors[0] = RoundHandler.advance.selector;
        selectors[1] = RoundHandler.commit.selector;
        selectors[2] = RoundHandler.sample.selector;
        selectors[3] = RoundHandler.prove.selector;
        selectors[4] = RoundHandler.wander.selector;
        selectors[5] = RoundHandler.membership.selector;
        selectors[6] = RoundHandler.round.selector;
        selectors[7] = RoundHandler.commitAll.selector;
        selectors[8] = RoundHandler.disturb.selector;
        selectors[9] = RoundHandler.changeRules.selector;
        selectors[10] = RoundHandler.sweep.selector;
        selectors[11] = RoundHandler.lapse.selector;
        selectors[12] = RoundHandler.proveWithForeign.selector;
        targetContract(address(handler));
        targetSelector(FuzzSelector({ addr: address(handler), selectors: selectors }));
    }

    function invariant_PhasesOnlyMoveForward() public view {
        assertFalse(handler.wentBack(), "a phase only moves forward");
    }

    function invariant_RoundsThatAreOverNeverChange() public view {
        for (uint256 i = 1; i <= registry.roundCount(); ++i) {
            if (handler.frozen(i) == 0) continue;
            assertEq(handler.hash(i), handler.frozen(i), "a finalized round never changes");
        }
    }

    function invariant_OnlyTheLastRoundIsRunning() public view {
        for (uint256 i = 1; i < registry.roundCount(); ++i) {
            assertGe(uint8(registry.round(i).phase), uint8(Phase.Finalized), "one round at a time");
        }
    }

    function invariant_EveryCheckpointsParentExists() public view {
        bytes32 newest = registry.roundCount() == 0 ? registry.head() : registry.round(1).baseDigest;
        assertTrue(handler.published(newest), "the first one was published");
        for (uint256 i = 1; i <= registry.roundCount(); ++i) {
            Round memory r = registry.round(i);
            assertEq(r.baseDigest, newest, "a checkpoint's parent is the newest one before it");
            if (r.phase != Phase.Finalized) continue;
            newest = r.checkpointDigest;
            assertEq(r.baseKept, newest == r.baseDigest, "a kept base is no new checkpoint");
            assertTrue(handler.published(newest), "every checkpoint was published by a round");
        }
        assertEq(registry.head(), newest, "the head is the newest checkpoint");
    }

    function invariant_ANodeContributesOnceInARound() public view {
        for (uint256 i = 1; i <= registry.roundCount(); ++i) {
            Contribution[] memory all = registry.contributionsOf(i, 0, 256);
            assertEq(all.length, handler.commits(i), "every commitment counts");
            for (uint256 j; j < all.length; ++j) {
                assertEq(handler.commitsOf(i, all[j].node), 1, "a contribution counts at most once");
                assertEq(abi.encode(registry.contribution(i, all[j].node)), abi.encode(all[j]));
            }
        }
    }

    function invariant_BalanceCoversBonds() public view {
        uint256 bonds;
        uint256 active;
        for (uint256 i; i < handler.crowdSize(); ++i) {
            address node = handler.crowd(i);
            bonds += nodes.node(node).bond;
            if (nodes.isActive(node)) ++active;
        }
        assertEq(address(nodes).balance, bonds + nodes.forfeited(), "the balance covers bonds and forfeits");
        assertEq(address(nodes).balance, handler.paidIn() - handler.paidOut(), "nothing is lost");
        assertEq(nodes.activeCount(), active);
        assertEq(nodes.nodes(0, 256).length, active);
    }

    function invariant_BalanceCoversCoordinatorsBonds() public view {
        (CoordinatorSet set, address[] memory list) = handler.coordinatorSet();
        uint256 bonds;
        for (uint256 i; i < list.length; ++i) {
            bonds += set.seat(list[i]).bond;
        }
        assertEq(address(set).balance, bonds + set.forfeited(), "the balance covers bonds and penalties");
        assertEq(address(set).balance, 7 ether - handler.penaltiesSent(), "nothing is lost");
    }

    function invariant_NoProofIsAcceptedForAnythingElse() public view {
        assertEq(handler.foreignAccepted(), 0, "a proof of another node, round, registry, chain or circuit");
    }

    function invariant_OnlyActiveNodesHaveAFullBond() public view {
        for (uint256 i; i < handler.crowdSize(); ++i) {
            Node memory n = nodes.node(handler.crowd(i));
            if (n.status == NodeStatus.Active) {
                assertGe(n.bond, 100 gwei, "an active node's bond is covered");
            }
            if (n.status == NodeStatus.Suspended) assertLt(n.bond, 100 gwei, "a suspended node's is not");
        }
    }

    /// A fault is something that the chain saw: never what the coordinator said about an upload.
    function invariant_AFaultIsWhatTheChainSaw() public view {
        for (uint256 i; i < handler.crowdSize(); ++i) {
            address node = handler.crowd(i);
            uint256 roundId = nodes.faults(node).lastRound;
            if (roundId == 0) continue;
            Contribution memory c = registry.contribution(roundId, node);
            bool noSample = c.outcome == Outcome.Missing && c.missing == MissingReason.NoSample;
            assertTrue(noSample || c.outcome == Outcome.NotProven, "a fault of an honest node");
        }
    }

    function invariant_EveryContributionOfAFinalizedRoundHasAnOutcome() public view {
        for (uint256 i = 1; i <= registry.roundCount(); ++i) {
            Round memory r = registry.round(i);
            if (r.phase != Phase.Finalized) continue;
            Contribution[] memory all = registry.contributionsOf(i, 0, 256);
            for (uint256 j; j < all.length; ++j) {
                assertNotEq(uint8(all[j].outcome), uint8(Outcome.None), "every contribution has an outcome");
                _checkProven(i, all[j], r);
            }
        }
    }

    function invariant_ARoundFollowsTheRulesThatItWasOpenedWith() public view {
        INetworkParameters rules = registry.networkParameters();
        for (uint256 i = 1; i <= rules.version(); ++i) {
            assertEq(keccak256(abi.encode(rules.rules(i))), handler.rulesHash(i), "a version never changes");
        }
        for (uint256 i = 1; i <= registry.roundCount(); ++i) {
            Round memory r = registry.round(i);
            assertEq(r.parametersVersion, handler.versionOf(i), "the newest version when it was opened");
            if (r.totalWeight == 0) continue;
            uint256 bps = rules.rules(r.parametersVersion).parameters.maxWeightShareBps;
            uint256 examples;
            Contribution[] memory all = registry.contributionsOf(i, 0, 256);
            for (uint256 j; j < all.length; ++j) {
                if (all[j].outcome != Outcome.Missing) examples += all[j].numExamples;
            }
            assertEq(r.weightCap, Shares.weightCap(examples, bps), "and what it says");
        }
    }

    function invariant_CountsAddUp() public view {
        for (uint256 i = 1; i <= registry.roundCount(); ++i) {
            Round memory r = registry.round(i);
            assertLe(r.accepted, r.proven);
            assertLe(r.proven, r.available);
            assertLe(r.available, r.samples);
            assertLe(r.samples, r.count);
            assertLe(r.count, 4);
            uint256 totalWeight;
            Contribution[] memory all = registry.contributionsOf(i, 0, 256);
            for (uint256 j; j < all.length; ++j) {
                if (r.totalWeight == 0 || all[j].outcome == Outcome.Missing) continue;
                totalWeight += all[j].numExamples < r.weightCap ? all[j].numExamples : r.weightCap;
            }
            assertEq(r.totalWeight, totalWeight, "weights of the available ones");
        }
    }

    /// A proven contribution keeps what it proved; only the gate makes an accepted one harmful.
    function _checkProven(uint256 roundId, Contribution memory c, Round memory r) internal view {
        Outcome proven = handler.provenAs(roundId, c.node);
        if (proven == Outcome.None) {
            assertTrue(c.outcome == Outcome.Missing || c.outcome == Outcome.NotProven);
            assertEq(c.shareNano, 0);
        } else if (c.outcome == Outcome.Harmful) {
            assertEq(uint8(proven), uint8(Outcome.Accepted));
            assertGt(r.aggregateLossNano, r.baseLossNano, "harmful only if the gate was hit");
        } else {
            assertEq(uint8(c.outcome), uint8(proven), "acceptance follows from the proof");
        }
        if (proven == Outcome.BelowThreshold) assertEq(c.shareNano, 0);
    }

    /// The handler gets somewhere: laws about rounds that never happen would be worth nothing.
    function test_HandlerReachesEveryEnd() public {
        for (uint256 i; i < 24; ++i) {
            handler.round(uint256(keccak256(abi.encode(i))));
            if (i % 2 == 0) handler.changeRules(uint256(keccak256(abi.encode("rules", i))));
            if (i % 8 == 7) handler.wander(7 << 8 | 1, 0);
        }
        assertGt(handler.finalized(), 5);
        assertGt(handler.aborted(), 1);
        assertGt(handler.changes(), 12);
        for (uint256 i; i < handler.FOREIGN_KINDS(); ++i) {
            assertGt(handler.foreignRefused(i), 0, string.concat("a foreign proof: ", vm.toString(i)));
        }
        invariant_ARoundFollowsTheRulesThatItWasOpenedWith();
        uint256[6] memory outcomes;
        for (uint256 i = 1; i <= registry.roundCount(); ++i) {
            Contribution[] memory all = registry.contributionsOf(i, 0, 256);
            for (uint256 j; j < all.length; ++j) {
                ++outcomes[uint8(all[j].outcome)];
            }
        }
        for (uint256 i = 1; i < 6; ++i) {
            assertGt(outcomes[i], 0, string.concat("an outcome that never occurs: ", vm.toString(i)));
        }
    }

    function test_HandlerSuspendsAndReinstates() public {
        for (uint256 i; i < 8 && handler.suspensions() == 0; ++i) {
            handler.lapse(1);
            handler.wander(7 << 8 | 1 << 0, 199); // the coordinator gives the round up
            handler.wander(7 << 8, 199);
        }
        assertGt(handler.suspensions(), 0, "no node is ever suspended");
        handler.sweep();
        assertGt(handler.paidOut(), 0, "nothing is ever swept");
        assertGt(handler.penaltiesSent(), 0, "no coordinator ever pays");
        handler.membership(1, 99_999_999_999);
        assertGt(handler.reinstatements(), 0, "no node is ever reinstated");
    }
}
