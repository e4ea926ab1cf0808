// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { ProofRoundFixture } from "./ProofRoundFixture.sol";
import { RegistryFixture } from "./RegistryFixture.sol";
import { OpenParticipation } from "contracts/participation/OpenParticipation.sol";
import { MissingReason } from "contracts/types/MissingReason.sol";
import { Parameters } from "contracts/types/Parameters.sol";

/// @notice What each step costs as a transaction of its own, with the large circuit and its real proof.
/// @dev Isolated: cold storage, calldata and the 21,000 of a transaction are included. The figures are kept in
/// snapshots/; with FORGE_SNAPSHOT_CHECK=true a test run compares them instead of writing them.
contract GasTest is ProofRoundFixture {
    uint256 internal constant FIRST_FAULT = 30_000; // of a node: a slot of its own

    function setUp() public override {
        _load("alignment-3840", "Alignment3840Verifier");
    }

    function _spent(string memory step) internal returns (uint256 gas) {
        gas = vm.lastCallGas().gasTotalUsed;
        vm.snapshotValue("RoundOfTwo", step, gas);
    }

    /// forge-config: default.isolate = true
    function test_GasOfJoining() public {
        // As long as the DER public key of a SuperNode, on a 384-bit curve.
        bytes memory key = new bytes(120);
        for (uint256 i; i < key.length; ++i) {
            key[i] = bytes1(uint8(i + 1));
        }
        _deployNodes(address(registry), new OpenParticipation());
        for (uint160 i = 1; i < 3; ++i) {
            hoax(address(0x20000 + i));
            nodes.join{ value: 400 * BOND }(1, 400, key);
            assertLe(_spent(i == 1 ? "join, the first" : "join"), 120_000);
        }
    }

    /// forge-config: default.isolate = true
    function test_GasOfEveryStep() public {
        ProofCase memory c = _case(vector, "honest");
        _open();
        _spent("openRound");
        _commit(node, 100, -10);
        assertLe(_spent("commitUpdate, the first"), 110_000);
        _commit(bob, 100, -10);
        assertLe(_spent("commitUpdate"), 110_000);
        skip(10);
        _close();
        _spent("closeCommits");
        vm.roll(block.number + 1);
        registry.drawSample(id);
        _spent("drawSample");
        bytes32 seed = registry.round(id).sampleSeed;
        vm.prank(node);
        registry.commitSample(id, seed, c.sampleCommitment);
        assertLe(_spent("commitSample, the first"), 80_000);
        vm.prank(bob);
        registry.commitSample(id, seed, c.sampleCommitment);
        assertLe(_spent("commitSample"), 80_000);
        _seal(new uint8[](2), new MissingReason[](2));
        _spent("sealRound, 2 contributions");
        vm.roll(block.number + 1);
        registry.drawChallenge(id);
        _spent("drawChallenge");
        _publishFor(c);
        _spent("publishChallenge, 3 tasks");
        _proveAs(node, c);
        assertLe(_spent("proveContribution"), 690_000);
        skip(81);
        _finalize(_result(keccak256("aggregate"), 1, 1, 0));
        assertLe(_spent("finalizeRound, 2 contributions, 1 fault"), 165_000 + FIRST_FAULT);
    }
}

/// @notice The steps that walk through all contributions still fit into a block when a round is full.
contract FullRoundGasTest is RegistryFixture {
    uint256 internal constant MOST = 256;
    uint256 internal constant FAULTS = 64;
    uint256 internal constant FIRST_FAULT = 30_000; // of a node: a slot of its own

    /// forge-config: default.isolate = true
    function test_GasOfAFullRound() public {
        nodeRules.maxNodes = 256;
        Parameters memory p = _parameters();
        p.maxNodes = 256;
        registry = _deploy(p);
        for (uint256 i; i < MOST; ++i) {
            _join(_node(i), uint8(i % 3));
        }
        _open();
        for (uint256 i; i < MOST; ++i) {
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
        assertLe(
            _spent("finalizeRound, 256 contributions, 64 faults"),
            100_000 + MOST * 12_000 + FAULTS * FIRST_FAULT
        );
    }

    /// Everybody proves and is credited, nobody has a debt: what a finalization costs by itself.
    /// forge-config: default.isolate = true
    function test_GasOfCreditingEverybody() public {
        uint16[3] memory sizes = [uint16(16), 64, 256];
        for (uint256 i; i < sizes.length; ++i) {
            _provenRound(sizes[i]);
            _finalize(_result(CANDIDATE, CANDIDATE_LOSS, CANDIDATE_LOSS, 0));
            string memory step = string.concat("finalizeRound, ", vm.toString(sizes[i]), " credited");
            assertLe(_spent(step), 100_000 + uint256(sizes[i]) * 12_000);
        }
    }

    /// A network of its own, in whose round everybody has proven.
    function _provenRound(uint16 size) internal {
        nodeRules.maxNodes = size;
        Parameters memory p = _parameters();
        p.maxNodes = size;
        registry = _deploy(p);
        for (uint256 i; i < size; ++i) {
            _join(_node(i), uint8(i % 3));
        }
        _open();
        for (uint256 i; i < size; ++i) {
            _commit(_node(i), 100, -10);
        }
        _close();
        _drawSample();
        for (uint256 i; i < size; ++i) {
            _sample(_node(i));
        }
        _seal(new uint8[](size), new MissingReason[](size));
        _drawChallenge();
        _publish();
        for (uint256 i; i < size; ++i) {
            _prove(_node(i), 50_000);
        }
    }

    function _node(uint256 i) internal pure returns (address) {
        return address(uint160(0x10000 + i));
    }

    function _spent(string memory step) internal returns (uint256 gas) {
        gas = vm.lastCallGas().gasTotalUsed;
        vm.snapshotValue("FullRound", step, gas);
    }
}

/// @notice What the end of a round costs when every contribution is credited, and with debts.
contract CreditGasTest is RegistryFixture {
    uint256 internal constant FIXED = 100_000;
    uint256 internal constant PER_CONTRIBUTION = 12_000;

    /// forge-config: default.isolate = true
    function test_GasOfCredits() public {
        _toProving();
        _prove(alice, 50_000);
        _prove(bob, 40_000);
        _prove(carol, 30_000);
        _finalize(_result(CANDIDATE, CANDIDATE_LOSS, CANDIDATE_LOSS, 0));
        assertLe(_spent("finalizeRound, 3 credited"), FIXED + 3 * PER_CONTRIBUTION);
    }

    /// A debt is a slot of its own, and so is what pays it off.
    /// forge-config: default.isolate = true
    function test_GasOfDebts() public {
        _toFinalized();
        assertLe(_spent("finalizeRound, 2 credited, 1 new debt"), FIXED + 3 * PER_CONTRIBUTION + 26_000);
        _toDrawn();
        _publish();
        _prove(alice, 50_000);
        _proveNoise(bob);
        _prove(carol, 60_000);
        _finalize(_result(keccak256("aggregate"), BASE_LOSS, BASE_LOSS, 0));
        assertLe(_spent("finalizeRound, 2 credited, 1 paid off"), FIXED + 3 * PER_CONTRIBUTION + 26_000);
    }

    function _spent(string memory step) internal returns (uint256 gas) {
        gas = vm.lastCallGas().gasTotalUsed;
        vm.snapshotValue("Credits", step, gas);
    }
}
