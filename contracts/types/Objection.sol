// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice Somebody's open objection to the payout of a round. Zeros if there is none.
struct Objection {
    // slot 0
    address objector;
    uint64 rulingDeadline; // last second for a ruling
    // slot 1
    uint256 bond; // in the vault's asset; each objection to a round costs twice the one before
}
