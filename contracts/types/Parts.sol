// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { INetworkParameters } from "../interfaces/INetworkParameters.sol";
import { IRandomness } from "../interfaces/IRandomness.sol";

/// @notice What a registry of rounds is put together from.
struct Parts {
    INetworkParameters networkParameters; // which knows the nodes and the verifiers
    IRandomness randomness;
}
