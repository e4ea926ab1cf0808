// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Credits } from "contracts/libraries/Credits.sol";
import { Test } from "forge-std/Test.sol";

contract CreditsTest is Test {
    function test_APositiveShareWithoutDebtIsCredit() public pure {
        _check(70, 0, 70, 0);
    }

    function test_ANegativeShareAddsToTheDebt() public pure {
        _check(-70, 5, 0, 75);
    }

    function test_APositiveSharePaysOffDebtFirst() public pure {
        _check(70, 30, 40, 0);
        _check(70, 70, 0, 0);
        _check(70, 100, 0, 30);
    }

    function test_AShareOfZeroChangesNothing() public pure {
        _check(0, 30, 0, 30);
    }

    /// share = credit + debt before − debt after.
    function testFuzz_NothingIsLost(int128 share, uint256 debt) public pure {
        debt = bound(debt, 0, type(uint136).max);
        (uint256 credit, uint256 left) = Credits.settle(share, debt);
        assertEq(int256(share), int256(credit) + int256(debt) - int256(left));
        assertTrue(credit == 0 || left == 0, "no credit before the debt is paid off");
        assertTrue(credit == 0 || share > 0, "no credit for a share that is not positive");
    }

    function testFuzz_Drop(uint64 base, uint64 last) public pure {
        assertEq(Credits.dropNano(base, last), last < base ? base - last : 0);
    }

    function _check(int256 share, uint256 debt, uint256 credit, uint256 left) internal pure {
        (uint256 actualCredit, uint256 actualLeft) = Credits.settle(share, debt);
        assertEq(actualCredit, credit, "credit");
        assertEq(actualLeft, left, "debt");
    }
}
