// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { RegistryFixture } from "../RegistryFixture.sol";
import { MockVerifier } from "../doubles/MockVerifier.sol";
import { Ownable } from "@openzeppelin/contracts/access/Ownable.sol";
import { ContributionRegistry } from "contracts/ContributionRegistry.sol";
import { IContributionRegistry as I } from "contracts/interfaces/IContributionRegistry.sol";
import { Checkpoint } from "contracts/types/Checkpoint.sol";
import { Parts } from "contracts/types/Parts.sol";

contract ConstructionTest is RegistryFixture {
    function test_Construction() public view {
        assertEq(registry.owner(), owner);
        assertEq(registry.coordinator(), coordinator);
        assertEq(address(registry.nodeRegistry()), address(nodes));
        assertEq(address(registry.nodeRegistry()), address(registry.networkParameters().nodeRegistry()));
        assertEq(registry.manifestDigest(), keccak256("manifest"));
        assertEq(registry.manifestCid(), "manifest-cid");
        assertEq(registry.head(), GENESIS);
        assertEq(registry.roundCount(), 0);
        assertEq(address(registry.verifierRouter()), address(registry.networkParameters().verifierRouter()));
        Checkpoint memory c = registry.checkpoint(GENESIS);
        assertEq(c.parent, 0);
        assertEq(c.round, 0);
        assertEq(c.publishedAt, block.timestamp);
    }

    function test_ConstructionTellsItsStory() public {
        vm.expectEmit();
        emit I.CoordinatorChanged(address(0), coordinator);
        vm.expectEmit();
        emit I.NetworkCreated(GENESIS, "genesis-cid", keccak256("manifest"), "manifest-cid");
        vm.expectEmit();
        emit I.CheckpointPublished(0, GENESIS, 0, "genesis-cid");
        _deploy(_parameters());
    }

    function _expectRefused(
        address c,
        bytes32 genesis,
        string memory cid,
        bytes32 m,
        string memory mCid,
        bytes4 e
    ) internal {
        Parts memory parts = _parts(new MockVerifier(M), _parameters());
        vm.expectRevert(e);
        new ContributionRegistry(owner, c, parts, genesis, cid, m, mCid);
    }

    function test_RevertWhen_SomethingIsEmpty() public {
        _expectRefused(address(0), GENESIS, "g", "m", "m", I.ContributionRegistry_ZeroAddress.selector);
        _expectRefused(coordinator, 0, "g", "m", "m", I.ContributionRegistry_ZeroDigest.selector);
        _expectRefused(coordinator, GENESIS, "", "m", "m", I.ContributionRegistry_EmptyCid.selector);
        _expectRefused(coordinator, GENESIS, "g", 0, "m", I.ContributionRegistry_ZeroDigest.selector);
        _expectRefused(coordinator, GENESIS, "g", "m", "", I.ContributionRegistry_EmptyCid.selector);
    }

    function test_OwnerNamesAnotherCoordinator() public {
        vm.expectEmit();
        emit I.CoordinatorChanged(coordinator, stranger);
        vm.prank(owner);
        registry.setCoordinator(stranger);
        assertEq(registry.coordinator(), stranger);
    }

    function test_RevertWhen_CoordinatorNamesAnotherCoordinator() public {
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, coordinator));
        vm.prank(coordinator);
        registry.setCoordinator(stranger);
    }

    function test_RevertWhen_CoordinatorIsNobody() public {
        vm.expectRevert(I.ContributionRegistry_ZeroAddress.selector);
        vm.prank(owner);
        registry.setCoordinator(address(0));
    }

    function test_OwnershipChangesInTwoSteps() public {
        vm.prank(owner);
        registry.transferOwnership(stranger);
        assertEq(registry.owner(), owner);
        vm.prank(stranger);
        registry.acceptOwnership();
        assertEq(registry.owner(), stranger);
    }
}
