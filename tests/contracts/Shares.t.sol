// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Shares } from "contracts/libraries/Shares.sol";
import { Test } from "forge-std/Test.sol";

contract SharesTest is Test {
    int256 internal constant MAX_COMMON = 127 * 127 * 65_535;

    // ---------------------------------------------------------------- weights

    function testFuzz_WeightCap(uint256 total, uint256 bps) public pure {
        total = bound(total, 1, 1 << 32);
        bps = bound(bps, 1, 10_000);
        uint256 cap = Shares.weightCap(total, bps);
        assertGe(cap, 1);
        assertLe(cap, total, "nobody needs more than all");
        if (cap > 1) assertLe(cap * 10_000, total * bps, "no more than its part");
        assertGt((cap + 1) * 10_000, total * bps, "and no less, but for the rounding");
    }

    // ---------------------------------------------------------------- shares

    /// floor(|x| / y) · y ≤ |x| < (floor(|x| / y) + 1) · y, with the sign put back: nothing else is rounding
    /// toward zero.
    function testFuzz_ShareIsRoundedTowardZero(int256 a, uint256 w, uint256 total, uint128 unit, int256 e)
        public
        pure
    {
        a = bound(a, -MAX_COMMON, MAX_COMMON);
        total = bound(total, 1, (1 << 30) - 1);
        w = bound(w, 1, total);
        e = bound(e, -64, 0);
        int256 share = Shares.shareNano(a, w, total, unit, e);
        uint256 magnitude = uint256(share < 0 ? -share : share);
        uint256 numerator = uint256(a < 0 ? -a : a) * w * unit * 1e9;
        uint256 denominator = total * 2 ** uint256(64 - e);
        assertLe(magnitude * denominator, numerator);
        assertGt((magnitude + 1) * denominator, numerator);
        assertTrue(share == 0 || (share < 0) == (a < 0), "sign");
        assertLe(magnitude, uint128(type(int128).max), "fits what records it");
    }

    function testFuzz_ShareIsOddInA(int256 a, uint256 w, uint256 total, uint128 unit, int256 e) public pure {
        a = bound(a, -MAX_COMMON, MAX_COMMON);
        total = bound(total, 1, (1 << 30) - 1);
        w = bound(w, 1, total);
        e = bound(e, -64, 0);
        assertEq(Shares.shareNano(-a, w, total, unit, e), -Shares.shareNano(a, w, total, unit, e));
    }

    function test_ShareByHand() public pure {
        // The whole weight, unit 1 (2^64), exponent 0: A losses.
        assertEq(Shares.shareNano(3, 5, 5, 1 << 64, 0), 3e9);
        // Half the weight, a quarter of the step.
        assertEq(Shares.shareNano(-3, 5, 10, 1 << 64, -2), -375_000_000);
        assertEq(Shares.shareNano(1, 1, 3, 1 << 64, 0), 333_333_333);
        assertEq(Shares.shareNano(-1, 1, 3, 1 << 64, 0), -333_333_333);
        assertEq(Shares.shareNano(0, 1, 1, 1 << 64, 0), 0);
    }

    // ---------------------------------------------------------------- alignment and admission

    /// A vector drawn at random has the alignment of its definition, at most 10000.
    function testFuzz_AlignmentOfAVector(int8[16] memory d, uint256 directions) public pure {
        int256 t;
        uint256 q;
        for (uint256 i; i < 16; ++i) {
            int256 x = d[i] == -128 ? -127 : int256(d[i]);
            t += (directions >> i) & 1 == 1 ? x : -x;
            q += uint256(x * x);
        }
        int256 bps = Shares.alignmentBps(t, q, 16);
        assertLe(bps, 10_000);
        assertGe(bps, -10_000);
        if (q == 0) assertEq(bps, 0);
        assertEq(Shares.alignmentBps(-t, q, 16), -bps, "rounded toward zero on both sides");
    }

    function testFuzz_AdmissionIsZOfAtLeastZMin(int256 t, uint256 q, uint8 zMin) public pure {
        t = bound(t, -127 * 65_535, 127 * 65_535);
        q = bound(q, 0, 127 * 127 * 65_535);
        zMin = uint8(bound(zMin, 1, 255));
        bool admitted = Shares.isAdmitted(t, q, zMin);
        if (t <= 0) assertFalse(admitted);
        else assertEq(admitted, uint256(t) * uint256(t) >= uint256(zMin) ** 2 * q);
    }

    function test_ThresholdIsInclusive() public pure {
        assertTrue(Shares.isAdmitted(4, 1, 4));
        assertFalse(Shares.isAdmitted(3, 1, 4));
        assertFalse(Shares.isAdmitted(-4, 1, 4));
        assertFalse(Shares.isAdmitted(0, 0, 4));
    }
}
