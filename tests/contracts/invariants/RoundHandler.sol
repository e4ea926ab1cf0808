// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { RegistryFixture } from "../RegistryFixture.sol";
import { BoundVerifier } from "../doubles/BoundVerifier.sol";
import { ContributionRegistry } from "contracts/ContributionRegistry.sol";
import { CoordinatorSet } from "contracts/CoordinatorSet.sol";
import { NodeRegistry } from "contracts/NodeRegistry.sol";
import { INetworkParameters } from "contracts/interfaces/INetworkParameters.sol";
import { Challenge } from "contracts/types/Challenge.sol";
import { Contribution } from "contracts/types/Contribution.sol";
import { MissingReason } from "contracts/types/MissingReason.sol";
import { NodeStatus } from "contracts/types/NodeStatus.sol";
import { Outcome } from "contracts/types/Outcome.sol";
import { Parameters } from "contracts/types/Parameters.sol";
import { Phase } from "contracts/types/Phase.sol";
import { Round } from "contracts/types/Round.sol";

/// @notice Drives rounds, mostly forward and now and then not, and remembers what must never change.
contract RoundHandler is RegistryFixture {
    /// The ways in which a proof can be another's.
    uint256 public constant FOREIGN_KINDS = 5;

    address[] public crowd;
    bytes32[2] private _circuits = [keccak256("one"), keccak256("other")];

    // Ghosts.
    mapping(uint256 roundId => Phase) public lastPhase;
    mapping(uint256 roundId => bytes32) public frozen; // of a round that is over
    mapping(uint256 roundId => uint256) public commits;
    mapping(uint256 roundId => mapping(address node => uint256)) public commitsOf;
    mapping(uint256 roundId => mapping(address node => Outcome)) public provenAs;
    mapping(bytes32 digest => bool) public published;
    mapping(uint256 roundId => uint256) public versionOf; // newest when it was opened
    mapping(uint256 version => bytes32) public rulesHash;
    uint256 public changes;
    uint256 public finalized;
    uint256 public aborted;
    bool public wentBack;
    uint256 public paidIn; // bonds and top-ups
    uint256 public paidOut; // bonds given back, and forfeits sent on
    uint256 public suspensions;
    uint256 public reinstatements;
    uint256 public foreignAccepted; // proofs of another node, round, registry, chain or circuit
    mapping(uint256 kind => uint256) public foreignRefused; // for being one
    uint256 public penaltiesSent; // by the set of coordinators
    uint256 private _digests;
    mapping(address node => bool) private _wasSuspended;

    constructor() {
        setUp();
        address[6] memory names = [alice, bob, carol, dave, makeAddr("erin"), makeAddr("frank")];
        for (uint256 i; i < names.length; ++i) {
            crowd.push(names[i]);
            vm.deal(names[i], 10 ether);
        }
        published[GENESIS] = true;
        paidIn = address(nodes).balance;
        Sink sink = new Sink();
        vm.startPrank(owner);
        nodes.setBeneficiary(payable(sink));
        coordinators.setBeneficiary(payable(sink));
        registry.verifierRouter().add(new BoundVerifier(_circuits[1], M));
        vm.stopPrank();
        _observe();
    }

    function setUp() public override {
        vm.warp(1_700_000_000);
        vm.roll(1000);
        _setNodeRules();
        registry = _deploy(_parameters(), new BoundVerifier(_circuits[0], M));
        _joinAll();
    }

    function network() external view returns (ContributionRegistry, NodeRegistry) {
        return (registry, nodes);
    }

    function coordinatorSet() external view returns (CoordinatorSet set, address[] memory list) {
        return (coordinators, coordinators.coordinators());
    }

    function crowdSize() external view returns (uint256) {
        return crowd.length;
    }

    modifier observed() {
        coordinator = registry.coordinator();
        _;
        _observe();
    }

    // ---------------------------------------------------------------- actions

    /// The step that the round waits for.
    function advance(uint256 seed) public observed {
        id = registry.roundCount();
        Round memory r = registry.round(id);
        vm.roll(block.number + 1);
        if (r.phase == Phase.Committing) {
            if (r.count < 2) return;
            skip(10);
            _close();
        } else if (r.phase == Phase.Sampling) {
            registry.drawSample(id);
        } else if (r.phase == Phase.Collecting) {
            if (seed % 3 == 0) skip(61);
            _sealAs(r, seed);
        } else if (r.phase == Phase.Sealed) {
            r.challengeSeed == 0 ? registry.drawChallenge(id) : _publishWith(seed);
        } else if (r.phase == Phase.Proving) {
            if (seed % 3 == 0) skip(81);
            _finalizeAs(r, seed);
        } else {
            _open();
        }
    }

    function commit(uint256 who, uint32 numExamples, int8 exponent) public observed {
        id = registry.roundCount();
        address node = crowd[who % crowd.length];
        numExamples = uint32(_bound(numExamples, 1, DATASET_SIZE));
        exponent = int8(_bound(exponent, -24, -8));
        vm.prank(node);
        // Another digest each time: it must not be a taken digest that keeps a second commitment out.
        try registry.commitUpdate(id, keccak256(abi.encode(++_digests)), numExamples, exponent) {
            ++commits[id];
            ++commitsOf[id][node];
        } catch { }
    }

    function sample(uint256 who) public observed {
        id = registry.roundCount();
        bytes32 seed = registry.round(id).sampleSeed;
        address node = crowd[who % crowd.length];
        vm.prank(node);
        try registry.commitSample(id, seed, _sampleCommitment(node)) { } catch { }
    }

    function prove(uint256 who, int256 common, bool admitted) public observed {
        id = registry.roundCount();
        address node = crowd[who % crowd.length];
        common = _bound(common, -1_000_000, 1_000_000);
        bytes memory proof = _proofOf(node); // asks the registry, which a prank would be spent on
        vm.prank(node);
        try registry.proveContribution(
            id, common, admitted ? int256(2000) : int256(500), 100_000, 9000, proof
        ) {
            assertEq(uint8(provenAs[id][node]), uint8(Outcome.None), "proven twice");
            provenAs[id][node] = admitted ? Outcome.Accepted : Outcome.BelowThreshold;
        } catch { }
    }

    /// Somebody proves with what is good for another node, round, registry, chain or circuit.
    function proveWithForeign(uint256 who, uint256 kind) public observed {
        id = registry.roundCount();
        kind %= FOREIGN_KINDS;
        address node = crowd[who % crowd.length];
        bytes memory proof;
        if (kind == 0) proof = _proofOf(crowd[(who + 1) % crowd.length]);
        if (kind == 1) proof = _proof(_circuitOf(id), block.chainid, address(registry), id + 1, node);
        if (kind == 2) proof = _proof(_circuitOf(id), block.chainid, address(nodes), id, node);
        if (kind == 3) proof = _proof(_circuitOf(id), block.chainid + 1, address(registry), id, node);
        if (kind == 4) {
            bytes32 other = _circuits[_circuitOf(id) == _circuits[0] ? 1 : 0];
            proof = _proof(other, block.chainid, address(registry), id, node);
        }
        vm.prank(node);
        try registry.proveContribution(id, 1, 2000, 100_000, 9000, proof) {
            ++foreignAccepted;
        } catch (bytes memory reason) {
            if (bytes4(reason) == BoundVerifier.BoundVerifier_InvalidProof.selector) ++foreignRefused[kind];
        }
    }

    function _proofOf(address node) private view returns (bytes memory) {
        return _proof(_circuitOf(id), block.chainid, address(registry), id, node);
    }

    /// Not by `context` of the registry: the handler knows itself what a proof is for.
    function _proof(bytes32 circuit, uint256 chainId, address registry_, uint256 roundId, address node)
        private
        pure
        returns (bytes memory)
    {
        return abi.encode(circuit, uint256(keccak256(abi.encode(chainId, registry_, roundId, node))) >> 8);
    }

    function _circuitOf(uint256 roundId) private view returns (bytes32) {
        uint256 version = registry.round(roundId).parametersVersion;
        return version == 0 ? bytes32(0) : registry.networkParameters().rules(version).circuitId;
    }

    /// Everybody commits.
    function commitAll(uint256 seed) public {
        for (uint256 i; i < crowd.length; ++i) {
            commit(i, uint32(seed >> (8 * i)), int8(uint8(seed >> i)));
        }
    }

    /// A whole round, more or less.
    function round(uint256 seed) public {
        if (registry.round(registry.roundCount()).phase == Phase.None || _isOver()) advance(seed);
        commitAll(seed);
        advance(seed);
        advance(seed);
        for (uint256 i; i < crowd.length; ++i) {
            if ((seed >> i) % 8 != 0) sample(i);
        }
        advance(seed);
        advance(seed);
        advance(seed);
        if ((seed >> 64) % 2 == 0) changeRules(seed >> 8);
        for (uint256 i; i < crowd.length; ++i) {
            proveWithForeign(i, (seed >> 128) + i);
            if ((seed >> (20 + i)) % 8 != 0) prove(i, int256(seed >> (30 + i)), (seed >> (40 + i)) % 4 != 0);
        }
        advance(seed);
    }

    /// A round in which one node commits, and then nothing more comes from it.
    function lapse(uint256 who) public {
        if (registry.round(registry.roundCount()).phase == Phase.None || _isOver()) advance(0);
        commitAll(0);
        advance(0);
        advance(0);
        for (uint256 i; i < crowd.length; ++i) {
            if (i != who % crowd.length) sample(i);
        }
        advance(0xFFFF00); // after the deadline, and nobody else is called missing
    }

    function _isOver() private view returns (bool) {
        return registry.round(registry.roundCount()).phase >= Phase.Finalized;
    }

    /// Somebody tries something at some time, whatever the phase.
    function wander(uint256 seed, uint16 seconds_) public observed {
        id = seed % 5 == 0 ? (seed >> 16) % 4 : registry.roundCount();
        skip(seconds_ % 200);
        address who = seed % 2 == 0 ? stranger : coordinator;
        Round memory r = registry.round(id);
        uint256 op = (seed >> 8) % 9;
        vm.startPrank(who);
        if (op == 0) try registry.openRound(POOL_ROOT) { } catch { }
        if (op == 1) try registry.closeCommits(id) { } catch { }
        if (op == 2) try registry.drawSample(id) { } catch { }
        if (op == 3) {
            try registry.sealRound(id, CANDIDATE, new uint8[](r.count), new MissingReason[](r.count)) { }
                catch { }
        }
        if (op == 4) try registry.drawChallenge(id) { } catch { }
        if (op == 5) try registry.publishChallenge(id, _challenge()) { } catch { }
        if (op == 6) {
            try registry.finalizeRound(id, _result(r.baseDigest, BASE_LOSS, BASE_LOSS, 0)) { } catch { }
        }
        if (op == 7 && seed % 4 < 2) try registry.abortRound(id) { } catch { }
        if (op == 8) vm.roll(block.number + 300);
        vm.stopPrank();
    }

    /// Everybody tries everything on a round that is over.
    function disturb(uint256 seed) public observed {
        uint256 count = registry.roundCount();
        if (count == 0) return;
        id = 1 + seed % count;
        Round memory r = registry.round(id);
        if (r.phase < Phase.Finalized) return;
        skip(seed % 2 == 0 ? 0 : 1 hours);
        vm.roll(block.number + 1);
        address[3] memory everybody = [coordinator, stranger, crowd[seed % crowd.length]];
        for (uint256 i; i < everybody.length; ++i) {
            vm.startPrank(everybody[i]);
            try registry.commitUpdate(id, keccak256(abi.encode(++_digests)), 1, -8) { } catch { }
            try registry.closeCommits(id) { } catch { }
            try registry.drawSample(id) { } catch { }
            try registry.commitSample(id, r.sampleSeed, _sampleCommitment(everybody[i])) { } catch { }
            try registry.sealRound(id, CANDIDATE, new uint8[](r.count), new MissingReason[](r.count)) { }
                catch { }
            try registry.drawChallenge(id) { } catch { }
            try registry.publishChallenge(id, _challenge()) { } catch { }
            try registry.proveContribution(id, 1, 2000, 100_000, 9000, _proofOf(everybody[i])) { } catch { }
            try registry.finalizeRound(id, _result(r.baseDigest, BASE_LOSS, BASE_LOSS, 0)) { } catch { }
            try registry.abortRound(id) { } catch { }
            vm.stopPrank();
        }
    }

    /// Other rules for the next round, while this one is wherever it is.
    function changeRules(uint256 seed) public observed {
        INetworkParameters rules = registry.networkParameters();
        Parameters memory p = _parameters();
        p.maxWeightShareBps = uint16(1 + seed % 10_000);
        p.zMin = uint8(2 + (seed >> 16) % 5);
        p.finalizeWindow = uint32(1 + (seed >> 32) % 60);
        vm.prank(owner);
        rules.setParameters(p, _circuits[(seed >> 48) % 2]);
        ++changes;
    }

    function membership(uint256 who, uint256 seed) public observed {
        address node = crowd[who % crowd.length];
        NodeStatus status = nodes.node(node).status;
        uint256 amount = DATASET_SIZE * BOND + seed % 7;
        vm.startPrank(node);
        if (status == NodeStatus.None) {
            nodes.join{ value: amount }(uint8(seed % 3), DATASET_SIZE, "key");
            paidIn += amount;
        } else if (status == NodeStatus.Suspended) {
            _topUpOrLeave(node, seed);
        } else if (status == NodeStatus.Active) {
            if (seed % 3 == 0) nodes.requestExit();
            else try nodes.retire(node) { } catch { }
        } else {
            if (seed % 2 == 0) skip(EXIT_DELAY);
            uint256 bond = nodes.node(node).bond;
            try nodes.withdrawBond() {
                paidOut += bond;
            } catch { }
        }
        vm.stopPrank();
    }

    function _topUpOrLeave(address node, uint256 seed) private {
        if (seed % 5 == 0) {
            nodes.requestExit();
            return;
        }
        uint256 amount = seed % (DATASET_SIZE * BOND) + 1;
        try nodes.topUp{ value: amount }(node) {
            paidIn += amount;
            if (nodes.isActive(node)) ++reinstatements;
        } catch { }
    }

    function sweep() public observed {
        uint256 amount = nodes.forfeited();
        try nodes.sweep() {
            paidOut += amount;
        } catch { }
        amount = coordinators.forfeited();
        try coordinators.sweep() {
            penaltiesSent += amount;
        } catch { }
    }

    // ---------------------------------------------------------------- steps with choices

    function _sealAs(Round memory r, uint256 seed) private {
        uint8[] memory shifts = new uint8[](r.count);
        MissingReason[] memory missing = new MissingReason[](r.count);
        for (uint256 i; i < r.count; ++i) {
            if ((seed >> (8 + i)) % 4 == 0) missing[i] = MissingReason.NotUploaded;
        }
        vm.prank(coordinator);
        try registry.sealRound(id, keccak256(abi.encode("candidate", id)), shifts, missing) { } catch { }
    }

    function _publishWith(uint256 seed) private {
        Challenge memory c = _challenge();
        c.unit = uint128(seed >> 128);
        if (seed % 4 == 0) c.candidateLossNano = BASE_LOSS + 2000;
        vm.prank(coordinator);
        try registry.publishChallenge(id, c) { } catch { }
    }

    /// One of the results that the rules leave open, as far as the coordinator can tell.
    function _finalizeAs(Round memory r, uint256 seed) private {
        bool isCandidate = r.accepted == r.available;
        bytes32 next = isCandidate ? r.candidateDigest : keccak256(abi.encode("aggregate", id));
        uint64 loss = isCandidate ? r.candidateLossNano : seed % 2 == 0 ? BASE_LOSS : BASE_LOSS + 5000;
        bool hit = loss > BASE_LOSS + 1000;
        bool kept = r.accepted == 0 || (hit && r.accepted == 1) || (hit && seed % 5 == 0);
        if (r.accepted == 0) loss = BASE_LOSS;
        uint64 finalLoss = kept || hit ? BASE_LOSS : loss;
        uint256 harmful = hit && !kept ? _oneAccepted() : 0;
        vm.prank(coordinator);
        try registry.finalizeRound(id, _result(kept ? r.baseDigest : next, loss, finalLoss, harmful)) {
            if (!kept) published[next] = true;
        } catch { }
    }

    function _oneAccepted() private view returns (uint256) {
        Contribution[] memory all = registry.contributionsOf(id, 0, 256);
        for (uint256 i; i < all.length; ++i) {
            if (all[i].outcome == Outcome.Accepted) return 1 << i;
        }
        return 0;
    }

    // ---------------------------------------------------------------- observation

    function _observe() private {
        _observeSuspensions();
        uint256 count = registry.roundCount();
        INetworkParameters rules = registry.networkParameters();
        uint256 version = rules.version();
        if (count != 0 && versionOf[count] == 0) versionOf[count] = version;
        if (rulesHash[version] == 0) rulesHash[version] = keccak256(abi.encode(rules.rules(version)));
        // The round before too: an action may have opened the next one.
        for (uint256 i = count > 1 ? count - 1 : 1; i <= count; ++i) {
            Phase phase = registry.round(i).phase;
            if (phase < lastPhase[i]) wentBack = true;
            if (phase >= Phase.Finalized && lastPhase[i] < Phase.Finalized) {
                frozen[i] = hash(i);
                phase == Phase.Finalized ? ++finalized : ++aborted;
            }
            lastPhase[i] = phase;
        }
    }

    function _observeSuspensions() private {
        for (uint256 i; i < crowd.length; ++i) {
            bool suspended = nodes.node(crowd[i]).status == NodeStatus.Suspended;
            if (suspended && !_wasSuspended[crowd[i]]) ++suspensions;
            _wasSuspended[crowd[i]] = suspended;
        }
    }

    /// Everything that the registry says about a round.
    function hash(uint256 roundId) public view returns (bytes32) {
        return keccak256(abi.encode(registry.round(roundId), registry.contributionsOf(roundId, 0, 256)));
    }
}

/// @notice Takes what is swept.
contract Sink {
    receive() external payable { }
}
