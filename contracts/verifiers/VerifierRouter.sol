// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { PermanentlyOwned } from "../PermanentlyOwned.sol";
import { IProofVerifier } from "../interfaces/IProofVerifier.sol";
import { IVerifierRouter } from "../interfaces/IVerifierRouter.sol";
import { Ownable } from "@openzeppelin/contracts/access/Ownable.sol";

/// @title VerifierRouter
/// @notice Keeps the verifiers of a network by circuit.
contract VerifierRouter is IVerifierRouter, PermanentlyOwned {
    struct Entry {
        IProofVerifier verifier;
        bool frozen;
    }

    mapping(bytes32 circuitId => Entry) private _entries;

    /// @notice Starts with one circuit.
    /// @param owner_ Who may add and freeze circuits.
    /// @param first The verifier of the first circuit.
    constructor(address owner_, IProofVerifier first) Ownable(owner_) {
        _add(first);
    }

    /// @inheritdoc IVerifierRouter
    function add(IProofVerifier verifier) external override onlyOwner {
        _add(verifier);
    }

    /// @inheritdoc IVerifierRouter
    function freeze(bytes32 circuitId) external override onlyOwner {
        Entry storage entry = _usable(circuitId);
        entry.frozen = true;
        emit CircuitFrozen(circuitId);
    }

    /// @inheritdoc IVerifierRouter
    function addedVerifier(bytes32 circuitId) external view override returns (IProofVerifier) {
        return _entries[circuitId].verifier;
    }

    /// @inheritdoc IVerifierRouter
    function isFrozen(bytes32 circuitId) external view override returns (bool) {
        return _entries[circuitId].frozen;
    }

    /// @inheritdoc IVerifierRouter
    function verifierOf(bytes32 circuitId) external view override returns (IProofVerifier) {
        return _usable(circuitId).verifier;
    }

    function _add(IProofVerifier verifier) private {
        bytes32 circuitId = verifier.circuitId();
        require(circuitId != 0, VerifierRouter_ZeroCircuit());
        Entry storage entry = _entries[circuitId];
        require(address(entry.verifier) == address(0), VerifierRouter_CircuitExists(circuitId));
        entry.verifier = verifier;
        emit CircuitAdded(circuitId, address(verifier));
    }

    function _usable(bytes32 circuitId) private view returns (Entry storage entry) {
        entry = _entries[circuitId];
        require(address(entry.verifier) != address(0), VerifierRouter_UnknownCircuit(circuitId));
        require(!entry.frozen, VerifierRouter_CircuitIsFrozen(circuitId));
    }
}
