// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IProofVerifier } from "./IProofVerifier.sol";

/// @title Which contract checks the proofs of which circuit
/// @notice Add-only: a circuit's verifier never changes. A circuit that turned out unsound is frozen for
/// good, after which nothing is proven with it and no identifier comes back.
/// @dev Any proof system fits that checks a Statement: a circuit is known by its identifier alone.
interface IVerifierRouter {
    /// @notice Proofs of a circuit can be checked from now on.
    event CircuitAdded(bytes32 indexed circuitId, address verifier);

    /// @notice Proofs of a circuit are refused from now on.
    event CircuitFrozen(bytes32 indexed circuitId);

    /// @notice A circuit needs an identifier.
    error VerifierRouter_ZeroCircuit();

    /// @notice The circuit has a verifier, or had one.
    error VerifierRouter_CircuitExists(bytes32 circuitId);

    /// @notice No verifier was ever added for this circuit.
    error VerifierRouter_UnknownCircuit(bytes32 circuitId);

    /// @notice The circuit is frozen: nothing can be proven with it any more.
    error VerifierRouter_CircuitIsFrozen(bytes32 circuitId);

    /// @notice Adds the verifier of one more circuit. Only the owner.
    function add(IProofVerifier verifier) external;

    /// @notice Refuses a circuit's proofs for good. Only the owner.
    function freeze(bytes32 circuitId) external;

    /// @notice What was added for a circuit, frozen or not; 0 if nothing was.
    function addedVerifier(bytes32 circuitId) external view returns (IProofVerifier);

    /// @notice Whether a circuit's proofs are refused for good.
    function isFrozen(bytes32 circuitId) external view returns (bool);

    /// @notice Who checks the proofs of a circuit; reverts if it is unknown or frozen.
    function verifierOf(bytes32 circuitId) external view returns (IProofVerifier);
}
