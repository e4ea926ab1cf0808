// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { RegistryFixture } from "../RegistryFixture.sol";
import { ContributionRegistry } from "contracts/ContributionRegistry.sol";
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
    address[] public crowd;

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
        vm.prank(owner);
        nodes.setBeneficiary(payable(sink));
        _observe();
    }

    function network() external view returns (ContributionRegistry, NodeRegistry) {
        return (registry, nodes);
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
        vm.prank(node);
        try registry.proveContribution(
            id, common, admitted ? int256(2000) : int256(500), 100_000, 9000, PROOF
        ) {
            assertEq(uint8(provenAs[id][node]), uint8(Outcome.None), "proven twice");
            provenAs[id][node] = admitted ? Outcome.Accepted : Outcome.BelowThreshold;
        } catch { }
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
        for (uint256 i; i < crowd.length; ++i) {
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
            try registry.proveContribution(id, 1, 2000, 100_000, 9000, PROOF) { } catch { }
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
        bytes32 circuit = rules.circuitId();
        vm.prank(owner);
        rules.setParameters(p, circuit);
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
