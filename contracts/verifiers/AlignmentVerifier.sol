// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IAlignmentVerifier } from "../interfaces/IAlignmentVerifier.sol";
import { IEzklVerifier } from "../interfaces/IEzklVerifier.sol";
import { IProofVerifier } from "../interfaces/IProofVerifier.sol";
import { Statement } from "../types/Statement.sol";
import { SignedMath } from "@openzeppelin/contracts/utils/math/SignedMath.sol";

/// @title AlignmentVerifier
/// @notice Turns a statement into what the generated verifier understands, and its silence into errors.
contract AlignmentVerifier is IAlignmentVerifier {
    /// Order of the BN254 scalar field, in which public values live.
    uint256 internal constant FIELD_ORDER =
        21888242871839275222246405745257275088548364400416034343698204186575808495617;

    /// The chain on which a setup with a known secret does no harm.
    uint256 internal constant DEVNET_CHAIN_ID = 31337;

    /// Largest absolute value of a direction's or an update's component.
    uint256 internal constant MAX_COMPONENT = 127;

    /// Three commitments of 64 bytes, and at least one more point.
    uint256 internal constant MIN_PROOF_LENGTH = 256;

    /// Keeps every sum, share and alignment inside the types that record them, and the challenge of as many tasks
    /// as there can be (64: a quarter of a byte for each coordinate, and 128 bytes; and a byte for each coordinate)
    /// inside the 128 KiB above which common nodes refuse a transaction.
    uint256 internal constant MAX_SAMPLE_SIZE = 7000;

    /// @inheritdoc IAlignmentVerifier
    IEzklVerifier public immutable override ezklVerifier;

    /// @inheritdoc IProofVerifier
    bytes32 public immutable override circuitId;

    /// @inheritdoc IProofVerifier
    uint32 public immutable override sampleSize;

    /// @inheritdoc IAlignmentVerifier
    bool public immutable override devnetSrs;

    /// @notice Ties the adapter to one circuit.
    /// @param ezklVerifier_ The generated verifier of the circuit.
    /// @param circuitId_ Digest of the circuit's manifest.
    /// @param sampleSize_ Coordinates in the sample (m) that the circuit was built for.
    /// @param devnetSrs_ Whether the setup was made by `ezkl gen-srs`: whoever ran it can forge.
    constructor(address ezklVerifier_, bytes32 circuitId_, uint32 sampleSize_, bool devnetSrs_) {
        require(ezklVerifier_.code.length != 0, AlignmentVerifier_NoCode(ezklVerifier_));
        require(
            sampleSize_ != 0 && sampleSize_ <= MAX_SAMPLE_SIZE,
            AlignmentVerifier_SampleSizeOutOfRange(MAX_SAMPLE_SIZE, sampleSize_)
        );
        require(
            !devnetSrs_ || block.chainid == DEVNET_CHAIN_ID,
            AlignmentVerifier_DevnetSrs(DEVNET_CHAIN_ID, block.chainid)
        );
        ezklVerifier = IEzklVerifier(ezklVerifier_);
        circuitId = circuitId_;
        sampleSize = sampleSize_;
        devnetSrs = devnetSrs_;
    }

    /// @inheritdoc IProofVerifier
    function verify(Statement calldata statement, bytes calldata proof) external view override {
        _checkCommitments(statement, proof);
        _checkRanges(statement);
        // A high-level call, with instances built here: see IEzklVerifier.
        try ezklVerifier.verifyProof(proof, _instances(statement)) returns (bool valid) {
            require(valid, AlignmentVerifier_InvalidProof());
        } catch {
            revert AlignmentVerifier_InvalidProof();
        }
    }

    function _checkCommitments(Statement calldata statement, bytes calldata proof) private pure {
        require(
            proof.length >= MIN_PROOF_LENGTH, AlignmentVerifier_ProofTooShort(MIN_PROOF_LENGTH, proof.length)
        );
        bytes32 common = keccak256(proof[0:64]);
        bytes32 task = keccak256(proof[64:128]);
        bytes32 sample = keccak256(proof[128:192]);
        require(common == statement.commonKey, AlignmentVerifier_CommonMismatch(statement.commonKey, common));
        require(task == statement.taskKey, AlignmentVerifier_TaskMismatch(statement.taskKey, task));
        require(sample == statement.sampleKey, AlignmentVerifier_SampleMismatch(statement.sampleKey, sample));
    }

    function _checkRanges(Statement calldata statement) private view {
        uint256 maxSum = MAX_COMPONENT * sampleSize;
        uint256 maxProduct = MAX_COMPONENT * maxSum;
        require(
            SignedMath.abs(statement.common) <= maxProduct,
            AlignmentVerifier_CommonOutOfRange(maxProduct, statement.common)
        );
        require(
            SignedMath.abs(statement.task) <= maxSum, AlignmentVerifier_TaskOutOfRange(maxSum, statement.task)
        );
        require(
            statement.square <= maxProduct, AlignmentVerifier_SquareOutOfRange(maxProduct, statement.square)
        );
        require(
            statement.absolute <= maxSum, AlignmentVerifier_AbsoluteOutOfRange(maxSum, statement.absolute)
        );
        require(
            statement.context < FIELD_ORDER,
            AlignmentVerifier_ContextOutOfRange(FIELD_ORDER - 1, statement.context)
        );
    }

    function _instances(Statement calldata statement) private pure returns (uint256[] memory instances) {
        instances = new uint256[](5);
        instances[0] = _toField(statement.common);
        instances[1] = _toField(statement.task);
        instances[2] = statement.square;
        instances[3] = statement.absolute;
        instances[4] = statement.context;
    }

    function _toField(int256 value) private pure returns (uint256) {
        uint256 magnitude = SignedMath.abs(value);
        return value < 0 ? FIELD_ORDER - magnitude : magnitude;
    }
}
