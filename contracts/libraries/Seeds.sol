// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Seeds
/// @notice Turns the randomness of a block into the seed of one draw of one round.
library Seeds {
    bytes32 internal constant NONE = 0;

    /// @notice The seed for a round of the calling contract, or NONE if there is no randomness.
    function derive(string memory label, bytes32 entropy, uint256 roundId) internal view returns (bytes32) {
        return
            entropy == 0 ? NONE : keccak256(abi.encode(label, entropy, block.chainid, address(this), roundId));
    }
}
