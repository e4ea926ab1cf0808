// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IProofVerifier } from "contracts/interfaces/IProofVerifier.sol";
import { Statement } from "contracts/types/Statement.sol";

/// @notice Believes a proof that names its circuit and the statement's context, and no other: as a real proof is
/// good for one circuit, chain, registry, round and node.
contract BoundVerifier is IProofVerifier {
    error BoundVerifier_InvalidProof();

    bytes32 public immutable override circuitId;
    uint32 public immutable override sampleSize;

    constructor(bytes32 circuitId_, uint32 sampleSize_) {
        circuitId = circuitId_;
        sampleSize = sampleSize_;
    }

    function verify(Statement calldata statement, bytes calldata proof) external view override {
        (bytes32 circuit, uint256 context) = abi.decode(proof, (bytes32, uint256));
        require(circuit == circuitId && context == statement.context, BoundVerifier_InvalidProof());
    }
}
