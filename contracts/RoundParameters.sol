// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IContributionRegistry } from "./interfaces/IContributionRegistry.sol";
import { ParameterRules } from "./libraries/ParameterRules.sol";
import { Parameters } from "./types/Parameters.sol";

/// @title RoundParameters
/// @notice The rules of a network in the code itself: never written, and cheap to read.
abstract contract RoundParameters is IContributionRegistry {
    uint32 internal immutable MIN_COMMIT_WINDOW;
    uint32 internal immutable COMMIT_WINDOW;
    uint32 internal immutable COLLECT_WINDOW;
    uint32 internal immutable SEAL_WINDOW;
    uint32 internal immutable CHALLENGE_WINDOW;
    uint32 internal immutable PROVING_WINDOW;
    uint32 internal immutable FINALIZE_WINDOW;
    uint16 internal immutable QUORUM;
    uint16 internal immutable MAX_NODES;
    int8 internal immutable MIN_EXPONENT;
    int8 internal immutable MAX_EXPONENT;
    uint16 internal immutable MAX_WEIGHT_SHARE_BPS;
    uint8 internal immutable Z_MIN;
    uint64 internal immutable MAX_REGRESSION_NANO;
    uint64 internal immutable PARAMETER_COUNT;
    uint32 internal immutable FRAMES_PER_TASK;

    constructor(Parameters memory p, uint32 sampleSize, uint32 exitDelay) {
        ParameterRules.validate(p, sampleSize, exitDelay);
        MIN_COMMIT_WINDOW = p.minCommitWindow;
        COMMIT_WINDOW = p.commitWindow;
        COLLECT_WINDOW = p.collectWindow;
        SEAL_WINDOW = p.sealWindow;
        CHALLENGE_WINDOW = p.challengeWindow;
        PROVING_WINDOW = p.provingWindow;
        FINALIZE_WINDOW = p.finalizeWindow;
        QUORUM = p.quorum;
        MAX_NODES = p.maxNodes;
        MIN_EXPONENT = p.minExponent;
        MAX_EXPONENT = p.maxExponent;
        MAX_WEIGHT_SHARE_BPS = p.maxWeightShareBps;
        Z_MIN = p.zMin;
        MAX_REGRESSION_NANO = p.maxRegressionNano;
        PARAMETER_COUNT = p.parameterCount;
        FRAMES_PER_TASK = p.framesPerTask;
    }

    /// @inheritdoc IContributionRegistry
    function parameters() external view override returns (Parameters memory p) {
        p.minCommitWindow = MIN_COMMIT_WINDOW;
        p.commitWindow = COMMIT_WINDOW;
        p.collectWindow = COLLECT_WINDOW;
        p.sealWindow = SEAL_WINDOW;
        p.challengeWindow = CHALLENGE_WINDOW;
        p.provingWindow = PROVING_WINDOW;
        p.finalizeWindow = FINALIZE_WINDOW;
        p.quorum = QUORUM;
        p.maxNodes = MAX_NODES;
        p.minExponent = MIN_EXPONENT;
        p.maxExponent = MAX_EXPONENT;
        p.maxWeightShareBps = MAX_WEIGHT_SHARE_BPS;
        p.zMin = Z_MIN;
        p.maxRegressionNano = MAX_REGRESSION_NANO;
        p.parameterCount = PARAMETER_COUNT;
        p.framesPerTask = FRAMES_PER_TASK;
    }
}
