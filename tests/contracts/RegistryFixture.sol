// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { MockVerifier } from "./doubles/MockVerifier.sol";
import { ContributionRegistry } from "contracts/ContributionRegistry.sol";
import { CoordinatorSet } from "contracts/CoordinatorSet.sol";
import { NetworkParameters } from "contracts/NetworkParameters.sol";
import { NodeRegistry } from "contracts/NodeRegistry.sol";
import {
    IContributionRegistry,
    IContributionRegistry as I
} from "contracts/interfaces/IContributionRegistry.sol";
import { IParticipation } from "contracts/interfaces/IParticipation.sol";
import { IProofVerifier } from "contracts/interfaces/IProofVerifier.sol";
import { IRandomness } from "contracts/interfaces/IRandomness.sol";
import { OpenParticipation } from "contracts/participation/OpenParticipation.sol";
import { BlockHashRandomness } from "contracts/randomness/BlockHashRandomness.sol";
import { Challenge } from "contracts/types/Challenge.sol";
import { Contribution } from "contracts/types/Contribution.sol";
import { CoordinatorRules } from "contracts/types/CoordinatorRules.sol";
import { Finalization } from "contracts/types/Finalization.sol";
import { MissingReason } from "contracts/types/MissingReason.sol";
import { NodeRules } from "contracts/types/NodeRules.sol";
import { Outcome } from "contracts/types/Outcome.sol";
import { Parameters } from "contracts/types/Parameters.sol";
import { Parts } from "contracts/types/Parts.sol";
import { Phase } from "contracts/types/Phase.sol";
import { Round } from "contracts/types/Round.sol";
import { VerifierRouter } from "contracts/verifiers/VerifierRouter.sol";
import { Test } from "forge-std/Test.sol";

/// @notice A network with four nodes, and the steps of a round as one word each.
abstract contract RegistryFixture is Test {
    uint32 internal constant M = 960;
    uint256 internal constant BOND = 1 gwei;
    uint96 internal constant MIN_BOND = 20 gwei;
    uint32 internal constant DATASET_SIZE = 100;
    uint32 internal constant EXIT_DELAY = 1 hours;
    uint8 internal constant FAULT_LIMIT = 3;
    uint8 internal constant FAULT_WINDOW = 5;
    uint16 internal constant FORFEIT_BPS = 2500;
    uint8 internal constant IDLE_ROUNDS = 3;
    uint96 internal constant COORDINATOR_BOND = 1 ether;
    uint96 internal constant PENALTY = 0.25 ether;
    uint32 internal constant IDLE_WINDOW = 1 days;
    bytes32 internal constant GENESIS = keccak256("genesis");
    bytes32 internal constant POOL_ROOT = keccak256("pool");
    bytes32 internal constant CANDIDATE = keccak256("candidate");
    uint64 internal constant BASE_LOSS = 900_000_000;
    uint64 internal constant CANDIDATE_LOSS = 850_000_000;
    bytes internal constant PROOF = "proof";

    address internal owner = makeAddr("owner");
    address internal coordinator = makeAddr("coordinator");
    address internal standby = makeAddr("standby");
    address internal reserve = makeAddr("reserve");
    address internal stranger = makeAddr("stranger");
    address internal alice = makeAddr("alice"); // task 0
    address internal bob = makeAddr("bob"); // task 1
    address internal carol = makeAddr("carol"); // task 2
    address internal dave = makeAddr("dave"); // task 0

    NodeRules internal nodeRules; // of the next deployment
    string[] internal taskNames; // of the next deployment
    CoordinatorSet internal coordinators;
    NodeRegistry internal nodes;
    ContributionRegistry internal registry;
    uint256 internal id; // the round that the test is about
    bytes32 internal sampleSeed;
    bytes32 internal candidate; // of that round; CANDIDATE in the first

    function setUp() public virtual {
        vm.warp(1_700_000_000);
        vm.roll(1000);
        _setNodeRules();
        registry = _deploy(_parameters());
        _joinAll();
    }

    function _setNodeRules() internal {
        nodeRules = NodeRules({
            bondPerExampleWei: BOND,
            minBondWei: MIN_BOND,
            maxNodes: 16,
            exitDelay: EXIT_DELAY,
            faultLimit: FAULT_LIMIT,
            faultWindow: FAULT_WINDOW,
            forfeitBps: FORFEIT_BPS,
            idleRounds: IDLE_ROUNDS
        });
        taskNames = _taskNames();
    }

    function _joinAll() internal {
        _join(alice, 0);
        _join(bob, 1);
        _join(carol, 2);
        _join(dave, 0);
    }

    function _deploy(Parameters memory p) internal returns (ContributionRegistry) {
        return _deploy(p, new MockVerifier(M));
    }

    /// Deploys both registries: each belongs to one of the other kind.
    function _deploy(Parameters memory p, IProofVerifier verifier) internal returns (ContributionRegistry) {
        Parts memory parts = _partsOfNext(verifier, p);
        return new ContributionRegistry(
            coordinators, parts, GENESIS, "genesis-cid", keccak256("manifest"), "manifest-cid"
        );
    }

    function _partsOfNext(IProofVerifier verifier, Parameters memory p) internal returns (Parts memory) {
        VerifierRouter router = new VerifierRouter(owner, verifier);
        return _partsOfNext(router, new BlockHashRandomness(), verifier.circuitId(), p);
    }

    /// Coordinators, nodes and rules for the registry that this contract deploys right after them.
    function _partsOfNext(
        VerifierRouter router,
        IRandomness randomness,
        bytes32 circuitId,
        Parameters memory p
    ) internal returns (Parts memory) {
        OpenParticipation participation = new OpenParticipation();
        address next = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 3);
        _deployCoordinators(next);
        _deployNodes(next, participation);
        return Parts(new NetworkParameters(owner, nodes, router, p, circuitId), randomness);
    }

    /// The coordinator with its bond five times over, and two standbys with theirs.
    function _deployCoordinators(address registry_) internal {
        address[] memory list = new address[](3);
        (list[0], list[1], list[2]) = (coordinator, standby, reserve);
        CoordinatorRules memory rules = CoordinatorRules(COORDINATOR_BOND, PENALTY, EXIT_DELAY, IDLE_WINDOW);
        // One creation, whatever else it takes: where the registry will be depends on how many there are.
        vm.deal(address(this), address(this).balance + 7 * COORDINATOR_BOND);
        Bonded bonded = new Bonded{ value: 7 * COORDINATOR_BOND }(owner, registry_, rules, list);
        coordinators = CoordinatorSet(vm.computeCreateAddress(address(bonded), 1));
    }

    function _deployNodes(address registry_, IParticipation participation) internal returns (NodeRegistry) {
        nodes = new NodeRegistry(owner, registry_, payable(0), participation, taskNames, nodeRules);
        return nodes;
    }

    /// Rules for the nodes that were deployed last.
    function _parts(IProofVerifier verifier, Parameters memory p) internal returns (Parts memory) {
        VerifierRouter router = new VerifierRouter(owner, verifier);
        return Parts(
            new NetworkParameters(owner, nodes, router, p, verifier.circuitId()), new BlockHashRandomness()
        );
    }

    function _taskNames() internal pure returns (string[] memory names) {
        names = new string[](3);
        names[0] = "pick";
        names[1] = "push";
        names[2] = "stack";
    }

    function _parameters() internal pure returns (Parameters memory p) {
        p.minCommitWindow = 10;
        p.commitWindow = 100;
        p.collectWindow = 60;
        p.sealWindow = 50;
        p.challengeWindow = 40;
        p.provingWindow = 80;
        p.finalizeWindow = 30;
        p.quorum = 2;
        p.maxNodes = 4;
        p.minExponent = -24;
        p.maxExponent = -8;
        p.maxWeightShareBps = 6000;
        p.zMin = 4;
        p.maxRegressionNano = 1000;
        p.parameterCount = 10_000;
        p.framesPerTask = 8;
    }

    function _join(address node, uint8 task) internal {
        vm.deal(node, 1 ether);
        rewind(1); // a round is for those who were there before it
        vm.prank(node);
        nodes.join{ value: DATASET_SIZE * BOND }(task, DATASET_SIZE, "key");
        skip(1);
    }

    // ---------------------------------------------------------------- steps

    function _open() internal {
        vm.prank(coordinator);
        id = registry.openRound(POOL_ROOT);
        candidate = id == 1 ? CANDIDATE : keccak256(abi.encode(CANDIDATE, id));
    }

    function _digest(address node) internal view returns (bytes32) {
        return keccak256(abi.encode("update", id, node));
    }

    function _commit(address node, uint32 numExamples, int8 exponent) internal {
        vm.prank(node);
        registry.commitUpdate(id, _digest(node), numExamples, exponent);
    }

    function _close() internal {
        vm.prank(coordinator);
        registry.closeCommits(id);
    }

    function _drawSample() internal {
        vm.roll(block.number + 1);
        registry.drawSample(id);
        sampleSeed = registry.round(id).sampleSeed;
    }

    function _sampleCommitment(address node) internal pure returns (bytes memory) {
        return abi.encode(uint256(1), node);
    }

    function _sample(address node) internal {
        vm.prank(node);
        registry.commitSample(id, sampleSeed, _sampleCommitment(node));
    }

    function _seal(uint8[] memory shifts, MissingReason[] memory missing) internal {
        vm.prank(coordinator);
        registry.sealRound(id, candidate, shifts, missing);
    }

    function _drawChallenge() internal {
        vm.roll(block.number + 1);
        registry.drawChallenge(id);
    }

    function _challenge() internal pure returns (Challenge memory c) {
        c.digest = keccak256("challenge");
        c.cid = "challenge-cid";
        c.unit = 1 << 50;
        c.baseLossNano = BASE_LOSS;
        c.candidateLossNano = CANDIDATE_LOSS;
        c.commonCommitment = abi.encode(uint256(7), uint256(8));
        c.taskCommitments = new bytes[](3);
        for (uint256 i; i < 3; ++i) {
            c.taskCommitments[i] = abi.encode(uint256(9), i);
        }
        c.directions = new bytes(M + 3 * (M / 4));
    }

    function _publish() internal {
        vm.prank(coordinator);
        registry.publishChallenge(id, _challenge());
    }

    /// Proves something that is admitted, with the sign of the share as wanted.
    function _prove(address node, int256 common) internal {
        vm.prank(node);
        registry.proveContribution(id, common, 2000, 100_000, 9000, PROOF);
    }

    function _proveNoise(address node) internal {
        vm.prank(node);
        registry.proveContribution(id, 100, 500, 100_000, 9000, PROOF);
    }

    function _result(bytes32 checkpoint, uint64 aggregateLoss, uint64 finalLoss, uint256 harmful)
        internal
        view
        returns (Finalization memory f)
    {
        f.checkpointDigest = checkpoint;
        f.checkpointCid = "checkpoint-cid";
        f.reportDigest = keccak256(abi.encode("report", id));
        f.reportCid = "report-cid";
        f.aggregateLossNano = aggregateLoss;
        f.finalLossNano = finalLoss;
        f.harmfulBitmap = harmful;
    }

    function _finalize(Finalization memory f) internal {
        vm.prank(coordinator);
        registry.finalizeRound(id, f);
    }

    // ---------------------------------------------------------------- ways to a phase

    /// Alice, Bob and Carol have committed.
    function _toCommitted() internal {
        _open();
        _commit(alice, 100, -10);
        _commit(bob, 50, -12);
        _commit(carol, 80, -9);
    }

    function _toSampling() internal {
        _toCommitted();
        skip(10);
        _close();
    }

    function _toCollecting() internal {
        _toSampling();
        _drawSample();
    }

    /// Everybody's sample is on chain.
    function _toSampled() internal {
        _toCollecting();
        _sample(alice);
        _sample(bob);
        _sample(carol);
    }

    function _toSealed() internal {
        _toSampled();
        _seal(new uint8[](3), new MissingReason[](3));
    }

    function _toDrawn() internal {
        _toSealed();
        _drawChallenge();
    }

    function _toProving() internal {
        _toDrawn();
        _publish();
    }

    function _toProven() internal {
        _toProving();
        _prove(alice, 50_000);
        _prove(bob, 40_000);
        _prove(carol, -30_000);
    }

    function _toFinalized() internal {
        _toProven();
        _finalize(_result(candidate, CANDIDATE_LOSS, CANDIDATE_LOSS, 0));
    }

    // ---------------------------------------------------------------- readings

    function _phase() internal view returns (Phase) {
        return registry.round(id).phase;
    }

    function _contribution(address node) internal view returns (Contribution memory) {
        return registry.contribution(id, node);
    }

    function _assertPhase(Phase expected) internal view {
        assertEq(uint8(_phase()), uint8(expected), "phase");
    }

    function _assertOutcome(address node, Outcome expected) internal view {
        assertEq(uint8(_contribution(node).outcome), uint8(expected), "outcome");
    }

    function _expectWrongPhase(Phase expected, Phase actual) internal {
        vm.expectRevert(abi.encodeWithSelector(I.ContributionRegistry_WrongPhase.selector, expected, actual));
    }

    function _expectNotCoordinator(address actual) internal {
        vm.expectRevert(
            abi.encodeWithSelector(I.ContributionRegistry_NotCoordinator.selector, coordinator, actual)
        );
    }

    function _expectRevert(bytes4 selector, uint256 expected, uint256 actual) internal {
        vm.expectRevert(abi.encodeWithSelector(selector, expected, actual));
    }
}

/// @notice Deploys coordinators and puts up their bonds: the first one's five times over.
contract Bonded {
    constructor(address owner, address registry, CoordinatorRules memory rules, address[] memory list)
        payable {
        CoordinatorSet set =
            new CoordinatorSet(owner, IContributionRegistry(registry), payable(0), rules, list);
        set.bond{ value: 5 * rules.bond }(list[0]);
        for (uint256 i = 1; i < list.length; ++i) {
            set.bond{ value: rules.bond }(list[i]);
        }
    }
}
