// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IContributionRegistry } from "../interfaces/IContributionRegistry.sol";
import { Parameters } from "../types/Parameters.sol";

/// @title ParameterRules
/// @notice What a network's rules must satisfy, checked once when it is deployed.
library ParameterRules {
    uint256 internal constant MAX_WINDOW = 30 days;

    /// A round's outcome bitmap has one bit for each contribution.
    uint256 internal constant MAX_NODES = 256;

    int256 internal constant LOWEST_EXPONENT = -64;

    /// Bounds how far one node moves one parameter, and keeps aggregation exact in 53 bits.
    int256 internal constant MAX_EXPONENT_SPREAD = 16;

    uint256 internal constant ALL_BPS = 10_000;

    /// @notice Reverts unless the rules are sound.
    function validate(Parameters memory p, uint32 sampleSize, uint32 exitDelay) internal pure {
        _validateWindows(p);
        require(
            p.maxNodes != 0 && p.maxNodes <= MAX_NODES,
            IContributionRegistry.ContributionRegistry_MaxNodesOutOfRange(MAX_NODES, p.maxNodes)
        );
        require(
            p.quorum != 0 && p.quorum <= p.maxNodes,
            IContributionRegistry.ContributionRegistry_QuorumOutOfRange(p.maxNodes, p.quorum)
        );
        require(
            _isExponentRange(p.minExponent, p.maxExponent),
            IContributionRegistry.ContributionRegistry_ExponentBoundsOutOfRange(p.minExponent, p.maxExponent)
        );
        require(
            p.maxWeightShareBps != 0 && p.maxWeightShareBps <= ALL_BPS,
            IContributionRegistry.ContributionRegistry_MaxWeightShareOutOfRange(ALL_BPS, p.maxWeightShareBps)
        );
        require(p.zMin != 0, IContributionRegistry.ContributionRegistry_ZeroThreshold());
        require(p.framesPerTask != 0, IContributionRegistry.ContributionRegistry_ZeroFrames());
        require(
            p.parameterCount >= sampleSize,
            IContributionRegistry.ContributionRegistry_ParameterCountTooSmall(sampleSize, p.parameterCount)
        );
        uint256 longest = longestRound(p);
        require(
            exitDelay >= longest,
            IContributionRegistry.ContributionRegistry_ExitDelayTooShort(longest, exitDelay)
        );
    }

    /// @notice Seconds after which anyone may have ended a round, however slowly it went: the windows, those
    /// of the sample and of the challenge twice, for the draw and for what follows it.
    function longestRound(Parameters memory p) internal pure returns (uint256) {
        return uint256(p.commitWindow) + 2 * uint256(p.collectWindow) + p.sealWindow + 2
            * uint256(p.challengeWindow) + p.provingWindow + p.finalizeWindow;
    }

    function _validateWindows(Parameters memory p) private pure {
        _validateWindow(p.minCommitWindow);
        _validateWindow(p.commitWindow);
        _validateWindow(p.collectWindow);
        _validateWindow(p.sealWindow);
        _validateWindow(p.challengeWindow);
        _validateWindow(p.provingWindow);
        _validateWindow(p.finalizeWindow);
        require(
            p.minCommitWindow <= p.commitWindow,
            IContributionRegistry.ContributionRegistry_CommitWindowTooShort(p.minCommitWindow, p.commitWindow)
        );
    }

    function _validateWindow(uint256 window) private pure {
        require(
            window != 0 && window <= MAX_WINDOW,
            IContributionRegistry.ContributionRegistry_WindowOutOfRange(MAX_WINDOW, window)
        );
    }

    function _isExponentRange(int256 low, int256 high) private pure returns (bool) {
        return LOWEST_EXPONENT <= low && low <= high && high <= 0 && high - low <= MAX_EXPONENT_SPREAD;
    }
}
