// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Where the seeds of a round come from
/// @notice Randomness that belongs to a block and that nobody knew before that block was complete.
interface IRandomness {
    /// @notice The randomness of a complete block, or 0 if it is not to be had (any more).
    /// @param blockNumber An earlier block.
    function entropy(uint256 blockNumber) external view returns (bytes32);
}
