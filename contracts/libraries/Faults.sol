// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { INodeRegistry } from "../interfaces/INodeRegistry.sol";
import { FaultHistory } from "../types/FaultHistory.sol";
import { NodeRules } from "../types/NodeRules.sol";
import { Math } from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title Faults
/// @notice How faults are counted, and what they cost.
library Faults {
    /// A history has one bit for each round.
    uint256 internal constant MAX_WINDOW = 64;

    /// A single fault can happen to anybody.
    uint256 internal constant MIN_LIMIT = 2;

    /// Half of the bond at a time.
    uint256 internal constant MAX_FORFEIT_BPS = 5000;

    uint256 internal constant ALL_BPS = 10_000;

    /// @notice Reverts unless the rules are within their bounds.
    function validate(NodeRules memory r) internal pure {
        require(
            r.faultWindow != 0 && r.faultWindow <= MAX_WINDOW,
            INodeRegistry.NodeRegistry_FaultWindowOutOfRange(MAX_WINDOW, r.faultWindow)
        );
        require(
            r.faultLimit >= MIN_LIMIT && r.faultLimit <= r.faultWindow,
            INodeRegistry.NodeRegistry_FaultLimitOutOfRange(MIN_LIMIT, r.faultWindow, r.faultLimit)
        );
        require(
            r.forfeitBps != 0 && r.forfeitBps <= MAX_FORFEIT_BPS,
            INodeRegistry.NodeRegistry_ForfeitOutOfRange(MAX_FORFEIT_BPS, r.forfeitBps)
        );
    }

    /// @notice The history with a fault in `round`, and how many faults its window now has.
    /// @dev Rounds come one after the other, so the newest fault is never older than the one before.
    function add(FaultHistory memory history, uint256 round, uint256 window)
        internal
        pure
        returns (FaultHistory memory next, uint256 count)
    {
        uint256 age = Math.saturatingSub(round, history.lastRound);
        uint256 recent = age < MAX_WINDOW ? uint256(history.recent) << age : 0;
        recent = (recent | 1) & (type(uint64).max >> (MAX_WINDOW - window));
        // Masked to at most 64 bits; rounds are counted one by one.
        // forge-lint: disable-next-line(unsafe-typecast)
        next = FaultHistory({ lastRound: uint64(round), recent: uint64(recent) });
        for (; recent != 0; recent &= recent - 1) {
            ++count;
        }
    }

    /// @notice What the faults cost: a part of the bond that the data set requires, rounded up, and never
    /// more than there is.
    function forfeit(uint256 bond, uint256 required, uint256 forfeitBps) internal pure returns (uint256) {
        return Math.min(bond, Math.ceilDiv(required * forfeitBps, ALL_BPS));
    }
}
