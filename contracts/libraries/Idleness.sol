// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IContributionRegistry } from "../interfaces/IContributionRegistry.sol";
import { Phase } from "../types/Phase.sol";
import { Round } from "../types/Round.sol";

/// @title Idleness
/// @notice How many rounds a node has let pass.
library Idleness {
    /// @notice Finalized rounds since a node's last commitment, all of them opened after it joined.
    /// @dev Goes back from the newest round. An aborted round does not count: else a coordinator could retire
    /// everybody with rounds that it throws away.
    /// @param rounds The registry of rounds.
    /// @param node Whose commitments to look for.
    /// @param joinedAt Since when it is active, in seconds.
    /// @param limit Where counting stops.
    function count(IContributionRegistry rounds, address node, uint256 joinedAt, uint256 limit)
        internal
        view
        returns (uint256 idle)
    {
        for (uint256 id = rounds.roundCount(); id != 0 && idle < limit; --id) {
            Round memory r = rounds.round(id);
            if (r.openedAt <= joinedAt || rounds.contribution(id, node).digest != 0) break;
            if (r.phase == Phase.Finalized) ++idle;
        }
    }
}
