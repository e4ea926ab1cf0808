// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { RegistryFixture } from "../RegistryFixture.sol";
import { IContributionRegistry as I } from "contracts/interfaces/IContributionRegistry.sol";
import { ICreditSource } from "contracts/interfaces/ICreditSource.sol";
import { Challenge } from "contracts/types/Challenge.sol";
import { Outcome } from "contracts/types/Outcome.sol";

/// @notice What rounds leave behind for a vault: credits, debts, the drop.
contract CreditTest is RegistryFixture {
    uint64 internal constant DROP = BASE_LOSS - CANDIDATE_LOSS;

    /// A round in which everybody is accepted, with these sums.
    function _round(int256 a, int256 b, int256 c) internal {
        _toProving();
        _prove(alice, a);
        _prove(bob, b);
        _prove(carol, c);
    }

    function _share(address node) internal view returns (uint256) {
        int256 share = _contribution(node).shareNano;
        return uint256(share < 0 ? -share : share);
    }

    function _credit(address node) internal view returns (uint256 creditNano) {
        (creditNano,) = registry.credit(id, node);
    }

    function _assertRound(uint256 total, uint256 bitmap, uint256 drop, bool over) internal view {
        (uint256 actualTotal, uint256 actualBitmap, uint256 actualDrop, bool actualOver) =
            registry.roundCredit(id);
        assertEq(actualTotal, total, "total");
        assertEq(actualBitmap, bitmap, "bitmap");
        assertEq(actualDrop, drop, "drop");
        assertEq(actualOver, over, "over");
    }

    function test_PositiveSharesAreCreditAndNegativeOnesDebt() public {
        _round(50_000, 40_000, -30_000);
        vm.expectEmit();
        emit I.ContributionSettled(1, alice, Outcome.Accepted, int256(_share(alice)), _share(alice));
        vm.expectEmit();
        emit I.ContributionSettled(1, bob, Outcome.Accepted, int256(_share(bob)), _share(bob));
        vm.expectEmit();
        emit ICreditSource.DebtChanged(1, carol, 0, _share(carol));
        vm.expectEmit();
        emit I.ContributionSettled(1, carol, Outcome.Accepted, -int256(_share(carol)), 0);
        _finalize(_result(CANDIDATE, CANDIDATE_LOSS, CANDIDATE_LOSS, 0));
        assertGt(_credit(alice), 0);
        assertEq(_credit(alice), _share(alice));
        assertEq(_credit(carol), 0);
        assertEq(registry.debtNano(carol), _share(carol));
        _assertRound(_share(alice) + _share(bob), 3, DROP, true);
        (uint256 creditNano, uint256 index) = registry.credit(1, bob);
        assertEq(creditNano, _share(bob));
        assertEq(index, 1);
    }

    function test_DebtIsPaidOffByLaterShares() public {
        _round(50_000, 40_000, -30_000);
        _finalize(_result(CANDIDATE, CANDIDATE_LOSS, CANDIDATE_LOSS, 0));
        uint256 debt = registry.debtNano(carol);

        _nextRound(1, 10_000);
        uint256 paid = _share(carol);
        assertLt(paid, debt, "too little to pay it off");
        assertEq(registry.debtNano(carol), debt - paid);
        assertEq(_credit(carol), 0);
        (, uint256 bitmap,,) = registry.roundCredit(id);
        assertEq(bitmap & 4, 0, "no credit, no bit");

        _nextRound(1, 60_000);
        assertEq(registry.debtNano(carol), 0);
        assertEq(_credit(carol), _share(carol) - (debt - paid));
        _assertRound(_share(alice) + _share(bob) + _credit(carol), _bits(), 0, true);

        _nextRound(1, 60_000);
        assertEq(_credit(carol), _share(carol), "no debt, all of it");
    }

    /// What pays off debts must not go to the others of the round.
    function test_ADropIsPaidForAsFarAsItEarnedCredits() public {
        _round(50_000, 40_000, -30_000);
        _finalize(_result(CANDIDATE, CANDIDATE_LOSS, CANDIDATE_LOSS, 0));
        uint256 debt = registry.debtNano(carol);
        _toDrawn();
        _publish();
        _prove(alice, 10_000);
        _proveNoise(bob);
        _prove(carol, 60_000);
        _finalize(_result(keccak256("next"), BASE_LOSS - 7000, BASE_LOSS - 7000, 0));
        uint256 total = _share(alice) + _credit(carol);
        assertEq(_credit(carol), _share(carol) - debt);
        assertEq(total + debt, _share(alice) + _share(carol));
        _assertRound(total, _bits(), uint256(7000) * total / (total + debt), true);
        assertLt(uint256(7000) * total / (total + debt), 7000);
    }

    /// A round without a drop, with a checkpoint of its own.
    function _nextRound(int256 a, int256 c) internal {
        _toDrawn();
        _publish();
        _prove(alice, a);
        _proveNoise(bob);
        _prove(carol, c);
        _finalize(_result(keccak256(abi.encode(id)), BASE_LOSS, BASE_LOSS, 0));
    }

    function _bits() internal view returns (uint256) {
        return (_credit(alice) > 0 ? 1 : 0) | 4;
    }

    function test_AKeptBaseChangesNothing() public {
        _round(50_000, 40_000, -30_000);
        _finalize(_result(CANDIDATE, CANDIDATE_LOSS, CANDIDATE_LOSS, 0));
        uint256 debt = registry.debtNano(carol);
        _toGateHit();
        _finalize(_result(CANDIDATE, BASE_LOSS + 5000, BASE_LOSS, 0));
        assertTrue(registry.round(id).baseKept);
        _assertRound(0, 0, 0, true);
        assertEq(_credit(alice), 0);
        assertEq(registry.debtNano(bob), 0, "no new debt");
        assertEq(registry.debtNano(carol), debt, "and none paid off");
    }

    function test_HarmfulContributionsEarnAndOweNothing() public {
        _toGateHit();
        _finalize(_result(keccak256("aggregate"), BASE_LOSS + 5000, BASE_LOSS - 7, 6));
        assertEq(registry.debtNano(bob), 0);
        assertEq(_credit(carol), 0);
        _assertRound(_share(alice), 1, 7, true);
    }

    function _toGateHit() internal {
        _toDrawn();
        Challenge memory c = _challenge();
        c.candidateLossNano = BASE_LOSS + 5000;
        vm.prank(coordinator);
        registry.publishChallenge(id, c);
        _prove(alice, 50_000);
        _prove(bob, -40_000);
        _prove(carol, 30_000);
    }

    function test_ALossThatRoseIsNoDrop() public {
        _nextRound(50_000, 1);
        _assertRound(_share(alice) + _share(carol), _share(carol) > 0 ? 5 : 1, 0, true);
    }

    function test_ARunningRoundHasNoCredit() public {
        _toProven();
        _assertRound(0, 0, 0, false);
        assertEq(_credit(alice), 0);
    }

    function test_AnAbortedRoundIsOverWithoutCredit() public {
        _toProven();
        vm.prank(coordinator);
        registry.abortRound(id);
        _assertRound(0, 0, 0, true);
        assertEq(_credit(alice), 0);
        assertEq(registry.debtNano(carol), 0);
    }

    function test_WhoIsNotInARoundHasNoCredit() public {
        _toFinalized();
        (uint256 creditNano, uint256 index) = registry.credit(1, dave);
        assertEq(creditNano + index, 0);
        (,,, bool over) = registry.roundCredit(2);
        assertFalse(over);
    }

    function test_SharesAboveTheWholeLossDoNotKeepARoundFromEnding() public {
        _toDrawn();
        Challenge memory c = _challenge();
        c.unit = 1 << 127;
        vm.prank(coordinator);
        registry.publishChallenge(id, c);
        _prove(alice, 1 << 40);
        _prove(bob, 1 << 40);
        _prove(carol, 1 << 40);
        _finalize(_result(CANDIDATE, CANDIDATE_LOSS, CANDIDATE_LOSS, 0));
        (uint256 total,,,) = registry.roundCredit(1);
        assertEq(_credit(alice), BASE_LOSS);
        assertEq(total, _credit(alice) + _credit(bob) + _credit(carol));
    }
}
