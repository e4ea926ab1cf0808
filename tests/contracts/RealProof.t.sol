// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { ProofFixture } from "./ProofFixture.sol";
import { IAlignmentVerifier as I } from "contracts/interfaces/IAlignmentVerifier.sol";
import { Statement } from "contracts/types/Statement.sol";
import { AlignmentVerifier } from "contracts/verifiers/AlignmentVerifier.sol";

/// @notice A real proof is accepted; with any part of it, or any public value, altered it is not.
contract RealProofTest is ProofFixture {
    uint256 internal constant R =
        21888242871839275222246405745257275088548364400416034343698204186575808495617;

    AlignmentVerifier internal verifier;
    Statement internal statement;
    bytes internal proof;
    string internal json;
    uint256 internal ctx;

    function setUp() public {
        json = _vector("alignment-960");
        verifier = _deployVerifier(json, "Alignment960Verifier");
        ctx = vm.parseJsonUint(json, ".ctx");
        ProofCase memory c = _case(json, "honest");
        statement = _statement(c, ctx);
        proof = c.proof;
    }

    function _expectInvalid(Statement memory s, bytes memory p) internal {
        vm.expectRevert(I.AlignmentVerifier_InvalidProof.selector);
        verifier.verify(s, p);
    }

    function test_HonestProofIsAccepted() public view {
        verifier.verify(statement, proof);
    }

    function test_ProofWithNegativeSumsIsAccepted() public view {
        ProofCase memory c = _case(json, "opposed");
        assertLt(c.common, 0);
        assertLt(c.task, 0);
        verifier.verify(_statement(c, ctx), c.proof);
    }

    function test_ProofAboutNoiseIsAccepted() public view {
        ProofCase memory c = _case(json, "noise");
        verifier.verify(_statement(c, ctx), c.proof);
    }

    function test_LargeCircuitsProofIsAccepted() public {
        string memory large = _vector("alignment-3840");
        AlignmentVerifier v = _deployVerifier(large, "Alignment3840Verifier");
        ProofCase memory c = _case(large, "honest");
        v.verify(_statement(c, vm.parseJsonUint(large, ".ctx")), c.proof);
    }

    function test_RevertWhen_ProofIsOfAnotherCircuit() public {
        AlignmentVerifier large = _deployVerifier(_vector("alignment-3840"), "Alignment3840Verifier");
        vm.expectRevert(I.AlignmentVerifier_InvalidProof.selector);
        large.verify(statement, proof);
    }

    // ---------------------------------------------------------------- public values

    function test_RevertWhen_CommonIsAltered() public {
        for (int256 d = -1; d <= 1; d += 2) {
            Statement memory s = statement;
            s.common += d;
            _expectInvalid(s, proof);
        }
        Statement memory negated = statement;
        negated.common = -negated.common;
        _expectInvalid(negated, proof);
    }

    function test_RevertWhen_TaskIsAltered() public {
        for (int256 d = -1; d <= 1; d += 2) {
            Statement memory s = statement;
            s.task += d;
            _expectInvalid(s, proof);
        }
        Statement memory negated = statement;
        negated.task = -negated.task;
        _expectInvalid(negated, proof);
    }

    function test_RevertWhen_SquareIsAltered() public {
        Statement memory s = statement;
        s.square -= 1;
        _expectInvalid(s, proof);
        s.square += 2;
        _expectInvalid(s, proof);
        s.square = 1;
        _expectInvalid(s, proof);
    }

    function test_RevertWhen_AbsoluteIsAltered() public {
        Statement memory s = statement;
        s.absolute -= 1;
        _expectInvalid(s, proof);
        s.absolute += 2;
        _expectInvalid(s, proof);
    }

    function test_RevertWhen_ContextIsAltered() public {
        for (uint256 bit; bit < 248; bit += 31) {
            Statement memory s = statement;
            s.context ^= 1 << bit;
            _expectInvalid(s, proof);
        }
    }

    function test_RevertWhen_CommitmentIsOfAnotherCase() public {
        ProofCase memory noise = _case(json, "noise");
        // The noise's sums, honest in themselves, for the sample that the node had committed.
        Statement memory s = _statement(noise, ctx);
        s.sampleKey = statement.sampleKey;
        vm.expectRevert(
            abi.encodeWithSelector(
                I.AlignmentVerifier_SampleMismatch.selector, s.sampleKey, keccak256(noise.sampleCommitment)
            )
        );
        verifier.verify(s, noise.proof);
    }

    // ---------------------------------------------------------------- proof bytes

    /// Every 32-byte word of the proof, altered once; the words of the commitments also against a
    /// statement that names the altered commitment, so that it is the proof that is found wrong.
    function test_RevertWhen_AnyWordOfTheProofIsAltered() public {
        bytes memory p = proof;
        assertEq(p.length % 32, 0);
        for (uint256 word; word < p.length / 32; ++word) {
            uint256 position = word * 32 + 31 - (word % 32); // another byte of each
            bytes1 before = p[position];
            p[position] = before ^ bytes1(uint8(1 << (word % 8)));
            if (word < 6) {
                vm.expectRevert();
                verifier.verify(statement, p);
            }
            _expectInvalid(_named(p), p);
            p[position] = before;
        }
        verifier.verify(statement, p);
    }

    /// The same elements with the field's order added: another encoding of a valid proof.
    function test_RevertWhen_AScalarIsNotCanonical() public {
        bytes memory p = proof;
        uint256 tried;
        for (uint256 offset = 192; offset < p.length; offset += 32) {
            uint256 value = _word(p, offset);
            if (value > type(uint256).max - R) continue;
            _setWord(p, offset, value + R);
            _expectInvalid(statement, p);
            _setWord(p, offset, value);
            ++tried;
        }
        assertGt(tried, 50);
    }

    function test_RevertWhen_ProofHasAnotherLength() public {
        _expectInvalid(statement, bytes.concat(proof, new bytes(32)));
        _expectInvalid(statement, bytes.concat(proof, hex"00"));
        bytes memory p = proof;
        uint256 length = p.length - 32;
        assembly ("memory-safe") {
            mstore(p, length)
        }
        _expectInvalid(statement, p);
    }

    function test_RevertWhen_ProofIsZero() public {
        bytes memory p = new bytes(proof.length);
        _expectInvalid(_named(p), p);
    }

    function testFuzz_RevertWhen_ABitOfTheProofIsFlipped(uint256 bit) public {
        bytes memory p = proof;
        bit = bound(bit, 0, p.length * 8 - 1);
        p[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        _expectInvalid(_named(p), p);
    }

    function _named(bytes memory p) internal view returns (Statement memory s) {
        s = statement;
        s.commonKey = keccak256(abi.encode(_word(p, 0), _word(p, 32)));
        s.taskKey = keccak256(abi.encode(_word(p, 64), _word(p, 96)));
        s.sampleKey = keccak256(abi.encode(_word(p, 128), _word(p, 160)));
    }

    function _word(bytes memory p, uint256 offset) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(add(p, 32), offset))
        }
    }

    function _setWord(bytes memory p, uint256 offset, uint256 value) internal pure {
        assembly ("memory-safe") {
            mstore(add(add(p, 32), offset), value)
        }
    }
}
