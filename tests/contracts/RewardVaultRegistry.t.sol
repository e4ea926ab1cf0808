// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { RegistryFixture } from "./RegistryFixture.sol";
import { RewardVault } from "contracts/RewardVault.sol";
import { IRewardVault as I } from "contracts/interfaces/IRewardVault.sol";

/// @notice From a proof to the money: the vault with the real registry.
contract RewardVaultRegistryTest is RegistryFixture {
    uint256 internal constant RATE = 1e9;

    RewardVault internal vault;

    function setUp() public override {
        super.setUp();
        vault = new RewardVault(owner, owner, registry, address(0), RATE, 1 days, 3 days, 1 ether);
        vm.deal(stranger, 10 ether);
        vm.prank(stranger);
        vault.fund{ value: 2 ether }(1, 2, 1 ether);
    }

    function _list(uint256 roundId) internal pure returns (uint256[] memory list) {
        list = new uint256[](1);
        list[0] = roundId;
    }

    function test_TheHonestArePaidForTheDrop() public {
        _toFinalized();
        vault.settle(1);
        uint256 payout = RATE * (BASE_LOSS - CANDIDATE_LOSS);
        skip(1 days);
        (uint256 ofAlice,) = registry.credit(1, alice);
        (uint256 ofBob,) = registry.credit(1, bob);
        uint256 before = alice.balance;
        uint256 beforeOfBob = bob.balance;
        vault.claimFor(alice, _list(1));
        vault.claimFor(bob, _list(1));
        assertEq(alice.balance - before, payout * ofAlice / (ofAlice + ofBob));
        assertEq(alice.balance - before + bob.balance - beforeOfBob, payout);
        vm.expectRevert(abi.encodeWithSelector(I.RewardVault_NothingToClaim.selector, 1, carol));
        vault.claimFor(carol, _list(1));
    }

    function test_ForfeitsGoToAVaultOfTheCoinOnly() public {
        RewardVault tokens = new RewardVault(owner, owner, registry, address(nodes), RATE, 1 days, 3 days, 1);
        vm.startPrank(owner);
        vm.expectRevert(I.RewardVault_NotNative.selector);
        coordinators.setBeneficiary(payable(tokens));
        coordinators.setBeneficiary(payable(vault));
        assertEq(coordinators.beneficiary(), address(vault));
    }

    function test_AnAbortedRoundRollsOver() public {
        _open();
        vm.expectRevert(abi.encodeWithSelector(I.RewardVault_NotOver.selector, 1));
        vault.settle(1);
        vm.prank(coordinator);
        registry.abortRound(1);
        vault.settle(1);
        assertEq(vault.pot(), 0);
        assertEq(vault.held(), 1 ether);
        vm.expectRevert(abi.encodeWithSelector(I.RewardVault_NotOver.selector, 2));
        vault.settle(2); // there is none
    }

    /// forge-config: default.isolate = true
    function test_GasOfAClaim() public {
        _toFinalized();
        vault.settle(1);
        vm.snapshotValue("RewardVault", "settle", vm.lastCallGas().gasTotalUsed);
        assertLe(vm.lastCallGas().gasTotalUsed, 200_000);
        skip(1 days);
        vm.prank(alice);
        vault.claim(_list(1));
        vm.snapshotValue("RewardVault", "claim", vm.lastCallGas().gasTotalUsed);
        assertLe(vm.lastCallGas().gasTotalUsed, 70_000);
        vm.prank(bob);
        vault.claim(_list(1));
        vm.snapshotValue("RewardVault", "claim, the last", vm.lastCallGas().gasTotalUsed);
        assertLe(vm.lastCallGas().gasTotalUsed, 70_000);
    }
}
