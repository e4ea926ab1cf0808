// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { RegistryFixture } from "../RegistryFixture.sol";
import { MockVerifier } from "../doubles/MockVerifier.sol";
import { ContributionRegistry } from "contracts/ContributionRegistry.sol";
import { CoordinatorSet } from "contracts/CoordinatorSet.sol";
import { NodeRegistry } from "contracts/NodeRegistry.sol";
import { IContributionRegistry as I } from "contracts/interfaces/IContributionRegistry.sol";
import { IRandomness } from "contracts/interfaces/IRandomness.sol";
import { Parts } from "contracts/types/Parts.sol";

contract ConstructionTest is RegistryFixture {
    function test_Construction() public view {
        assertEq(registry.coordinator(), coordinator);
        assertEq(address(registry.coordinators()), address(coordinators));
        assertEq(address(registry.nodeRegistry()), address(nodes));
        assertEq(address(registry.nodeRegistry()), address(registry.networkParameters().nodeRegistry()));
        assertEq(registry.manifestDigest(), keccak256("manifest"));
        assertEq(registry.manifestCid(), "manifest-cid");
        assertEq(registry.head(), GENESIS);
        assertEq(registry.roundCount(), 0);
        assertEq(address(registry.verifierRouter()), address(registry.networkParameters().verifierRouter()));
    }

    function test_ConstructionTellsItsStory() public {
        Parts memory parts = _partsOfNext(new MockVerifier(M), _parameters());
        vm.expectEmit();
        emit I.NetworkCreated(GENESIS, "genesis-cid", keccak256("manifest"), "manifest-cid");
        vm.expectEmit();
        emit I.CheckpointPublished(0, GENESIS, 0, "genesis-cid");
        new ContributionRegistry(
            coordinators, parts, GENESIS, "genesis-cid", keccak256("manifest"), "manifest-cid"
        );
    }

    function test_RevertWhen_TheNodesServeAnotherRegistry() public {
        NodeRegistry others = nodes;
        Parts memory parts = _partsOfNext(new MockVerifier(M), _parameters());
        nodes = others;
        parts.networkParameters = _parts(new MockVerifier(M), _parameters()).networkParameters;
        address next = vm.computeCreateAddress(address(this), vm.getNonce(address(this)));
        vm.expectRevert(
            abi.encodeWithSelector(I.ContributionRegistry_NotServed.selector, next, address(registry))
        );
        new ContributionRegistry(coordinators, parts, GENESIS, "g", keccak256("manifest"), "m");
    }

    function test_RevertWhen_TheCoordinatorsServeAnotherRegistry() public {
        CoordinatorSet others = coordinators;
        Parts memory parts = _partsOfNext(new MockVerifier(M), _parameters());
        address next = vm.computeCreateAddress(address(this), vm.getNonce(address(this)));
        vm.expectRevert(
            abi.encodeWithSelector(I.ContributionRegistry_NotServed.selector, next, address(registry))
        );
        new ContributionRegistry(others, parts, GENESIS, "g", keccak256("manifest"), "m");
    }

    function test_RevertWhen_TheRandomnessIsNoContract() public {
        Parts memory parts = _partsOfNext(new MockVerifier(M), _parameters());
        parts.randomness = IRandomness(stranger);
        vm.expectRevert(abi.encodeWithSelector(I.ContributionRegistry_NoRandomness.selector, stranger));
        new ContributionRegistry(coordinators, parts, GENESIS, "g", keccak256("manifest"), "m");
    }

    function _expectRefused(bytes32 genesis, string memory cid, bytes32 m, string memory mCid, bytes4 e)
        internal
    {
        Parts memory parts = _partsOfNext(new MockVerifier(M), _parameters());
        vm.expectRevert(e);
        new ContributionRegistry(coordinators, parts, genesis, cid, m, mCid);
    }

    function test_RevertWhen_SomethingIsEmpty() public {
        _expectRefused(0, "g", "m", "m", I.ContributionRegistry_ZeroDigest.selector);
        _expectRefused(GENESIS, "", "m", "m", I.ContributionRegistry_EmptyCid.selector);
        _expectRefused(GENESIS, "g", 0, "m", I.ContributionRegistry_ZeroDigest.selector);
        _expectRefused(GENESIS, "g", "m", "", I.ContributionRegistry_EmptyCid.selector);
    }
}
