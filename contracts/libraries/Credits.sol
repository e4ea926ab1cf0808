// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Math } from "@openzeppelin/contracts/utils/math/Math.sol";
import { SignedMath } from "@openzeppelin/contracts/utils/math/SignedMath.sol";

/// @title Credits
/// @notice What proven shares earn once those that did harm are carried against later ones. Pure.
library Credits {
    /// @notice What one accepted share does to its node.
    /// @param shareNano Its proven share, in 1e-9 of loss.
    /// @param debtNano What the node's negative shares have left to pay off.
    /// @return creditNano What remains of a positive share.
    /// @return debtAfterNano What remains of the debt, or what it has become.
    function settle(int256 shareNano, uint256 debtNano)
        internal
        pure
        returns (uint256 creditNano, uint256 debtAfterNano)
    {
        uint256 magnitude = SignedMath.abs(shareNano);
        if (shareNano < 0) return (0, debtNano + magnitude);
        uint256 offset = Math.min(magnitude, debtNano);
        return (magnitude - offset, debtNano - offset);
    }

    /// @notice By how much a round lowered the loss; 0 if it did not.
    function dropNano(uint256 baseLossNano, uint256 finalLossNano) internal pure returns (uint256) {
        return Math.saturatingSub(baseLossNano, finalLossNano);
    }

    /// @notice The part of a drop that earned credits. What paid off debts earned none, and must not be paid to the
    /// others of the round either.
    /// @param drop By how much the round lowered the loss.
    /// @param totalNano Sum of the round's credits.
    /// @param paidNano Sum of what its shares paid off.
    function creditedDropNano(uint256 drop, uint256 totalNano, uint256 paidNano)
        internal
        pure
        returns (uint256)
    {
        return paidNano == 0 ? drop : Math.mulDiv(drop, totalNano, totalNano + paidNano);
    }
}
