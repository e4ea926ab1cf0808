// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IEzklVerifier } from "./IEzklVerifier.sol";
import { IProofVerifier } from "./IProofVerifier.sol";

/// @title Alignment proofs, checked by a verifier that EZKL generated
/// @notice Ties a proof to the statement that its caller has rebuilt.
interface IAlignmentVerifier is IProofVerifier {
    /// @notice The address has no code, so nothing would be verified.
    error AlignmentVerifier_NoCode(address verifier);

    /// @notice The circuit's setup has a known secret, and this is not the development chain.
    error AlignmentVerifier_DevnetSrs(uint256 expectedChainId, uint256 actualChainId);

    /// @notice The sample must have between 1 and `max` coordinates.
    error AlignmentVerifier_SampleSizeOutOfRange(uint256 max, uint256 actual);

    /// @notice The proof is too short to hold the commitments and anything about them.
    error AlignmentVerifier_ProofTooShort(uint256 min, uint256 actual);

    /// @notice The proof is about another common direction than the statement.
    error AlignmentVerifier_CommonMismatch(bytes32 expected, bytes32 actual);

    /// @notice The proof is about another task's direction than the statement.
    error AlignmentVerifier_TaskMismatch(bytes32 expected, bytes32 actual);

    /// @notice The proof is about other sampled values than the statement.
    error AlignmentVerifier_SampleMismatch(bytes32 expected, bytes32 actual);

    /// @notice No vector of m values in [-127, 127] has this product with the common direction.
    error AlignmentVerifier_CommonOutOfRange(uint256 max, int256 actual);

    /// @notice No vector of m values in [-127, 127] has this product with the task's direction.
    error AlignmentVerifier_TaskOutOfRange(uint256 max, int256 actual);

    /// @notice No vector of m values in [-127, 127] has this sum of squares.
    error AlignmentVerifier_SquareOutOfRange(uint256 max, uint256 actual);

    /// @notice No vector of m values in [-127, 127] has this sum of absolute values.
    error AlignmentVerifier_AbsoluteOutOfRange(uint256 max, uint256 actual);

    /// @notice The context is not an element of the scalar field.
    error AlignmentVerifier_ContextOutOfRange(uint256 max, uint256 actual);

    /// @notice The proof does not show the statement.
    error AlignmentVerifier_InvalidProof();

    /// @notice The generated verifier behind this contract.
    function ezklVerifier() external view returns (IEzklVerifier);

    /// @notice Whether the circuit's setup is the development one, whose secret somebody knows.
    function devnetSrs() external view returns (bool);
}
