// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { RegistryFixture } from "../RegistryFixture.sol";
import { MockVerifier } from "../doubles/MockVerifier.sol";
import { ContributionRegistry } from "contracts/ContributionRegistry.sol";
import { CoordinatorSet } from "contracts/CoordinatorSet.sol";
import { IContributionRegistry as I } from "contracts/interfaces/IContributionRegistry.sol";
import { Checkpoint } from "contracts/types/Checkpoint.sol";
import { Parameters } from "contracts/types/Parameters.sol";
import { Parts } from "contracts/types/Parts.sol";

contract ConstructionTest is RegistryFixture {
    function test_Construction() public view {
        assertEq(registry.coordinator(), coordinator);
        assertEq(address(registry.coordinators()), address(coordinators));
        assertEq(address(registry.nodeRegistry()), address(nodes));
        assertEq(registry.verifier().sampleSize(), M);
        assertEq(registry.manifestDigest(), keccak256("manifest"));
        assertEq(registry.manifestCid(), "manifest-cid");
        assertEq(registry.head(), GENESIS);
        assertEq(registry.roundCount(), 0);
        assertEq(abi.encode(registry.parameters()), abi.encode(_parameters()));
        Checkpoint memory c = registry.checkpoint(GENESIS);
        assertEq(c.parent, 0);
        assertEq(c.round, 0);
        assertEq(c.publishedAt, block.timestamp);
    }

    function test_ConstructionTellsItsStory() public {
        Parts memory parts = _parts(new MockVerifier(M));
        parts.nodeRegistry = _deployNodesOfNext();
        vm.expectEmit();
        emit I.NetworkCreated(GENESIS, "genesis-cid", keccak256("manifest"), "manifest-cid");
        vm.expectEmit();
        emit I.CheckpointPublished(0, GENESIS, 0, "genesis-cid");
        new ContributionRegistry(
            coordinators, parts, _parameters(), GENESIS, "genesis-cid", keccak256("manifest"), "manifest-cid"
        );
    }

    // ---------------------------------------------------------------- parameters

    function _expectRefused(Parameters memory p, bytes memory refusal) internal {
        Parts memory parts = _parts(new MockVerifier(M));
        vm.expectRevert(refusal);
        new ContributionRegistry(coordinators, parts, p, GENESIS, "g", keccak256("manifest"), "m");
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
                    p,
                    abi.encodeWithSelector(I.ContributionRegistry_WindowOutOfRange.selector, 30 days, window)
                );
            }
        }
    }

    function test_RevertWhen_MinCommitWindowIsLonger() public {
        Parameters memory p = _parameters();
        p.minCommitWindow = p.commitWindow + 1;
        _expectRefused(
            p, abi.encodeWithSelector(I.ContributionRegistry_CommitWindowTooShort.selector, 101, 100)
        );
    }

    function test_RevertWhen_MaxNodesOutOfRange() public {
        Parameters memory p = _parameters();
        p.maxNodes = 0;
        _expectRefused(p, abi.encodeWithSelector(I.ContributionRegistry_MaxNodesOutOfRange.selector, 256, 0));
        p.maxNodes = 257;
        _expectRefused(
            p, abi.encodeWithSelector(I.ContributionRegistry_MaxNodesOutOfRange.selector, 256, 257)
        );
    }

    function test_RevertWhen_QuorumOutOfRange() public {
        Parameters memory p = _parameters();
        p.quorum = 0;
        _expectRefused(p, abi.encodeWithSelector(I.ContributionRegistry_QuorumOutOfRange.selector, 4, 0));
        p.quorum = 5;
        _expectRefused(p, abi.encodeWithSelector(I.ContributionRegistry_QuorumOutOfRange.selector, 4, 5));
    }

    function testFuzz_ExponentBounds(int8 low, int8 high) public {
        Parameters memory p = _parameters();
        (p.minExponent, p.maxExponent) = (low, high);
        if (low >= -64 && low <= high && high <= 0 && int256(high) - low <= 16) {
            _deploy(p);
        } else {
            _expectRefused(
                p, abi.encodeWithSelector(I.ContributionRegistry_ExponentBoundsOutOfRange.selector, low, high)
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
            p, abi.encodeWithSelector(I.ContributionRegistry_MaxWeightShareOutOfRange.selector, 10_000, 0)
        );
        p.maxWeightShareBps = 10_001;
        _expectRefused(
            p,
            abi.encodeWithSelector(I.ContributionRegistry_MaxWeightShareOutOfRange.selector, 10_000, 10_001)
        );
    }

    function test_RevertWhen_ThresholdIsZero() public {
        Parameters memory p = _parameters();
        p.zMin = 0;
        _expectRefused(p, abi.encodeWithSelector(I.ContributionRegistry_ZeroThreshold.selector));
    }

    function test_RevertWhen_NoFrames() public {
        Parameters memory p = _parameters();
        p.framesPerTask = 0;
        _expectRefused(p, abi.encodeWithSelector(I.ContributionRegistry_ZeroFrames.selector));
    }

    function test_RevertWhen_FewerParametersThanCoordinates() public {
        Parameters memory p = _parameters();
        p.parameterCount = M - 1;
        _expectRefused(
            p, abi.encodeWithSelector(I.ContributionRegistry_ParameterCountTooSmall.selector, M, M - 1)
        );
    }

    function test_RevertWhen_ExitDelayIsShorterThanARound() public {
        // 100 + 2 · 60 + 50 + 2 · 40 + 80 + 30
        nodeRules.exitDelay = 460;
        _deploy(_parameters());
        nodeRules.exitDelay = 459;
        _deployNodesOfNext();
        _expectRefused(
            _parameters(), abi.encodeWithSelector(I.ContributionRegistry_ExitDelayTooShort.selector, 460, 459)
        );
    }

    function test_RevertWhen_TheNodesServeAnotherRegistry() public {
        Parts memory parts = _parts(new MockVerifier(M));
        parts.nodeRegistry = nodes;
        address next = vm.computeCreateAddress(address(this), vm.getNonce(address(this)));
        vm.expectRevert(
            abi.encodeWithSelector(I.ContributionRegistry_NotServed.selector, next, address(registry))
        );
        new ContributionRegistry(coordinators, parts, _parameters(), GENESIS, "g", keccak256("manifest"), "m");
    }

    function test_RevertWhen_TheCoordinatorsServeAnotherRegistry() public {
        Parts memory parts = _parts(new MockVerifier(M));
        CoordinatorSet others = coordinators;
        parts.nodeRegistry = _deployNodesOfNext();
        address next = vm.computeCreateAddress(address(this), vm.getNonce(address(this)));
        vm.expectRevert(
            abi.encodeWithSelector(I.ContributionRegistry_NotServed.selector, next, address(registry))
        );
        new ContributionRegistry(others, parts, _parameters(), GENESIS, "g", keccak256("manifest"), "m");
    }

    // ---------------------------------------------------------------- the rest

    function _expectRefused(bytes32 genesis, string memory cid, bytes32 m, string memory mCid, bytes4 e)
        internal
    {
        Parts memory parts = _parts(new MockVerifier(M));
        parts.nodeRegistry = _deployNodesOfNext();
        vm.expectRevert(e);
        new ContributionRegistry(coordinators, parts, _parameters(), genesis, cid, m, mCid);
    }

    function test_RevertWhen_SomethingIsEmpty() public {
        _expectRefused(0, "g", "m", "m", I.ContributionRegistry_ZeroDigest.selector);
        _expectRefused(GENESIS, "", "m", "m", I.ContributionRegistry_EmptyCid.selector);
        _expectRefused(GENESIS, "g", 0, "m", I.ContributionRegistry_ZeroDigest.selector);
        _expectRefused(GENESIS, "g", "m", "", I.ContributionRegistry_EmptyCid.selector);
    }
}
