// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Math } from "@openzeppelin/contracts/utils/math/Math.sol";
import { SignedMath } from "@openzeppelin/contracts/utils/math/SignedMath.sol";

/// @title Shares
/// @notice What proven sums are worth. Pure; the same formulas stand in Python, on the same vectors.
library Shares {
    uint256 internal constant NANO = 1e9;
    uint256 internal constant ALL_BPS = 10_000;
    int256 internal constant FULL_ALIGNMENT_BPS = 10_000;

    /// @notice The most that one contribution weighs in a round.
    /// @param totalExamples Sum of the examples of the available contributions.
    /// @param maxWeightShareBps Largest part of it, in basis points.
    function weightCap(uint256 totalExamples, uint256 maxWeightShareBps) internal pure returns (uint256) {
        return Math.max(1, (totalExamples * maxWeightShareBps) / ALL_BPS);
    }

    /// @notice Whether noise would not have got this far: T > 0 and T² ≥ zMin² Q.
    function isAdmitted(int256 task, uint256 square, uint256 zMin) internal pure returns (bool) {
        return task > 0 && SignedMath.abs(task * task) >= zMin * zMin * square;
    }

    /// @notice The alignment 10000 T / √(m Q) in basis points, rounded toward zero; 0 if Q is 0.
    function alignmentBps(int256 task, uint256 square, uint256 sampleSize) internal pure returns (int256) {
        uint256 norm = Math.sqrt(sampleSize * square);
        return norm == 0 ? int256(0) : _signed((SignedMath.abs(task) * ALL_BPS) / norm, task < 0);
    }

    /// @notice The improvement share A · w · unit · 2^e / Σw in nano-loss, rounded toward zero.
    /// @param common A, the agreement with the common direction.
    /// @param weight w, the contribution's weight.
    /// @param totalWeight Σw, not zero.
    /// @param unit Loss per unit of agreement, 2^-64 fixed point.
    /// @param exponent e, after the clip shift, in [-64, 0].
    function shareNano(int256 common, uint256 weight, uint256 totalWeight, uint128 unit, int256 exponent)
        internal
        pure
        returns (int256)
    {
        // |A| < 2^46, w < 2^32, unit < 2^128, 1e9 < 2^30: below 2^236.
        uint256 numerator = SignedMath.abs(common) * weight * unit * NANO;
        return _signed(numerator / (totalWeight << SignedMath.abs(64 - exponent)), common < 0);
    }

    function _signed(uint256 magnitude, bool negative) private pure returns (int256) {
        // Far below 2^255 for all that proofs and their bounds allow.
        // forge-lint: disable-next-line(unsafe-typecast)
        int256 value = int256(magnitude);
        return negative ? -value : value;
    }
}
