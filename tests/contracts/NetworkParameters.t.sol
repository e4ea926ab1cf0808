// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { RegistryFixture } from "./RegistryFixture.sol";
import { MockVerifier } from "./doubles/MockVerifier.sol";
import { Ownable } from "@openzeppelin/contracts/access/Ownable.sol";
import { NetworkParameters } from "contracts/NetworkParameters.sol";
import { IContributionRegistry } from "contracts/interfaces/IContributionRegistry.sol";
import { INetworkParameters as I } from "contracts/interfaces/INetworkParameters.sol";
import { IProofVerifier } from "contracts/interfaces/IProofVerifier.sol";
import { IVerifierRouter } from "contracts/interfaces/IVerifierRouter.sol";
import { OpenParticipation } from "contracts/participation/OpenParticipation.sol";
import { Challenge } from "contracts/types/Challenge.sol";
import { MissingReason } from "contracts/types/MissingReason.sol";
import { Outcome } from "contracts/types/Outcome.sol";
import { Parameters } from "contracts/types/Parameters.sol";
import { Phase } from "contracts/types/Phase.sol";
import { Rules } from "contracts/types/Rules.sol";
import { Statement } from "contracts/types/Statement.sol";
import { VerifierRouter } from "contracts/verifiers/VerifierRouter.sol";

/// @notice Another circuit, of another size, that believes nothing but its own word.
contract PickyVerifier is IProofVerifier {
    error PickyVerifier_InvalidProof();

    bytes32 public constant override circuitId = keccak256("picky");
    uint32 public constant override sampleSize = 480;

    function verify(Statement calldata, bytes calldata proof) external pure override {
        require(keccak256(proof) == keccak256("picky proof"), PickyVerifier_InvalidProof());
    }
}

contract NetworkParametersTest is RegistryFixture {
    NetworkParameters internal rules;
    VerifierRouter internal router;
    bytes32 internal circuit;

    function setUp() public override {
        super.setUp();
        rules = NetworkParameters(address(registry.networkParameters()));
        router = VerifierRouter(address(rules.verifierRouter()));
        circuit = rules.circuitId();
    }

    /// Everything that may differ does.
    function _others() internal pure returns (Parameters memory p) {
        p.minCommitWindow = 11;
        p.commitWindow = 200;
        p.collectWindow = 61;
        p.provingWindow = 81;
        p.quorum = 3;
        p.maxNodes = 5;
        p.minExponent = -20;
        p.maxExponent = -10;
        p.maxWeightShareBps = 4000;
        p.zMin = 5;
        p.sealWindow = 51;
        p.challengeWindow = 41;
        p.finalizeWindow = 31;
        p.maxRegressionNano = 2000;
        p.parameterCount = 10_000;
        p.framesPerTask = 9;
    }

    function _set(Parameters memory p, bytes32 circuit_) internal {
        vm.prank(owner);
        rules.setParameters(p, circuit_);
    }

    function _addPicky() internal {
        PickyVerifier picky = new PickyVerifier();
        vm.prank(owner);
        router.add(picky);
    }

    // ---------------------------------------------------------------- versions

    function test_TheFirstVersion() public {
        assertEq(rules.owner(), owner);
        assertEq(rules.version(), 1);
        assertEq(abi.encode(rules.parameters()), abi.encode(_parameters()));
        assertEq(abi.encode(rules.rules(1)), abi.encode(Rules(_parameters(), circuit)));
        assertEq(rules.rules(0).circuitId, 0);
        assertEq(rules.rules(2).circuitId, 0);
        assertEq(address(rules.nodeRegistry()), address(nodes));
        vm.expectEmit();
        emit I.ParametersChanged(1, circuit, _others());
        new NetworkParameters(owner, nodes, router, _others(), circuit);
    }

    function test_AChangeAddsAVersion() public {
        PickyVerifier picky = new PickyVerifier();
        vm.prank(owner);
        router.add(picky);
        vm.expectEmit();
        emit I.ParametersChanged(2, picky.circuitId(), _others());
        _set(_others(), picky.circuitId());
        assertEq(rules.version(), 2);
        assertEq(abi.encode(rules.parameters()), abi.encode(_others()));
        assertEq(rules.circuitId(), picky.circuitId());
        assertEq(abi.encode(rules.rules(1)), abi.encode(Rules(_parameters(), circuit)), "never changes");
        assertEq(abi.encode(rules.rules(2)), abi.encode(Rules(_others(), picky.circuitId())));
    }

    function testFuzz_AVersionIsReadAsItWasSet(Parameters memory p) public {
        p.minCommitWindow = uint32(_bound(p.minCommitWindow, 1, 100));
        p.commitWindow = uint32(_bound(p.commitWindow, p.minCommitWindow, 300));
        p.collectWindow = uint32(_bound(p.collectWindow, 1, 300));
        p.provingWindow = uint32(_bound(p.provingWindow, 1, 300));
        p.sealWindow = uint32(_bound(p.sealWindow, 1, 300));
        p.challengeWindow = uint32(_bound(p.challengeWindow, 1, 300));
        p.finalizeWindow = uint32(_bound(p.finalizeWindow, 1, 300));
        p.maxNodes = uint16(_bound(p.maxNodes, 1, 16));
        p.quorum = uint16(_bound(p.quorum, 1, p.maxNodes));
        p.minExponent = int8(_bound(p.minExponent, -64, 0));
        p.maxExponent =
            int8(_bound(p.maxExponent, p.minExponent, p.minExponent + 16 > 0 ? int8(0) : p.minExponent + 16));
        p.maxWeightShareBps = uint16(_bound(p.maxWeightShareBps, 1, 10_000));
        p.zMin = uint8(_bound(p.zMin, 1, 255));
        p.framesPerTask = uint32(_bound(p.framesPerTask, 1, type(uint32).max));
        p.parameterCount = 10_000;
        _set(p, circuit);
        assertEq(abi.encode(rules.parameters()), abi.encode(p));
        _open();
        assertEq(registry.round(id).deadline, block.timestamp + p.commitWindow);
    }

    function test_RevertWhen_AStrangerChangesTheRules() public {
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, coordinator));
        vm.prank(coordinator);
        rules.setParameters(_others(), circuit);
    }

    function test_RevertWhen_TheParameterCountChanges() public {
        Parameters memory p = _others();
        p.parameterCount = 10_001;
        _expectRevert(I.NetworkParameters_ParameterCountFixed.selector, 10_000, 10_001);
        _set(p, circuit);
    }

    function test_RevertWhen_TheCircuitHasNoVerifier() public {
        vm.expectRevert(
            abi.encodeWithSelector(IVerifierRouter.VerifierRouter_UnknownCircuit.selector, bytes32("x"))
        );
        _set(_others(), "x");
        vm.prank(owner);
        router.freeze(circuit);
        vm.expectRevert(
            abi.encodeWithSelector(IVerifierRouter.VerifierRouter_CircuitIsFrozen.selector, circuit)
        );
        _set(_others(), circuit);
    }

    function test_OwnershipChangesInTwoSteps() public {
        vm.prank(owner);
        rules.transferOwnership(stranger);
        assertEq(rules.owner(), owner);
        vm.prank(stranger);
        rules.acceptOwnership();
        assertEq(rules.owner(), stranger);
    }

    // ---------------------------------------------------------------- rounds

    function test_ARoundKeepsItsRulesAndTheNextOneHasTheNew() public {
        _open();
        assertEq(registry.round(id).parametersVersion, 1);
        _set(_others(), circuit);
        _set(_parameters(), circuit);
        _set(_others(), circuit);
        assertEq(registry.round(id).parametersVersion, 1, "the running round");
        vm.prank(coordinator);
        registry.abortRound(id);
        _open();
        assertEq(registry.round(id).parametersVersion, 4, "two versions were never used");
        assertEq(registry.round(id).deadline, block.timestamp + 200);
        assertEq(registry.round(id - 1).parametersVersion, 1);
    }

    /// Every step of a round, with other rules set right after its opening.
    function test_ARunningRoundDoesNotNotice() public {
        _addPicky();
        _open();
        uint256 opened = block.timestamp;
        _set(_others(), keccak256("picky"));
        assertEq(registry.round(id).deadline, opened + 100);
        _commit(alice, 100, -24); // minExponent is -20 now
        _commit(bob, 50, -8); // maxExponent is -10 now
        skip(10); // minCommitWindow is 11, quorum 3 now
        _close();
        assertEq(registry.round(id).deadline, block.timestamp + 60);
        _drawSample();
        assertEq(registry.round(id).deadline, block.timestamp + 60);
        _sample(alice);
        _sample(bob);
        _seal(new uint8[](2), new MissingReason[](2));
        assertEq(registry.round(id).deadline, block.timestamp + 40);
        assertEq(registry.round(id).weightCap, 90, "60 % of 150");
        _drawChallenge();
        assertEq(registry.round(id).deadline, block.timestamp + 40);
        _publish(); // directions of 960 coordinates, not of 480
        assertEq(registry.round(id).deadline, block.timestamp + 80);
        vm.prank(alice);
        registry.proveContribution(id, 50_000, 2000, 250_000, 9000, PROOF); // z = 4, and zMin is 5 now
        _assertOutcome(alice, Outcome.Accepted);
        _prove(bob, 40_000);
        _finalize(_result(CANDIDATE, CANDIDATE_LOSS, CANDIDATE_LOSS, 0));
        _assertPhase(Phase.Finalized);
    }

    function test_ARunningRoundKeepsItsGate() public {
        _toDrawn();
        Challenge memory c = _challenge();
        c.candidateLossNano = BASE_LOSS + 1000;
        vm.prank(coordinator);
        registry.publishChallenge(id, c);
        _prove(alice, 50_000);
        _prove(bob, 40_000);
        _prove(carol, 30_000);
        Parameters memory p = _others();
        p.maxRegressionNano = 999;
        _set(p, circuit);
        _finalize(_result(CANDIDATE, c.candidateLossNano, c.candidateLossNano, 0));
        assertEq(registry.head(), CANDIDATE);
    }

    function test_ARunningRoundKeepsItsAbortDeadlines() public {
        _toCollecting();
        _set(_others(), circuit);
        uint256 deadline = uint256(registry.round(id).deadline) + 50;
        vm.warp(deadline);
        _expectRevert(
            IContributionRegistry.ContributionRegistry_DeadlineNotPassed.selector, deadline, deadline
        );
        vm.prank(stranger);
        registry.abortRound(id);
        vm.warp(deadline + 1);
        vm.prank(stranger);
        registry.abortRound(id);
        _assertPhase(Phase.Aborted);
    }

    function test_NoProofIsAcceptedForAnotherCircuit() public {
        _toProving();
        _addPicky();
        _set(_others(), keccak256("picky"));
        // The round's own circuit still judges: it believes what the new one would not.
        _prove(alice, 50_000);
        // And after the next opening the new one does, which does not believe that proof.
        vm.prank(coordinator);
        registry.abortRound(id);
        _toPickyProving();
        vm.expectRevert(PickyVerifier.PickyVerifier_InvalidProof.selector);
        _prove(alice, 50_000);
        vm.prank(alice);
        registry.proveContribution(id, 50_000, 2000, 100_000, 9000, "picky proof");
        // z/√m, m of the new circuit: 10000 · 2000 / √(480 · 100000).
        assertEq(_contribution(alice).alignmentBps, 2886);
    }

    function _toPickyProving() private {
        _open();
        _commit(alice, 100, -10);
        _commit(bob, 50, -12);
        _commit(carol, 80, -11);
        skip(11);
        _close();
        _drawSample();
        _sample(alice);
        _sample(bob);
        _sample(carol);
        _seal(new uint8[](3), new MissingReason[](3));
        _drawChallenge();
        vm.expectRevert(
            abi.encodeWithSelector(
                IContributionRegistry.ContributionRegistry_DirectionsLength.selector, 840, 1680
            )
        );
        _publish();
        Challenge memory c = _challenge();
        c.directions = new bytes(840);
        vm.prank(coordinator);
        registry.publishChallenge(id, c);
    }

    // ---------------------------------------------------------------- bounds

    function _expectRefused(Parameters memory p, bytes memory refusal) internal {
        vm.expectRevert(refusal);
        new NetworkParameters(owner, nodes, router, p, circuit);
        vm.expectRevert(refusal);
        _set(p, circuit);
    }

    function test_RevertWhen_AWindowIsOutOfRange() public {
        for (uint256 i; i < 7; ++i) {
            for (uint256 j; j < 2; ++j) {
                uint32 window = j == 0 ? 0 : 30 days + 1;
                Parameters memory p = _parameters();
                if (i == 0) p.minCommitWindow = window;
                if (i == 1) p.commitWindow = window;
                if (i == 2) p.collectWindow = window;
                if (i == 3) p.sealWindow = window;
                if (i == 4) p.challengeWindow = window;
                if (i == 5) p.provingWindow = window;
                if (i == 6) p.finalizeWindow = window;
                _expectRefused(
                    p, abi.encodeWithSelector(I.NetworkParameters_WindowOutOfRange.selector, 30 days, window)
                );
            }
        }
    }

    function test_RevertWhen_MinCommitWindowIsLonger() public {
        Parameters memory p = _parameters();
        p.minCommitWindow = p.commitWindow + 1;
        _expectRefused(p, abi.encodeWithSelector(I.NetworkParameters_CommitWindowTooShort.selector, 101, 100));
    }

    function test_RevertWhen_MaxNodesOutOfRange() public {
        Parameters memory p = _parameters();
        p.maxNodes = 0;
        // As many as the node registry of this network allows.
        _expectRefused(p, abi.encodeWithSelector(I.NetworkParameters_MaxNodesOutOfRange.selector, 16, 0));
        p.maxNodes = 17;
        _expectRefused(p, abi.encodeWithSelector(I.NetworkParameters_MaxNodesOutOfRange.selector, 16, 17));
    }

    function test_RevertWhen_QuorumOutOfRange() public {
        Parameters memory p = _parameters();
        p.quorum = 0;
        _expectRefused(p, abi.encodeWithSelector(I.NetworkParameters_QuorumOutOfRange.selector, 4, 0));
        p.quorum = 5;
        _expectRefused(p, abi.encodeWithSelector(I.NetworkParameters_QuorumOutOfRange.selector, 4, 5));
    }

    function testFuzz_ExponentBounds(int8 low, int8 high) public {
        Parameters memory p = _parameters();
        (p.minExponent, p.maxExponent) = (low, high);
        if (low >= -64 && low <= high && high <= 0 && int256(high) - low <= 16) {
            _deploy(p);
        } else {
            _expectRefused(
                p, abi.encodeWithSelector(I.NetworkParameters_ExponentBoundsOutOfRange.selector, low, high)
            );
        }
    }

    function test_ExponentBoundsAtTheirEdges() public {
        Parameters memory p = _parameters();
        (p.minExponent, p.maxExponent) = (-64, -48);
        _deploy(p);
        (p.minExponent, p.maxExponent) = (-16, 0);
        _deploy(p);
        (p.minExponent, p.maxExponent) = (-7, -7);
        _deploy(p);
    }

    function test_RevertWhen_MaxWeightShareOutOfRange() public {
        Parameters memory p = _parameters();
        p.maxWeightShareBps = 0;
        _expectRefused(
            p, abi.encodeWithSelector(I.NetworkParameters_MaxWeightShareOutOfRange.selector, 10_000, 0)
        );
        p.maxWeightShareBps = 10_001;
        _expectRefused(
            p, abi.encodeWithSelector(I.NetworkParameters_MaxWeightShareOutOfRange.selector, 10_000, 10_001)
        );
    }

    function test_RevertWhen_ThresholdIsZero() public {
        Parameters memory p = _parameters();
        p.zMin = 0;
        _expectRefused(p, abi.encodeWithSelector(I.NetworkParameters_ZeroThreshold.selector));
    }

    function test_RevertWhen_NoFrames() public {
        Parameters memory p = _parameters();
        p.framesPerTask = 0;
        _expectRefused(p, abi.encodeWithSelector(I.NetworkParameters_ZeroFrames.selector));
    }

    function test_RevertWhen_FewerParametersThanCoordinates() public {
        Parameters memory p = _parameters();
        p.parameterCount = M - 1;
        _expectRevert(I.NetworkParameters_ParameterCountTooSmall.selector, M, M - 1);
        new NetworkParameters(owner, nodes, router, p, circuit);
        // Not for the circuit of the first rounds, but for one with a larger sample.
        p.parameterCount = M;
        rules = new NetworkParameters(owner, nodes, router, p, circuit);
        MockVerifier large = new MockVerifier(M + 1);
        vm.mockCall(address(large), abi.encodeCall(IProofVerifier.circuitId, ()), abi.encode("large"));
        vm.prank(owner);
        router.add(large);
        bytes32 largeCircuit = large.circuitId();
        _expectRevert(I.NetworkParameters_ParameterCountTooSmall.selector, M + 1, M);
        _set(p, largeCircuit);
    }

    function test_RevertWhen_ExitDelayIsShorterThanARound() public {
        // 100 + 2 · 60 + 50 + 2 · 40 + 80 + 30, and 6 deadlines that have to be over
        nodeRules.exitDelay = 466;
        _deployNodes(address(registry), new OpenParticipation());
        rules = new NetworkParameters(owner, nodes, router, _parameters(), circuit);
        _set(_parameters(), circuit);
        Parameters memory p = _parameters();
        ++p.finalizeWindow;
        _expectRevert(I.NetworkParameters_ExitDelayTooShort.selector, 467, 466);
        _set(p, circuit);
        nodeRules.exitDelay = 465;
        _deployNodes(address(registry), new OpenParticipation());
        _expectRevert(I.NetworkParameters_ExitDelayTooShort.selector, 466, 465);
        new NetworkParameters(owner, nodes, router, _parameters(), circuit);
    }
}
