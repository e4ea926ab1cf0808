// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { VaultFixture } from "./VaultFixture.sol";
import { Ownable } from "@openzeppelin/contracts/access/Ownable.sol";
import { IPermanentlyOwned } from "contracts/interfaces/IPermanentlyOwned.sol";
import { IRewardVault as I } from "contracts/interfaces/IRewardVault.sol";

/// @notice Who rules, and one objection after the other.
contract RewardVaultObjectionsTest is VaultFixture {
    address internal friend = makeAddr("friend"); // of whoever is paid too much

    function setUp() public override {
        super.setUp();
        vm.deal(friend, 100 ether);
    }

    function _objectAs(address who, uint256 bond) internal {
        vm.prank(who);
        vault.object{ value: bond }(1, EVIDENCE, "cid");
    }

    function _expectNotOpen(uint256 opensAt) internal {
        vm.expectRevert(
            abi.encodeWithSelector(I.RewardVault_ClaimsNotOpen.selector, 1, opensAt, block.timestamp)
        );
        _claim(alice, 1);
    }

    function _assertSolvent() internal view {
        uint256 bonds = vault.freeBonds(auditor) + vault.freeBonds(friend) + vault.objection(1).bond;
        assertEq(address(vault).balance, vault.pot() + vault.settlement(1).unpaid + bonds);
    }

    // ---------------------------------------------------------------- two powers

    function test_TheOwnerNamesAnotherJudge() public {
        _toObjected();
        vm.expectEmit();
        emit I.JudgeChanged(friend);
        vm.prank(owner);
        vault.setJudge(friend);
        assertEq(vault.judge(), friend);
        vm.expectRevert(abi.encodeWithSelector(I.RewardVault_NotJudge.selector, friend, judge));
        vm.prank(judge);
        vault.rule(1, 1, true);
        vm.prank(friend);
        vault.rule(1, 1, true);
        assertEq(vault.pot(), 1500);
    }

    function test_RevertWhen_TheJudgeIsNotTheOwnersOrNobody() public {
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, judge));
        vm.prank(judge);
        vault.setJudge(friend);
        vm.expectRevert(I.RewardVault_NoJudge.selector);
        vm.prank(owner);
        vault.setJudge(address(0));
    }

    function test_RevertWhen_TheOwnerRenounces() public {
        vm.expectRevert(IPermanentlyOwned.PermanentlyOwned_CannotRenounce.selector);
        vm.prank(owner);
        vault.renounceOwnership();
        assertEq(vault.owner(), owner);
    }

    // ---------------------------------------------------------------- one after the other

    function test_AFriendlyObjectionDoesNotKeepTheRealOneOut() public {
        _toSettled();
        _objectAs(friend, BOND);
        vm.warp(vault.objection(1).rulingDeadline);
        _rule(false); // long after the first window
        uint256 opensAt = block.timestamp + WINDOW;
        _expectNotOpen(opensAt);
        vm.warp(opensAt - 1);
        _objectAs(auditor, 2 * BOND);
        assertEq(vault.objection(1).bond, 2 * BOND);
        assertEq(vault.settlement(1).objections, 2);
        _rule(true);
        assertEq(vault.pot(), 1500 + BOND, "the friend's bond, and the payout");
        assertEq(vault.freeBonds(auditor), 2 * BOND);
        assertEq(vault.freeBonds(friend), 0);
        _assertSolvent();
    }

    function test_AfterAnObjectionThatNobodyRuledOnThereIsAnotherWindow() public {
        _toSettled();
        _objectAs(friend, BOND);
        uint256 deadline = vault.objection(1).rulingDeadline;
        vm.warp(deadline + WINDOW);
        _expectNotOpen(deadline + WINDOW + 1);
        vm.expectEmit();
        emit I.ObjectionExpired(1, friend, 1);
        vm.expectEmit();
        emit I.ObjectionFiled(
            1,
            auditor,
            2,
            EVIDENCE,
            "cid",
            2 * BOND,
            uint64(block.timestamp) + RULING,
            uint64(block.timestamp) + RULING + 1 + WINDOW
        );
        _objectAs(auditor, 2 * BOND); // the first one ends here by itself
        assertEq(vault.freeBonds(friend), BOND);
        assertEq(vault.objection(1).objector, auditor);
        _assertSolvent();
    }

    function test_RevertWhen_AnObjectionComesAfterTheWindowOfOneThatNobodyRuledOn() public {
        _toObjected();
        uint256 opensAt = vault.settlement(1).opensAt;
        vm.warp(opensAt);
        vm.expectRevert(abi.encodeWithSelector(I.RewardVault_ObjectionTooLate.selector, opensAt, opensAt));
        _objectAs(friend, 2 * BOND);
        // Nor does it help to free the bond late: claims stay open, and nothing can be ruled on any more.
        _claim(alice, 1);
        vault.expireObjection(1);
        assertEq(vault.settlement(1).opensAt, opensAt);
        vm.expectRevert(abi.encodeWithSelector(I.RewardVault_ObjectionTooLate.selector, opensAt, opensAt));
        _objectAs(friend, 2 * BOND);
        _claim(bob, 1);
        _assertSolvent();
    }

    function test_AnotherObjectionWaitsForTheRuling() public {
        _toObjected();
        uint256 deadline = vault.objection(1).rulingDeadline;
        vm.warp(deadline);
        vm.expectRevert(abi.encodeWithSelector(I.RewardVault_Frozen.selector, 1, deadline));
        _objectAs(friend, 2 * BOND);
    }

    function test_EachObjectionCostsTwiceTheOneBefore() public {
        _toObjected();
        _rule(false);
        vm.expectRevert(abi.encodeWithSelector(I.RewardVault_WrongValue.selector, 2 * BOND, BOND));
        _objectAs(friend, BOND);
        _objectAs(friend, 2 * BOND);
        _rule(false);
        _objectAs(auditor, 4 * BOND);
        assertEq(vault.pot(), 500 + 3 * BOND);
        vm.warp(vault.objection(1).rulingDeadline + 1);
        vault.expireObjection(1);
        assertEq(vault.freeBonds(auditor), 4 * BOND, "each gets its own bond back");
        assertEq(vault.objection(1).bond, 0);
        _assertSolvent();
    }

    function test_AfterTheThirdObjectionClaimsOpenAtOnce() public {
        _toObjected();
        _rule(false);
        _object(1);
        _rule(false);
        _object(1);
        uint256 clean = vm.snapshotState();
        _rule(false);
        vm.expectRevert(abi.encodeWithSelector(I.RewardVault_NoMoreObjections.selector, 1, 3));
        _objectAs(friend, 8 * BOND);
        _claim(alice, 1);
        vm.revertToState(clean);
        vm.warp(vault.objection(1).rulingDeadline + 1);
        vm.expectRevert(abi.encodeWithSelector(I.RewardVault_NoMoreObjections.selector, 1, 3));
        _objectAs(friend, 8 * BOND);
        _claim(alice, 1);
        _assertSolvent();
    }

    function test_ClaimsOpenAtTheLatestAfterThreeWindowsAndThreeRulings() public {
        _toSettled();
        uint256 bound = block.timestamp + 3 * (uint256(WINDOW) + RULING);
        for (uint256 i; i < 3; ++i) {
            vm.warp(vault.settlement(1).opensAt - 1);
            _object(1);
        }
        assertEq(vault.settlement(1).opensAt, bound, "the slowest way there is");
        vm.warp(bound);
        _claim(alice, 1);
    }

    function test_RevertWhen_ARulingIsAboutAnEarlierObjection() public {
        _toSettled();
        _objectAs(friend, BOND);
        vm.warp(vault.objection(1).rulingDeadline + 1);
        _objectAs(auditor, 2 * BOND);
        vm.expectRevert(abi.encodeWithSelector(I.RewardVault_OtherObjection.selector, 1, 2, 1));
        vm.prank(judge);
        vault.rule(1, 1, false);
        assertEq(vault.objection(1).objector, auditor, "the auditor's is still open");
    }

    function test_RevertWhen_ARoundThatPaysNothingAnyMoreIsObjectedTo() public {
        _toObjected();
        _rule(true);
        vm.expectRevert(abi.encodeWithSelector(I.RewardVault_NothingToObject.selector, 1));
        _objectAs(friend, 2 * BOND);
    }

    /// Whatever is filed and ruled whenever: once a claim was paid, nothing is ruled on any more.
    function testFuzz_NoRulingComesAfterAClaim(uint32[10] memory waits, uint256 choices) public {
        _toSettled();
        bool paid;
        for (uint256 i; i < 10; ++i) {
            skip(waits[i] % (WINDOW + RULING));
            uint256 bond = BOND << vault.settlement(1).objections;
            uint256 choice = choices >> (2 * i) & 3;
            if (choice == 0) {
                vm.prank(auditor);
                try vault.object{ value: bond }(1, EVIDENCE, "cid") {
                    assertFalse(paid, "no objection after a claim");
                } catch { }
            } else if (choice == 1) {
                uint256 number = vault.settlement(1).objections;
                vm.prank(judge);
                try vault.rule(1, number, choices >> 200 & 1 == 1) {
                    assertFalse(paid, "no ruling after a claim");
                } catch { }
            } else if (choice == 2) {
                try vault.claimFor([alice, bob, carol][i % 3], _list(1)) {
                    paid = true;
                } catch { }
            } else {
                try vault.expireObjection(1) { } catch { }
            }
            _assertSolvent();
        }
    }
}
