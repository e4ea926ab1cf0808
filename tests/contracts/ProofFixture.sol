// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IEzklVerifier } from "contracts/interfaces/IEzklVerifier.sol";
import { Statement } from "contracts/types/Statement.sol";
import { AlignmentVerifier } from "contracts/verifiers/AlignmentVerifier.sol";
import { Test } from "forge-std/Test.sol";

/// @notice Real proofs from tests/vectors/proof-<circuit>.json, and the contracts that judge them.
abstract contract ProofFixture is Test {
    struct ProofCase {
        bytes commonCommitment;
        bytes taskCommitment;
        bytes sampleCommitment;
        int256 common;
        int256 task;
        uint256 square;
        uint256 absolute;
        bytes proof;
    }

    function _vector(string memory circuit) internal view returns (string memory) {
        return vm.readFile(string.concat("tests/vectors/proof-", circuit, ".json"));
    }

    function _case(string memory json, string memory name) internal pure returns (ProofCase memory c) {
        string memory prefix = string.concat(".", name);
        c.commonCommitment = vm.parseJsonBytes(json, string.concat(prefix, ".commonCommitment"));
        c.taskCommitment = vm.parseJsonBytes(json, string.concat(prefix, ".taskCommitment"));
        c.sampleCommitment = vm.parseJsonBytes(json, string.concat(prefix, ".sampleCommitment"));
        c.common = vm.parseJsonInt(json, string.concat(prefix, ".A"));
        c.task = vm.parseJsonInt(json, string.concat(prefix, ".T"));
        c.square = vm.parseJsonUint(json, string.concat(prefix, ".Q"));
        c.absolute = vm.parseJsonUint(json, string.concat(prefix, ".L"));
        c.proof = vm.parseJsonBytes(json, string.concat(prefix, ".proof"));
    }

    function _statement(ProofCase memory c, uint256 context) internal pure returns (Statement memory s) {
        s.commonKey = keccak256(c.commonCommitment);
        s.taskKey = keccak256(c.taskCommitment);
        s.sampleKey = keccak256(c.sampleCommitment);
        s.common = c.common;
        s.task = c.task;
        s.square = c.square;
        s.absolute = c.absolute;
        s.context = context;
    }

    /// The adapter over the generated verifier of a circuit, as the deploy script makes it.
    function _deployVerifier(string memory json, string memory contractName)
        internal
        returns (AlignmentVerifier)
    {
        address ezkl = vm.deployCode(string.concat(contractName, ".sol:", contractName));
        return new AlignmentVerifier(
            ezkl, vm.parseJsonBytes32(json, ".circuitId"), uint32(vm.parseJsonUint(json, ".sampleSize")), true
        );
    }
}
