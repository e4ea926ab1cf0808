// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { ProofFixture } from "./ProofFixture.sol";
import { RegistryFixture } from "./RegistryFixture.sol";
import { ContributionRegistry } from "contracts/ContributionRegistry.sol";
import { OpenParticipation } from "contracts/participation/OpenParticipation.sol";
import { Challenge } from "contracts/types/Challenge.sol";
import { MissingReason } from "contracts/types/MissingReason.sol";
import { Parameters } from "contracts/types/Parameters.sol";
import { AlignmentVerifier } from "contracts/verifiers/AlignmentVerifier.sol";

/// @notice A round at the registry, and of the node, that the real proofs were made for.
abstract contract ProofRoundFixture is RegistryFixture, ProofFixture {
    uint8 internal constant TASK = 1;

    string internal vector;
    uint32 internal sampleSize;
    address internal node;
    AlignmentVerifier internal alignmentVerifier;

    function _load(string memory circuit, string memory contractName) internal {
        vector = _vector(circuit);
        vm.chainId(vm.parseJsonUint(vector, ".chainId"));
        vm.warp(1_700_000_000);
        vm.roll(1000);
        node = vm.parseJsonAddress(vector, ".node");
        sampleSize = uint32(vm.parseJsonUint(vector, ".sampleSize"));
        alignmentVerifier = _deployVerifier(vector, contractName);
        address target = vm.parseJsonAddress(vector, ".registry");
        _setNodeRules();
        _deployCoordinators(target);
        _deployNodes(target, new OpenParticipation());
        registry = _deployTo(target);
        _join(node, TASK);
        _join(bob, TASK);
        _join(dave, 0);
    }

    function _deployTo(address target) internal returns (ContributionRegistry) {
        Parameters memory p = _parameters();
        p.quorum = 1;
        deployCodeTo(
            "ContributionRegistry.sol:ContributionRegistry",
            abi.encode(
                coordinators,
                _parts(alignmentVerifier, p),
                GENESIS,
                "genesis-cid",
                keccak256("manifest"),
                "manifest-cid"
            ),
            target
        );
        return ContributionRegistry(target);
    }

    /// A round of one contribution, with its sample on chain and the challenge published.
    function _runTo(address contributor, ProofCase memory c) internal {
        _open();
        _commit(contributor, 100, -10);
        skip(10);
        _close();
        _drawSample();
        vm.prank(contributor);
        registry.commitSample(id, sampleSeed, c.sampleCommitment);
        _seal(new uint8[](1), new MissingReason[](1));
        _drawChallenge();
        _publishFor(c);
    }

    function _publishFor(ProofCase memory c) internal {
        Challenge memory challenge = _challenge();
        challenge.commonCommitment = c.commonCommitment;
        challenge.taskCommitments[TASK] = c.taskCommitment;
        challenge.directions = _noise(sampleSize + 3 * (sampleSize / 4));
        vm.prank(coordinator);
        registry.publishChallenge(id, challenge);
    }

    /// Bytes that cost what real directions cost.
    function _noise(uint256 length) internal pure returns (bytes memory noise) {
        while (noise.length < length) {
            noise = bytes.concat(noise, keccak256(abi.encode(noise.length)));
        }
        assembly ("memory-safe") {
            mstore(noise, length)
        }
    }

    function _proveAs(address contributor, ProofCase memory c) internal {
        vm.prank(contributor);
        registry.proveContribution(id, c.common, c.task, c.square, c.absolute, c.proof);
    }
}
