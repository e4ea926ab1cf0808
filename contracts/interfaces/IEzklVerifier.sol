// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title The verifier that EZKL generates
/// @notice Knows one circuit, by its verifying key.
/// @dev It mixes ABI offsets with fixed calldata positions, so it is sound only behind a high-level call
/// like the one that this interface compiles to. Calling it directly proves nothing.
interface IEzklVerifier {
    /// @notice Verifies a proof; an invalid one reverts with empty data.
    /// @param proof The commitments to the three inputs, then the rest of the proof.
    /// @param instances The public values as elements of the scalar field.
    /// @return Whether the proof is valid.
    function verifyProof(bytes calldata proof, uint256[] calldata instances) external view returns (bool);
}
