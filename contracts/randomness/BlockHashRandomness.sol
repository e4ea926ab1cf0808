// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IRandomness } from "../interfaces/IRandomness.sol";
import { Blockhash } from "@openzeppelin/contracts/utils/Blockhash.sol";

/// @title BlockHashRandomness
/// @notice Block hashes, 256 blocks back and 8191 where the chain has EIP-2935.
/// @dev Only as random as the chain's block hashes are: not for chains whose sequencer chooses them, and
/// a proposer can throw its own block away to draw once more (it loses the block's reward).
contract BlockHashRandomness is IRandomness {
    /// @inheritdoc IRandomness
    function entropy(uint256 blockNumber) external view override returns (bytes32) {
        return Blockhash.blockHash(blockNumber);
    }
}
