// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice Somebody's open objection to the payout of a round. Zeros if there is none.
struct Objection {
    address objector;
    uint64 rulingDeadline; // last second for a ruling; then claims open
}
