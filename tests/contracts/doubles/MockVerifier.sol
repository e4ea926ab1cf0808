// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IProofVerifier } from "contracts/interfaces/IProofVerifier.sol";
import { Statement } from "contracts/types/Statement.sol";

/// @notice Believes every proof but the one of no bytes; for tests of what happens around proofs.
contract MockVerifier is IProofVerifier {
    error MockVerifier_InvalidProof();

    bytes32 public constant override circuitId = keccak256("mock");
    uint32 public immutable override sampleSize;

    constructor(uint32 sampleSize_) {
        sampleSize = sampleSize_;
    }

    function verify(Statement calldata, bytes calldata proof) external pure override {
        require(proof.length != 0, MockVerifier_InvalidProof());
    }
}
