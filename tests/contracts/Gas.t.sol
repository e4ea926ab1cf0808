// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { ProofRoundFixture } from "./ProofRoundFixture.sol";
import { RegistryFixture } from "./RegistryFixture.sol";
import { NodeRegistry } from "contracts/NodeRegistry.sol";
import { MissingReason } from "contracts/types/MissingReason.sol";
import { Parameters } from "contracts/types/Parameters.sol";

/// @notice What each step costs as a transaction of its own, with the large circuit and its real proof.
/// @dev Isolated: cold storage, calldata and the 21,000 of a transaction are included. The figures are kept in
/// snapshots/; with FORGE_SNAPSHOT_CHECK=true a test run compares them instead of writing them.
contract GasTest is ProofRoundFixture {
    function setUp() public override {
        _load("alignment-3840", "Alignment3840Verifier");
    }

    function _spent(string memory step) internal returns (uint256 gas) {
        gas = vm.lastCallGas().gasTotalUsed;
        vm.snapshotValue("RoundOfTwo", step, gas);
    }

    /// forge-config: default.isolate = true
    function test_GasOfEveryStep() public {
        ProofCase memory c = _case(vector, "honest");
        _open();
        _spent("openRound");
        _commit(node, 100, -10);
        assertLe(_spent("commitUpdate, the first"), 130_000);
        _commit(bob, 100, -10);
        assertLe(_spent("commitUpdate"), 130_000);
        skip(10);
        _close();
        _spent("closeCommits");
        vm.roll(block.number + 1);
        registry.drawSample(id);
        _spent("drawSample");
        bytes32 seed = registry.round(id).sampleSeed;
        vm.prank(node);
        registry.commitSample(id, seed, c.sampleCommitment);
        assertLe(_spent("commitSample, the first"), 90_000);
        vm.prank(bob);
        registry.commitSample(id, seed, c.sampleCommitment);
        assertLe(_spent("commitSample"), 90_000);
        _seal(new uint8[](2), new MissingReason[](2));
        _spent("sealRound, 2 contributions");
        vm.roll(block.number + 1);
        registry.drawChallenge(id);
        _spent("drawChallenge");
        _publishFor(c);
        _spent("publishChallenge, 3 tasks");
        _proveAs(node, c);
        assertLe(_spent("proveContribution"), 780_000);
        skip(81);
        _finalize(_result(keccak256("aggregate"), 1, 1, 0));
        _spent("finalizeRound, 2 contributions");
    }
}

/// @notice The steps that walk through all contributions still fit into a block when a round is full.
contract FullRoundGasTest is RegistryFixture {
    uint256 internal constant MOST = 256;

    /// forge-config: default.isolate = true
    function test_GasOfAFullRound() public {
        nodes = new NodeRegistry(owner, _taskNames(), BOND, 256, EXIT_DELAY);
        Parameters memory p = _parameters();
        p.maxNodes = 256;
        registry = _deploy(p);
        _open();
        for (uint256 i; i < MOST; ++i) {
            _join(_node(i), uint8(i % 3));
            _commit(_node(i), 100, -10);
        }
        _close();
        assertLe(_spent("closeCommits, as everybody has committed"), 5_000_000);
        _drawSample();
        for (uint256 i; i < MOST; ++i) {
            if (i % 4 != 0) _sample(_node(i));
        }
        skip(61);
        _seal(new uint8[](MOST), new MissingReason[](MOST));
        assertLe(_spent("sealRound, 256 contributions, 64 missing"), 5_000_000);
        _drawChallenge();
        _publish();
        for (uint256 i; i < MOST; ++i) {
            if (i % 4 > 1) _prove(_node(i), 50_000);
        }
        skip(81);
        _finalize(_result(keccak256("aggregate"), 1, 1, 0));
        assertLe(_spent("finalizeRound, 256 contributions"), 5_000_000);
    }

    function _node(uint256 i) internal pure returns (address) {
        return address(uint160(0x10000 + i));
    }

    function _spent(string memory step) internal returns (uint256 gas) {
        gas = vm.lastCallGas().gasTotalUsed;
        vm.snapshotValue("FullRound", step, gas);
    }
}
