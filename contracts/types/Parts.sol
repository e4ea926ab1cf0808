// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { INodeRegistry } from "../interfaces/INodeRegistry.sol";
import { IRandomness } from "../interfaces/IRandomness.sol";
import { IVerifierRouter } from "../interfaces/IVerifierRouter.sol";

/// @notice What a registry of rounds is put together from.
struct Parts {
    INodeRegistry nodeRegistry;
    IVerifierRouter verifierRouter;
    IRandomness randomness;
    bytes32 circuitId; // that the network's proofs are of
}
