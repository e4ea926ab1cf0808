// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { MockEzklVerifier } from "./doubles/MockEzklVerifier.sol";
import { IAlignmentVerifier as I } from "contracts/interfaces/IAlignmentVerifier.sol";
import { IEzklVerifier } from "contracts/interfaces/IEzklVerifier.sol";
import { Statement } from "contracts/types/Statement.sol";
import { AlignmentVerifier } from "contracts/verifiers/AlignmentVerifier.sol";
import { Test } from "forge-std/Test.sol";

contract AlignmentVerifierTest is Test {
    uint256 internal constant R =
        21888242871839275222246405745257275088548364400416034343698204186575808495617;
    uint32 internal constant M = 10;
    int256 internal constant MAX_SUM = 1270; // 127 · 10
    int256 internal constant MAX_PRODUCT = 161_290; // 127² · 10

    MockEzklVerifier internal ezkl;
    AlignmentVerifier internal verifier;
    bytes internal proof;

    function setUp() public {
        ezkl = new MockEzklVerifier();
        verifier = new AlignmentVerifier(address(ezkl), "circuit", M, true);
        proof = abi.encode(1, 2, 3, 4, 5, 6, 7, 8);
    }

    function _statement() internal pure returns (Statement memory s) {
        s.commonKey = keccak256(abi.encode(1, 2));
        s.taskKey = keccak256(abi.encode(3, 4));
        s.sampleKey = keccak256(abi.encode(5, 6));
        s.common = 11;
        s.task = 12;
        s.square = 13;
        s.absolute = 14;
        s.context = 15;
    }

    function _expectInstances(uint256 a, uint256 t, uint256 q, uint256 l, uint256 ctx) internal {
        uint256[] memory instances = new uint256[](5);
        (instances[0], instances[1], instances[2], instances[3], instances[4]) = (a, t, q, l, ctx);
        vm.expectCall(address(ezkl), abi.encodeCall(IEzklVerifier.verifyProof, (proof, instances)));
    }

    // ---------------------------------------------------------------- construction

    function test_Construction() public view {
        assertEq(address(verifier.ezklVerifier()), address(ezkl));
        assertEq(verifier.circuitId(), "circuit");
        assertEq(verifier.sampleSize(), M);
        assertTrue(verifier.devnetSrs());
    }

    function test_RevertWhen_DevnetSrsOnAnotherChain() public {
        vm.chainId(1);
        vm.expectRevert(abi.encodeWithSelector(I.AlignmentVerifier_DevnetSrs.selector, 31337, 1));
        new AlignmentVerifier(address(ezkl), "circuit", M, true);
        new AlignmentVerifier(address(ezkl), "circuit", M, false);
    }

    function test_RevertWhen_EzklVerifierHasNoCode() public {
        vm.expectRevert(abi.encodeWithSelector(I.AlignmentVerifier_NoCode.selector, address(1234)));
        new AlignmentVerifier(address(1234), "circuit", M, true);
    }

    function test_RevertWhen_SampleSizeOutOfRange() public {
        vm.expectRevert(abi.encodeWithSelector(I.AlignmentVerifier_SampleSizeOutOfRange.selector, 7000, 0));
        new AlignmentVerifier(address(ezkl), "circuit", 0, true);
        vm.expectRevert(abi.encodeWithSelector(I.AlignmentVerifier_SampleSizeOutOfRange.selector, 7000, 7001));
        new AlignmentVerifier(address(ezkl), "circuit", 7001, true);
    }

    // ---------------------------------------------------------------- instances

    function test_InstancesAreBuiltFromTheStatement() public {
        _expectInstances(11, 12, 13, 14, 15);
        verifier.verify(_statement(), proof);
    }

    function test_NegativeSumsAreTheFieldsNegatives() public {
        Statement memory s = _statement();
        (s.common, s.task) = (-MAX_PRODUCT, -MAX_SUM);
        _expectInstances(R - uint256(MAX_PRODUCT), R - uint256(MAX_SUM), 13, 14, 15);
        verifier.verify(s, proof);
    }

    function testFuzz_InstancesAreCanonical(int256 a, int256 t, uint256 q, uint256 l, uint256 ctx) public {
        Statement memory s = _statement();
        s.common = bound(a, -MAX_PRODUCT, MAX_PRODUCT);
        s.task = bound(t, -MAX_SUM, MAX_SUM);
        s.square = bound(q, 0, uint256(MAX_PRODUCT));
        s.absolute = bound(l, 0, uint256(MAX_SUM));
        s.context = bound(ctx, 0, R - 1);
        // Adding R first, the sign disappears in one modular reduction: another way to the same element.
        uint256 common = addmod(R, uint256(s.common + MAX_PRODUCT), R);
        uint256 task = addmod(R, uint256(s.task + MAX_SUM), R);
        common = addmod(common, R - uint256(MAX_PRODUCT), R);
        task = addmod(task, R - uint256(MAX_SUM), R);
        _expectInstances(common, task, s.square, s.absolute, s.context);
        verifier.verify(s, proof);
    }

    // ---------------------------------------------------------------- refusals

    function test_RevertWhen_EzklSaysFalse() public {
        ezkl.set(MockEzklVerifier.Answer.Invalid);
        vm.expectRevert(I.AlignmentVerifier_InvalidProof.selector);
        verifier.verify(_statement(), proof);
    }

    function test_RevertWhen_EzklRevertsWithoutData() public {
        ezkl.set(MockEzklVerifier.Answer.Revert);
        vm.expectRevert(I.AlignmentVerifier_InvalidProof.selector);
        verifier.verify(_statement(), proof);
    }

    function test_RevertWhen_ProofIsTooShort() public {
        vm.expectRevert(abi.encodeWithSelector(I.AlignmentVerifier_ProofTooShort.selector, 256, 255));
        verifier.verify(_statement(), new bytes(255));
    }

    function test_RevertWhen_CommonCommitmentDiffers() public {
        Statement memory s = _statement();
        s.commonKey = keccak256("other");
        vm.expectRevert(
            abi.encodeWithSelector(
                I.AlignmentVerifier_CommonMismatch.selector, s.commonKey, _statement().commonKey
            )
        );
        verifier.verify(s, proof);
    }

    function test_RevertWhen_TaskCommitmentDiffers() public {
        Statement memory s = _statement();
        s.taskKey = keccak256("other");
        vm.expectRevert(
            abi.encodeWithSelector(I.AlignmentVerifier_TaskMismatch.selector, s.taskKey, _statement().taskKey)
        );
        verifier.verify(s, proof);
    }

    function test_RevertWhen_SampleCommitmentDiffers() public {
        Statement memory s = _statement();
        s.sampleKey = keccak256("other");
        vm.expectRevert(
            abi.encodeWithSelector(
                I.AlignmentVerifier_SampleMismatch.selector, s.sampleKey, _statement().sampleKey
            )
        );
        verifier.verify(s, proof);
    }

    function testFuzz_RevertWhen_CommonOutOfRange(int256 a, bool negative) public {
        Statement memory s = _statement();
        s.common = negative
            ? bound(a, type(int256).min, -MAX_PRODUCT - 1)
            : bound(a, MAX_PRODUCT + 1, type(int256).max);
        vm.expectRevert(
            abi.encodeWithSelector(I.AlignmentVerifier_CommonOutOfRange.selector, MAX_PRODUCT, s.common)
        );
        verifier.verify(s, proof);
    }

    function testFuzz_RevertWhen_TaskOutOfRange(int256 t, bool negative) public {
        Statement memory s = _statement();
        s.task = negative ? bound(t, type(int256).min, -MAX_SUM - 1) : bound(t, MAX_SUM + 1, type(int256).max);
        vm.expectRevert(abi.encodeWithSelector(I.AlignmentVerifier_TaskOutOfRange.selector, MAX_SUM, s.task));
        verifier.verify(s, proof);
    }

    function testFuzz_RevertWhen_SquareOutOfRange(uint256 q) public {
        Statement memory s = _statement();
        s.square = bound(q, uint256(MAX_PRODUCT) + 1, type(uint256).max);
        vm.expectRevert(
            abi.encodeWithSelector(I.AlignmentVerifier_SquareOutOfRange.selector, MAX_PRODUCT, s.square)
        );
        verifier.verify(s, proof);
    }

    function testFuzz_RevertWhen_AbsoluteOutOfRange(uint256 l) public {
        Statement memory s = _statement();
        s.absolute = bound(l, uint256(MAX_SUM) + 1, type(uint256).max);
        vm.expectRevert(
            abi.encodeWithSelector(I.AlignmentVerifier_AbsoluteOutOfRange.selector, MAX_SUM, s.absolute)
        );
        verifier.verify(s, proof);
    }

    function testFuzz_RevertWhen_ContextOutOfRange(uint256 ctx) public {
        Statement memory s = _statement();
        s.context = bound(ctx, R, type(uint256).max);
        vm.expectRevert(
            abi.encodeWithSelector(I.AlignmentVerifier_ContextOutOfRange.selector, R - 1, s.context)
        );
        verifier.verify(s, proof);
    }
}
