// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Statement } from "../types/Statement.sol";

/// @title Who checks the proof of a contribution
/// @notice Judges one statement by one proof, and keeps nothing.
interface IProofVerifier {
    /// @notice Returns if the proof shows the statement, and reverts otherwise.
    /// @param statement The public values, rebuilt by the caller from its own state.
    /// @param proof The proof, whose first 192 bytes are the three commitments.
    function verify(Statement calldata statement, bytes calldata proof) external view;

    /// @notice Digest of the manifest of the circuit that proofs are about.
    function circuitId() external view returns (bytes32);

    /// @notice Coordinates in the sample (m).
    function sampleSize() external view returns (uint32);
}
