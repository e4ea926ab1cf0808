// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { FakeCredits } from "../doubles/FakeCredits.sol";
import { VaultHandler } from "./VaultHandler.sol";
import { RewardVault } from "contracts/RewardVault.sol";
import { Settlement } from "contracts/types/Settlement.sol";
import { Test } from "forge-std/Test.sol";

/// @notice The laws of the money, whatever anybody does.
contract VaultInvariants is Test {
    VaultHandler internal handler;
    RewardVault internal vault;
    FakeCredits internal credits;

    function setUp() public {
        handler = new VaultHandler();
        (vault, credits) = handler.network();
        bytes4[] memory selectors = new bytes4[](8);
        selectors[0] = VaultHandler.fund.selector;
        selectors[1] = VaultHandler.donate.selector;
        selectors[2] = VaultHandler.settle.selector;
        selectors[3] = VaultHandler.claim.selector;
        selectors[4] = VaultHandler.object.selector;
        selectors[5] = VaultHandler.rule.selector;
        selectors[6] = VaultHandler.withdraw.selector;
        selectors[7] = VaultHandler.wait.selector;
        targetContract(address(handler));
        targetSelector(FuzzSelector({ addr: address(handler), selectors: selectors }));
    }

    function invariant_EveryWeiIsAccountedFor() public view {
        uint256 held = vault.pot() + vault.held() + handler.streamed() + vault.freeBonds(handler.node(3));
        for (uint256 i = 1; i < vault.nextRound(); ++i) {
            held += vault.settlement(i).unpaid;
            held += vault.objection(i).bond;
        }
        assertEq(address(vault).balance, held, "the balance is pot, held, streams, unclaimed and bonds");
        assertEq(address(vault).balance, handler.paidIn() - handler.paidOut());
    }

    function invariant_ARoundPaysAtMostItsPayoutAndThatAtMostThePot() public view {
        for (uint256 i = 1; i < vault.nextRound(); ++i) {
            Settlement memory s = vault.settlement(i);
            assertLe(handler.payout(i), handler.potAtSettlement(i), "payout is at most the pot");
            (,, uint256 drop,) = credits.roundCredit(i);
            assertLe(handler.payout(i), drop * vault.rateWeiPerNano(i), "and at most rate times drop");
            assertLe(handler.paid(i), handler.payout(i), "paid is at most the payout");
            if (handler.returned(i)) {
                assertEq(handler.paid(i) + s.unpaid, 0, "what went back to the pot is not paid");
            } else {
                assertEq(handler.paid(i) + s.unpaid, handler.payout(i));
            }
            assertLe(s.objections, 3, "no fourth objection");
            assertLe(s.opensAt, handler.settledAt(i) + 3 * (1 days + 3 days), "claims open some day");
            assertEq(s.unclaimed == 0, s.unpaid == 0, "all is paid when all have claimed");
        }
    }

    function invariant_NobodyIsPaidTwiceOrEarlyOrShort() public view {
        for (uint256 i = 1; i < vault.nextRound(); ++i) {
            for (uint256 j; j < 4; ++j) {
                assertLe(handler.claims(i, handler.node(j)), 1, "nobody is paid twice");
            }
            assertEq(handler.claims(i, handler.node(3)), 0, "who earned nothing gets nothing");
        }
        assertFalse(handler.paidEarly(), "nothing is paid before its time");
        assertFalse(handler.paidShort(), "what is owed is what is paid");
    }

    /// The handler gets somewhere: laws about money that never moves would be worth nothing.
    function test_HandlerReachesEveryEnd() public {
        for (uint256 i; i < 12; ++i) {
            handler.fund(i, i, 1 ether);
            handler.settle(uint120(i + 1), 7, 9, 1e14);
            if (i % 2 == 0) handler.object(i);
            if (i % 4 == 0) handler.rule(i, i % 8 == 0);
            handler.wait(3 days - 1);
            handler.wait(1 days + 2);
            handler.rule(i, true);
            handler.claim(i, 0);
            handler.claim(i, 1);
            handler.claim(i, 2);
            handler.withdraw();
        }
        assertGt(handler.claimed(), 5);
        assertGt(handler.ruled(), 1);
        assertGt(handler.expired(), 1);
        invariant_EveryWeiIsAccountedFor();
        invariant_ARoundPaysAtMostItsPayoutAndThatAtMostThePot();
        invariant_NobodyIsPaidTwiceOrEarlyOrShort();
    }
}
