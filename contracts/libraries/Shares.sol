// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Math } from "@openzeppelin/contracts/utils/math/Math.sol";
import { SafeCast } from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import { SignedMath } from "@openzeppelin/contracts/utils/math/SignedMath.sol";

/// @title Shares
/// @notice What proven sums are worth. Pure; the same formulas stand in Python, on the same vectors.
library Shares {
    using SafeCast for int256;
    using SafeCast for uint256;

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
        return task > 0 && (task * task).toUint256() >= zMin * zMin * square;
    }

    /// @notice The alignment 10000 T / √(m Q) in basis points, rounded toward zero; 0 if Q is 0.
    function alignmentBps(int256 task, uint256 square, uint256 sampleSize) internal pure returns (int256) {
        uint256 norm = Math.sqrt(sampleSize * square);
        return norm == 0 ? int256(0) : (task * FULL_ALIGNMENT_BPS) / norm.toInt256();
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
        int256 magnitude = (numerator / (totalWeight << (64 - exponent).toUint256())).toInt256();
        return common < 0 ? -magnitude : magnitude;
    }
}
