// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IContributionRegistry } from "../interfaces/IContributionRegistry.sol";
import { Finalization } from "../types/Finalization.sol";
import { Round } from "../types/Round.sol";

/// @title Gate
/// @notice Which results the proofs and the losses of a round leave open.
library Gate {
    /// @notice Reverts if the result does not follow, and otherwise says whether the base is kept.
    /// @param r The round, with every contribution settled.
    /// @param result What the coordinator declares.
    /// @param acceptedBitmap Bit i: the i-th contribution was proven and admitted.
    /// @param maxRegressionNano Loss above the base's that passes.
    function validate(
        Round storage r,
        Finalization calldata result,
        uint256 acceptedBitmap,
        uint256 maxRegressionNano
    ) internal view returns (bool baseKept) {
        require(
            result.harmfulBitmap & ~acceptedBitmap == 0,
            IContributionRegistry.ContributionRegistry_HarmfulNotAccepted(
                acceptedBitmap, result.harmfulBitmap
            )
        );
        if (acceptedBitmap == 0) {
            _requireCheckpoint(r.baseDigest, result.checkpointDigest);
            _requireLoss(r.baseLossNano, result.aggregateLossNano);
            _requireLoss(r.baseLossNano, result.finalLossNano);
            return true;
        }
        bool isCandidate = r.accepted == r.available;
        if (isCandidate) _requireLoss(r.candidateLossNano, result.aggregateLossNano);

        baseKept = result.checkpointDigest == r.baseDigest;
        uint256 maxLossNano = r.baseLossNano + maxRegressionNano;
        if (result.aggregateLossNano <= maxLossNano) {
            require(
                result.harmfulBitmap == 0,
                IContributionRegistry.ContributionRegistry_GateNotHit(maxLossNano, result.aggregateLossNano)
            );
            require(!baseKept, IContributionRegistry.ContributionRegistry_BaseNotKept(r.baseDigest));
            if (isCandidate) _requireCheckpoint(r.candidateDigest, result.checkpointDigest);
            _requireLoss(result.aggregateLossNano, result.finalLossNano);
        } else if (baseKept) {
            _requireLoss(r.baseLossNano, result.finalLossNano);
        } else {
            require(
                result.harmfulBitmap != 0,
                IContributionRegistry.ContributionRegistry_GateHit(maxLossNano, result.aggregateLossNano)
            );
            require(
                result.harmfulBitmap != acceptedBitmap, IContributionRegistry.ContributionRegistry_NoneLeft()
            );
            require(
                result.finalLossNano <= maxLossNano,
                IContributionRegistry.ContributionRegistry_LossTooHigh(maxLossNano, result.finalLossNano)
            );
        }
    }

    function _requireCheckpoint(bytes32 expected, bytes32 actual) private pure {
        require(
            actual == expected, IContributionRegistry.ContributionRegistry_WrongCheckpoint(expected, actual)
        );
    }

    function _requireLoss(uint256 expected, uint256 actual) private pure {
        require(actual == expected, IContributionRegistry.ContributionRegistry_WrongLoss(expected, actual));
    }
}
