// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { VaultFixture } from "./VaultFixture.sol";
import { Ownable } from "@openzeppelin/contracts/access/Ownable.sol";
import { RewardVault } from "contracts/RewardVault.sol";
import { IRewardVault as I } from "contracts/interfaces/IRewardVault.sol";

contract RewardVaultTest is VaultFixture {
    uint256 internal constant MAX_AMOUNT = type(uint96).max;

    function _expect(bytes4 selector, uint256 expected, uint256 actual) internal {
        vm.expectRevert(abi.encodeWithSelector(selector, expected, actual));
    }

    // ---------------------------------------------------------------- construction, rate

    function test_RevertWhen_TheRulesAreOutOfRange() public {
        vm.expectRevert(abi.encodeWithSelector(I.RewardVault_NoContract.selector, funder));
        new RewardVault(owner, judge, credits, funder, RATE, WINDOW, RULING, BOND);
        _expect(I.RewardVault_RateOutOfRange.selector, 1e18, 0);
        new RewardVault(owner, judge, credits, address(0), 0, WINDOW, RULING, BOND);
        _expect(I.RewardVault_DurationOutOfRange.selector, 90 days, 0);
        new RewardVault(owner, judge, credits, address(0), RATE, 0, RULING, BOND);
        _expect(I.RewardVault_DurationOutOfRange.selector, 90 days, 90 days + 1);
        new RewardVault(owner, judge, credits, address(0), RATE, WINDOW, 90 days + 1, BOND);
        _expect(I.RewardVault_BondOutOfRange.selector, MAX_AMOUNT, 0);
        new RewardVault(owner, judge, credits, address(0), RATE, WINDOW, RULING, 0);
        vm.expectRevert(I.RewardVault_NoJudge.selector);
        new RewardVault(owner, address(0), credits, address(0), RATE, WINDOW, RULING, BOND);
    }

    function test_TheRateChangesForRoundsThatAreNotOpen() public {
        credits.open();
        vm.prank(owner);
        vault.setRate(2 * RATE);
        assertEq(vault.rateWeiPerNano(1), RATE, "an open round keeps its rate");
        assertEq(vault.rateWeiPerNano(2), 2 * RATE);
        assertEq(vault.rateWeiPerNano(type(uint256).max), 2 * RATE);
    }

    function test_RevertWhen_TheRateIsNotTheOwnersOrOutOfRange() public {
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, funder));
        vm.prank(funder);
        vault.setRate(1);
        vm.startPrank(owner);
        _expect(I.RewardVault_RateOutOfRange.selector, 1e18, 1e18 + 1);
        vault.setRate(1e18 + 1);
    }

    // ---------------------------------------------------------------- money in

    function test_AStreamIsThereForItsRoundsAndNoOthers() public {
        _fund(2, 2, 100);
        _fund(3, 1, 7);
        uint256[4] memory payouts = [uint256(0), 100, 107, 0];
        for (uint256 i; i < 4; ++i) {
            vault.settle(_end(1, 0, 0, 1));
            assertEq(vault.settlement(i + 1).payout, payouts[i]);
        }
    }

    function test_RevertWhen_AFundedRoundIsSettled() public {
        _toSettled();
        vm.deal(address(this), 1);
        _expect(I.RewardVault_AlreadySettled.selector, 2, 1);
        vault.fund{ value: 1 }(1, 1, 1);
    }

    function test_RevertWhen_AFundingIsOutOfRange() public {
        _expect(I.RewardVault_StreamOutOfRange.selector, 1 << 32, 0);
        vault.fund(1, 0, 1);
        _expect(I.RewardVault_StreamOutOfRange.selector, 1 << 32, type(uint256).max - 1);
        vault.fund(type(uint256).max, 1, 1);
        _expect(I.RewardVault_AmountOutOfRange.selector, MAX_AMOUNT, 0);
        vault.fund(1, 1, 0);
        _expect(I.RewardVault_AmountOutOfRange.selector, MAX_AMOUNT, MAX_AMOUNT + 1);
        vault.donate(MAX_AMOUNT + 1);
    }

    function test_RevertWhen_TheValueIsWrong() public {
        vm.startPrank(funder);
        _expect(I.RewardVault_WrongValue.selector, 20, 19);
        vault.fund{ value: 19 }(1, 2, 10);
        _expect(I.RewardVault_WrongValue.selector, 20, 21);
        vault.donate{ value: 21 }(20);
    }

    function test_WhatIsSentIsInThePot() public {
        vm.startPrank(funder);
        vm.expectEmit();
        emit I.Donated(1, funder, 5);
        (bool ok,) = address(vault).call{ value: 5 }("");
        assertTrue(ok);
        vault.donate{ value: 6 }(6);
        assertEq(vault.pot(), 11);
    }

    // ---------------------------------------------------------------- settle

    function test_APayoutIsTheDropTimesTheRateAndTheRestRollsOver() public {
        _fund(1, 1, 1500);
        _end(1, 1, 1, 1);
        vm.expectEmit();
        emit I.RoundPaidOut(1, 1000, 3, 500, 0, uint64(block.timestamp) + WINDOW);
        vault.settle(1);
        assertEq(vault.pot(), 500);
        assertEq(vault.nextRound(), 2);
    }

    function test_APayoutIsAtMostThePot() public {
        _fund(1, 1, 1500);
        vault.settle(_end(1, 1, 1, 1_000_000));
        assertEq(vault.settlement(1).payout, 1500);
        assertEq(vault.pot(), 0);
    }

    function test_NothingIsPaidWithoutCreditOrDrop() public {
        _fund(1, 1, 1500);
        vault.settle(_end(0, 0, 0, 9));
        vault.settle(_end(1, 0, 0, 0));
        assertEq(vault.settlement(1).payout + vault.settlement(2).payout, 0);
        assertEq(vault.pot(), 0);
        assertEq(vault.held(), 1500);
        skip(WINDOW);
        vm.expectRevert(abi.encodeWithSelector(I.RewardVault_NothingToClaim.selector, 2, alice));
        _claim(alice, 2);
    }

    function test_RoundsThatPayNobodyDoNotPourAStreamIntoOne() public {
        _fund(1, 6, 100);
        vm.prank(funder);
        vault.donate{ value: 7 }(7);
        for (uint256 i; i < 3; ++i) {
            vault.settle(_end(0, 0, 0, 9));
        }
        assertEq(vault.held(), 300);
        assertEq(vault.pot(), 7, "the pot is not touched");
        _end(1, 1, 1, 1000);
        vm.expectEmit();
        emit I.RoundPaidOut(4, 126, 3, 0, 281, uint64(block.timestamp) + WINDOW);
        vault.settle(4);
        vault.settle(_end(1, 1, 1, 1000));
        assertEq(vault.settlement(5).payout, 118, "its own stream and a sixteenth");
        assertEq(vault.held(), 263);
    }

    /// A hundred rounds' streams, and somebody who can spare a hundred rounds' money to get at them.
    function test_ALargeFundingReleasesNothingOfTheOthers() public {
        _fund(1, 100, 1 ether);
        for (uint256 i; i < 98; ++i) {
            vault.settle(_end(0, 0, 0, 0));
        }
        _fund(99, 1, 98 ether);
        vault.settle(_end(0, 0, 0, 0));
        assertEq(vault.held(), 197 ether);
        _fund(100, 1, 98 ether);
        vault.settle(_end(1, 0, 0, 1e18));
        assertEq(vault.settlement(100).payout, 99 ether + 12.3125 ether, "the round's own, and 197/16");
        vault.settle(_end(1, 0, 0, 1e18));
        assertEq(vault.settlement(101).payout, 11.54296875 ether, "less from round to round");
    }

    function test_ASmallFundingLocksNothing() public {
        _fund(1, 1, 16 ether);
        vault.settle(_end(0, 0, 0, 0));
        _fund(2, 100, 1);
        vault.settle(_end(0, 0, 0, 0));
        vault.settle(_end(1, 0, 0, 1e18));
        assertEq(vault.settlement(3).payout, 1 ether + 2);
    }

    function test_WhatIsHeldComesBackToTheLastWei() public {
        _fund(1, 1, 33);
        vault.settle(_end(0, 0, 0, 0));
        uint256[4] memory payouts = [uint256(3), 2, 2, 2];
        for (uint256 i; i < 4; ++i) {
            vault.settle(_end(1, 0, 0, 1e18));
            assertEq(vault.settlement(i + 2).payout, payouts[i]);
        }
        while (vault.held() != 0) {
            uint256 id = _end(1, 0, 0, 1e18);
            vault.settle(id);
            assertGe(vault.settlement(id).payout, 1);
        }
        vault.settle(_end(1, 0, 0, 1e18));
        assertEq(vault.pot(), 0);
    }

    function testFuzz_NoRoundPaysMoreThanThePotItsStreamAndASixteenthOfWhatIsHeld(
        uint256 pattern,
        uint64[8] memory amounts
    ) public {
        for (uint256 i = 1; i <= 8; ++i) {
            uint256 amount = 1 + uint256(amounts[i - 1]);
            _fund(i, 1, amount);
            uint256 most = vault.pot() + amount + (vault.held() + 15) / 16;
            bool pays = pattern >> i & 1 == 1;
            vault.settle(_end(pays ? 1 : 0, 0, 0, 1e15));
            assertLe(vault.settlement(i).payout, most);
            uint256 unpaid = vault.pot() + vault.held();
            for (uint256 j = 1; j <= i; ++j) {
                unpaid += vault.settlement(j).unpaid;
            }
            assertEq(address(vault).balance, unpaid, "all of it is somewhere");
        }
    }

    function test_RevertWhen_ARoundIsNotNextOrNotOver() public {
        _end(1, 1, 1, 1);
        _end(1, 1, 1, 1);
        _expect(I.RewardVault_NotNext.selector, 1, 2);
        vault.settle(2);
        vault.settle(1);
        _expect(I.RewardVault_NotNext.selector, 2, 1);
        vault.settle(1);
        vault.settle(2);
        vm.expectRevert(abi.encodeWithSelector(I.RewardVault_NotOver.selector, 3));
        vault.settle(3);
    }

    // ---------------------------------------------------------------- claim

    function test_TheLastClaimGetsWhatRoundingLeft() public {
        _toOpen();
        assertEq(vault.owed(1, bob), 333);
        vm.expectEmit();
        emit I.RewardClaimed(1, alice, 333);
        _claim(alice, 1);
        assertEq(vault.owed(1, alice), 0);
        vault.claimFor(carol, _list(1));
        assertEq(vault.owed(1, bob), 334);
        _claim(bob, 1);
        assertEq(alice.balance, 333);
        assertEq(carol.balance, 333);
        assertEq(bob.balance, 334);
        assertEq(address(vault).balance, 500);
    }

    function test_ManyRoundsInOneCall() public {
        _fund(1, 2, 500);
        vault.settle(_end(1, 1, 0, 1));
        vault.settle(_end(3, 1, 0, 1));
        skip(WINDOW);
        uint256[] memory both = new uint256[](2);
        (both[0], both[1]) = (2, 1);
        vm.prank(alice);
        vault.claim(both);
        assertEq(alice.balance, 250 + 375);
        both[1] = 2;
        vm.expectRevert(abi.encodeWithSelector(I.RewardVault_NothingToClaim.selector, 2, bob));
        vm.prank(bob);
        vault.claim(both); // the same round twice
    }

    function test_RevertWhen_ThereIsNothingToClaim() public {
        _toOpen();
        _claim(alice, 1);
        vm.expectRevert(abi.encodeWithSelector(I.RewardVault_NothingToClaim.selector, 1, alice));
        _claim(alice, 1);
        vm.expectRevert(abi.encodeWithSelector(I.RewardVault_NothingToClaim.selector, 1, funder));
        _claim(funder, 1);
        vm.expectRevert(I.RewardVault_EmptyList.selector);
        vault.claim(new uint256[](0));
        _expect(I.RewardVault_NotSettled.selector, 2, 2);
        _claim(alice, 2);
    }

    function test_RevertWhen_ClaimsAreNotOpen() public {
        _toSettled();
        skip(WINDOW - 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                I.RewardVault_ClaimsNotOpen.selector, 1, block.timestamp + 1, block.timestamp
            )
        );
        _claim(alice, 1);
        skip(1);
        _claim(alice, 1);
    }

    function testFuzz_PaymentsOfARoundAddUpToItsPayout(
        uint120[3] memory c,
        uint96 funded,
        uint64 drop,
        uint256 order
    ) public {
        funded = uint96(bound(funded, 1, type(uint96).max));
        vm.deal(funder, funded);
        _fund(1, 1, funded);
        vault.settle(_end(c[0], c[1], c[2], drop));
        uint256 payout = vault.settlement(1).payout;
        assertEq(address(vault).balance, vault.pot() + vault.held() + payout);
        skip(WINDOW);
        address[3] memory nodes = [alice, bob, carol];
        uint256 total = uint256(c[0]) + c[1] + c[2];
        uint256 owners;
        for (uint256 i; i < 3; ++i) {
            if (c[i] != 0) ++owners;
        }
        for (uint256 i; i < 3; ++i) {
            uint256 who = (order % 3 + i * (1 + order % 2)) % 3;
            if (c[who] == 0 || payout == 0) continue;
            _claim(nodes[who], 1);
            uint256 part = payout * c[who] / total;
            assertGe(nodes[who].balance, part, "nobody gets less than its part");
            assertLt(nodes[who].balance, part + owners, "nor more than the dust on top");
        }
        assertEq(alice.balance + bob.balance + carol.balance, payout, "exact to the wei");
    }

    // ---------------------------------------------------------------- objections

    function test_AnObjectionFreezesClaims() public {
        _toSettled();
        uint64 deadline = uint64(block.timestamp) + RULING;
        vm.expectEmit();
        uint64 opensAt = deadline + 1 + WINDOW;
        emit I.ObjectionFiled(1, auditor, 1, EVIDENCE, "cid", BOND, deadline, opensAt);
        _object(1);
        assertEq(vault.objection(1).objector, auditor);
        assertEq(vault.objection(1).rulingDeadline, deadline);
        vm.warp(opensAt - 1);
        vm.expectRevert(abi.encodeWithSelector(I.RewardVault_ClaimsNotOpen.selector, 1, opensAt, opensAt - 1));
        _claim(alice, 1);
        skip(1);
        _claim(alice, 1);
    }

    function test_AnUpheldObjectionReturnsThePayoutAndTheBond() public {
        _toObjected();
        vm.expectEmit();
        emit I.ObjectionRuled(1, auditor, 1, true, 1000, vault.settlement(1).opensAt);
        _rule(true);
        assertEq(vault.pot(), 1500);
        assertEq(vault.freeBonds(auditor), BOND);
        vm.warp(vault.settlement(1).opensAt);
        vm.expectRevert(abi.encodeWithSelector(I.RewardVault_NothingToClaim.selector, 1, alice));
        _claim(alice, 1);
        vm.prank(auditor);
        vault.withdraw();
        assertEq(auditor.balance, 1000 ether);
        vm.expectRevert(abi.encodeWithSelector(I.RewardVault_NothingToWithdraw.selector, auditor));
        vm.prank(auditor);
        vault.withdraw();
    }

    function test_ARejectedObjectionsBondIsInThePot() public {
        _toObjected();
        vm.expectEmit();
        emit I.ObjectionRuled(1, auditor, 1, false, BOND, uint64(block.timestamp) + WINDOW);
        _rule(false);
        assertEq(vault.pot(), 500 + BOND);
        assertEq(vault.freeBonds(auditor), 0);
        skip(WINDOW);
        _claim(alice, 1);
        assertEq(alice.balance, 333);
    }

    function test_WithoutARulingTheBondIsFreeAndClaimsOpen() public {
        _toObjected();
        uint256 deadline = block.timestamp + RULING;
        vm.warp(deadline);
        _expect(I.RewardVault_RulingPending.selector, deadline, deadline);
        vault.expireObjection(1);
        skip(1);
        _expectLateRuling(deadline);
        skip(WINDOW);
        _claim(alice, 1);
        vm.expectEmit();
        emit I.ObjectionExpired(1, auditor, 1);
        vault.expireObjection(1);
        assertEq(vault.freeBonds(auditor), BOND);
        vm.expectRevert(abi.encodeWithSelector(I.RewardVault_NoObjection.selector, 1));
        vault.expireObjection(1);
    }

    function _expectLateRuling(uint256 deadline) private {
        vm.startPrank(judge);
        _expect(I.RewardVault_RulingTooLate.selector, deadline, block.timestamp);
        vault.rule(1, 1, true);
        vm.stopPrank();
    }

    function test_RevertWhen_AnObjectionIsNotPossible() public {
        vm.startPrank(auditor);
        _expect(I.RewardVault_NotSettled.selector, 1, 1);
        vault.object{ value: BOND }(1, EVIDENCE, "cid");
        vm.stopPrank();
        _toSettled();
        vault.settle(_end(0, 0, 0, 0));
        vm.startPrank(auditor);
        vm.expectRevert(abi.encodeWithSelector(I.RewardVault_NothingToObject.selector, 2));
        vault.object{ value: BOND }(2, EVIDENCE, "cid");
        vm.expectRevert(I.RewardVault_NoEvidence.selector);
        vault.object{ value: BOND }(1, 0, "cid");
        vm.expectRevert(I.RewardVault_NoEvidence.selector);
        vault.object{ value: BOND }(1, EVIDENCE, "");
        _expect(I.RewardVault_WrongValue.selector, BOND, BOND - 1);
        vault.object{ value: BOND - 1 }(1, EVIDENCE, "cid");
        vault.object{ value: BOND }(1, EVIDENCE, "cid");
        _expect(I.RewardVault_Frozen.selector, 1, block.timestamp + RULING);
        vault.object{ value: BOND }(1, EVIDENCE, "cid");
    }

    function test_RevertWhen_ItIsTooLateToObject() public {
        _toOpen();
        _expect(I.RewardVault_ObjectionTooLate.selector, block.timestamp, block.timestamp);
        vm.prank(auditor);
        vault.object{ value: BOND }(1, EVIDENCE, "cid");
    }

    function test_RevertWhen_SomebodyElseRules() public {
        _toObjected();
        vm.expectRevert(abi.encodeWithSelector(I.RewardVault_NotJudge.selector, judge, owner));
        vm.prank(owner);
        vault.rule(1, 1, true);
        vm.expectRevert(abi.encodeWithSelector(I.RewardVault_NoObjection.selector, 2));
        vm.prank(judge);
        vault.rule(2, 0, true);
    }
}
