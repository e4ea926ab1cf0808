// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Parameters } from "./Parameters.sol";

/// @notice One version of a network's rules, as it is stored: in three slots, and never written again.
struct Rules {
    // slots 0 and 1
    Parameters parameters;
    // slot 2
    bytes32 circuitId; // that proofs are of
}
