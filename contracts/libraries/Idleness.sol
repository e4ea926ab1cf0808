// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IContributionRegistry } from "../interfaces/IContributionRegistry.sol";

/// @title Idleness
/// @notice How many rounds a node has let pass.
library Idleness {
    /// @notice Rounds that counted since a node's last commitment, all of them opened after it joined.
    /// @dev Goes back from the newest round. A round that a coordinator can throw away before everybody had the time
    /// to commit does not count, nor one that was full.
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
            (uint40 openedAt, bool committed, bool counts) = rounds.attendance(id, node);
            if (openedAt <= joinedAt || committed) break;
            if (counts) ++idle;
        }
    }
}
