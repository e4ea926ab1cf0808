// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { INetworkParameters } from "../interfaces/INetworkParameters.sol";
import { Parameters } from "../types/Parameters.sol";
import { Math } from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title ParameterRules
/// @notice What a network's rules must satisfy, checked when it is deployed and whenever they change.
library ParameterRules {
    uint256 internal constant MAX_WINDOW = 30 days;

    /// A round's outcome bitmap has one bit for each contribution.
    uint256 internal constant MAX_NODES = 256;

    int256 internal constant LOWEST_EXPONENT = -64;

    /// Bounds how far one node moves one parameter, and keeps aggregation exact in 53 bits.
    int256 internal constant MAX_EXPONENT_SPREAD = 16;

    uint256 internal constant ALL_BPS = 10_000;

    /// A deadline has passed in the second after it, so each of a round's costs one more.
    uint256 internal constant DEADLINES = 6;

    /// @notice Reverts unless the rules are sound.
    /// @param p The rules.
    /// @param sampleSize Coordinates in a sample of the circuit.
    /// @param exitDelay Seconds for which a node's bond stays.
    /// @param nodeLimit Most nodes that can be active.
    function validate(Parameters memory p, uint32 sampleSize, uint32 exitDelay, uint16 nodeLimit)
        internal
        pure
    {
        _validateWindows(p);
        uint256 most = Math.min(MAX_NODES, nodeLimit);
        require(
            p.maxNodes != 0 && p.maxNodes <= most,
            INetworkParameters.NetworkParameters_MaxNodesOutOfRange(most, p.maxNodes)
        );
        require(
            p.quorum != 0 && p.quorum <= p.maxNodes,
            INetworkParameters.NetworkParameters_QuorumOutOfRange(p.maxNodes, p.quorum)
        );
        require(
            _isExponentRange(p.minExponent, p.maxExponent),
            INetworkParameters.NetworkParameters_ExponentBoundsOutOfRange(p.minExponent, p.maxExponent)
        );
        require(
            p.maxWeightShareBps != 0 && p.maxWeightShareBps <= ALL_BPS,
            INetworkParameters.NetworkParameters_MaxWeightShareOutOfRange(ALL_BPS, p.maxWeightShareBps)
        );
        require(p.zMin != 0, INetworkParameters.NetworkParameters_ZeroThreshold());
        require(p.framesPerTask != 0, INetworkParameters.NetworkParameters_ZeroFrames());
        require(
            p.parameterCount >= sampleSize,
            INetworkParameters.NetworkParameters_ParameterCountTooSmall(sampleSize, p.parameterCount)
        );
        uint256 longest = longestRound(p);
        require(
            exitDelay >= longest, INetworkParameters.NetworkParameters_ExitDelayTooShort(longest, exitDelay)
        );
    }

    /// @notice Seconds after which anyone may have ended a round, however slowly it went: the windows, those
    /// of the sample and of the challenge twice, for the draw and for what follows it, and a second for each deadline.
    function longestRound(Parameters memory p) internal pure returns (uint256) {
        return uint256(p.commitWindow) + 2 * uint256(p.collectWindow) + p.sealWindow + 2
            * uint256(p.challengeWindow) + p.provingWindow + p.finalizeWindow + DEADLINES;
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
            INetworkParameters.NetworkParameters_CommitWindowTooShort(p.minCommitWindow, p.commitWindow)
        );
    }

    function _validateWindow(uint256 window) private pure {
        require(
            window != 0 && window <= MAX_WINDOW,
            INetworkParameters.NetworkParameters_WindowOutOfRange(MAX_WINDOW, window)
        );
    }

    function _isExponentRange(int256 low, int256 high) private pure returns (bool) {
        return LOWEST_EXPONENT <= low && low <= high && high <= 0 && high - low <= MAX_EXPONENT_SPREAD;
    }
}
