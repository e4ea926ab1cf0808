// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Blockhash } from "@openzeppelin/contracts/utils/Blockhash.sol";

/// @title Seeds
/// @notice Randomness that nobody knew before a block was complete.
/// @dev Only as random as the chain's block hashes are: not for chains whose sequencer chooses them.
library Seeds {
    bytes32 internal constant NONE = 0;

    /// @notice The seed that a block's hash gives a round of the calling contract, or NONE if the chain
    /// does not remember that hash (256 blocks; 8191 with EIP-2935).
    function draw(string memory label, uint256 blockNumber, uint256 roundId) internal view returns (bytes32) {
        bytes32 blockHash = Blockhash.blockHash(blockNumber);
        return blockHash == 0
            ? NONE
            : keccak256(abi.encode(label, blockHash, block.chainid, address(this), roundId));
    }
}
