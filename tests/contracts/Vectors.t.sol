// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { RegistryFixture } from "./RegistryFixture.sol";
import { MockVerifier } from "./doubles/MockVerifier.sol";
import { Credits } from "contracts/libraries/Credits.sol";
import { Faults } from "contracts/libraries/Faults.sol";
import { Seeds } from "contracts/libraries/Seeds.sol";
import { Shares } from "contracts/libraries/Shares.sol";
import { Challenge } from "contracts/types/Challenge.sol";
import { FaultHistory } from "contracts/types/FaultHistory.sol";
import { MissingReason } from "contracts/types/MissingReason.sol";
import { Phase } from "contracts/types/Phase.sol";

/// @notice The vectors that Python wrote, computed again.
contract VectorsTest is RegistryFixture {
    function _read(string memory name) internal view returns (string memory) {
        return vm.readFile(string.concat("tests/vectors/", name, ".json"));
    }

    /// Path of a field of the i-th entry of a list.
    function _path(string memory list, uint256 i, string memory field) internal pure returns (string memory) {
        return string.concat(".", list, "[", vm.toString(i), "].", field);
    }

    /// Number of entries of a list of which each has an integer of this name.
    function _count(string memory json, string memory list, string memory field)
        internal
        view
        returns (uint256 count)
    {
        while (vm.keyExistsJson(json, _path(list, count, field))) {
            ++count;
        }
        assertGt(count, 0, "no vectors");
    }

    function test_Seeds() public {
        string memory json = _read("seeds");
        uint256 count = _count(json, "seeds", "seed");
        for (uint256 i; i < count; ++i) {
            SeedCaller caller = SeedCaller(vm.parseJsonAddress(json, _path("seeds", i, "registry")));
            deployCodeTo("Vectors.t.sol:SeedCaller", address(caller));
            uint256 chainId = vm.parseJsonUint(json, _path("seeds", i, "chainId"));
            // A chain id above 64 bits is none that this virtual machine takes.
            if (chainId >= type(uint64).max) continue;
            vm.chainId(chainId);
            vm.roll(2000 + i);
            vm.setBlockhash(1999 + i, vm.parseJsonBytes32(json, _path("seeds", i, "blockHash")));
            assertEq(
                caller.draw(
                    vm.parseJsonString(json, _path("seeds", i, "label")),
                    1999 + i,
                    vm.parseJsonUint(json, _path("seeds", i, "roundId"))
                ),
                vm.parseJsonBytes32(json, _path("seeds", i, "seed"))
            );
        }
    }

    function test_Contexts() public {
        string memory json = _read("statement");
        uint256 count = _count(json, "contexts", "context");
        for (uint256 i; i < count; ++i) {
            address target = vm.parseJsonAddress(json, _path("contexts", i, "registry"));
            vm.etch(target, address(registry).code);
            vm.chainId(vm.parseJsonUint(json, _path("contexts", i, "chainId")));
            assertEq(
                Registry(target)
                    .context(
                        vm.parseJsonUint(json, _path("contexts", i, "roundId")),
                        vm.parseJsonAddress(json, _path("contexts", i, "node"))
                    ),
                vm.parseJsonUint(json, _path("contexts", i, "context"))
            );
        }
    }

    function test_AlignmentsAndAdmissions() public view {
        string memory json = _read("statement");
        uint256 zMin = vm.parseJsonUint(json, ".zMin");
        uint256 count = _count(json, "alignments", "task");
        for (uint256 i; i < count; ++i) {
            int256 task = vm.parseJsonInt(json, _path("alignments", i, "task"));
            uint256 square = vm.parseJsonUint(json, _path("alignments", i, "square"));
            uint256 m = vm.parseJsonUint(json, _path("alignments", i, "sampleSize"));
            assertEq(
                Shares.alignmentBps(task, square, m),
                vm.parseJsonInt(json, _path("alignments", i, "alignmentBps"))
            );
            assertEq(
                Shares.isAdmitted(task, square, zMin),
                vm.parseJsonBool(json, _path("alignments", i, "admitted"))
            );
        }
    }

    function test_Shares() public view {
        string memory json = _read("shares");
        uint256 count = _count(json, "shares", "common");
        for (uint256 i; i < count; ++i) {
            assertEq(
                Shares.shareNano(
                    vm.parseJsonInt(json, _path("shares", i, "common")),
                    vm.parseJsonUint(json, _path("shares", i, "weight")),
                    vm.parseJsonUint(json, _path("shares", i, "totalWeight")),
                    uint128(vm.parseJsonUint(json, _path("shares", i, "unit"))),
                    vm.parseJsonInt(json, _path("shares", i, "effectiveExponent"))
                ),
                vm.parseJsonInt(json, _path("shares", i, "shareNano"))
            );
        }
    }

    function test_Credits() public view {
        string memory json = _read("credits");
        uint256 count = _count(json, "credits", "shareNano");
        for (uint256 i; i < count; ++i) {
            (uint256 credit, uint256 debt) = Credits.settle(
                vm.parseJsonInt(json, _path("credits", i, "shareNano")),
                vm.parseJsonUint(json, _path("credits", i, "debtNano"))
            );
            assertEq(credit, vm.parseJsonUint(json, _path("credits", i, "creditNano")));
            assertEq(debt, vm.parseJsonUint(json, _path("credits", i, "debtAfterNano")));
        }
    }

    function test_Weights() public view {
        string memory json = _read("weights");
        uint256 count = _count(json, "weights", "maxWeightShareBps");
        for (uint256 i; i < count; ++i) {
            uint256[] memory examples = vm.parseJsonUintArray(json, _path("weights", i, "numExamples"));
            uint256[] memory weights = vm.parseJsonUintArray(json, _path("weights", i, "weights"));
            uint256 total;
            for (uint256 j; j < examples.length; ++j) {
                total += examples[j];
            }
            uint256 cap =
                Shares.weightCap(total, vm.parseJsonUint(json, _path("weights", i, "maxWeightShareBps")));
            for (uint256 j; j < examples.length; ++j) {
                assertEq(examples[j] < cap ? examples[j] : cap, weights[j]);
            }
        }
    }

    function test_Faults() public view {
        string memory json = _read("faults");
        uint256 count = _count(json, "faults", "window");
        for (uint256 i; i < count; ++i) {
            FaultHistory memory history = FaultHistory(
                uint64(vm.parseJsonUint(json, _path("faults", i, "lastRound"))),
                uint64(vm.parseJsonUint(json, _path("faults", i, "recent")))
            );
            (FaultHistory memory next, uint256 faults) = Faults.add(
                history,
                vm.parseJsonUint(json, _path("faults", i, "round")),
                vm.parseJsonUint(json, _path("faults", i, "window"))
            );
            assertEq(next.lastRound, vm.parseJsonUint(json, _path("faults", i, "nextLastRound")));
            assertEq(next.recent, vm.parseJsonUint(json, _path("faults", i, "nextRecent")));
            assertEq(faults, vm.parseJsonUint(json, _path("faults", i, "count")));
        }
        count = _count(json, "forfeits", "forfeitBps");
        for (uint256 i; i < count; ++i) {
            assertEq(
                Faults.forfeit(
                    vm.parseJsonUint(json, _path("forfeits", i, "bond")),
                    vm.parseJsonUint(json, _path("forfeits", i, "required")),
                    vm.parseJsonUint(json, _path("forfeits", i, "forfeitBps"))
                ),
                vm.parseJsonUint(json, _path("forfeits", i, "amount"))
            );
        }
    }

    /// The directions that Python packed are as long as the contract wants them.
    function test_PackedDirections() public {
        string memory json = _read("directions");
        string[] memory tasks = vm.parseJsonStringArray(json, ".tasks");
        uint256 m = vm.parseJsonUintArray(json, ".indices").length;
        bytes memory packed = vm.parseJsonBytes(json, ".packed");
        taskNames = tasks;
        registry = _deploy(_parameters(), new MockVerifier(uint32(m)));
        _join(alice, 0);
        _join(bob, 1);
        _open();
        _commit(alice, 1, -8);
        _commit(bob, 1, -8);
        _close();
        _drawSample();
        _sample(alice);
        _sample(bob);
        _seal(new uint8[](2), new MissingReason[](2));
        _drawChallenge();
        Challenge memory c = _challenge();
        c.taskCommitments = new bytes[](tasks.length);
        for (uint256 i; i < tasks.length; ++i) {
            c.taskCommitments[i] = abi.encode(uint256(1), i);
        }
        c.directions = packed;
        vm.prank(coordinator);
        registry.publishChallenge(id, c);
        _assertPhase(Phase.Proving);
    }

    function test_SampleKey() public view {
        string memory json = _read("typed-data");
        assertEq(
            keccak256(vm.parseJsonBytes(json, ".sampleCommitment")), vm.parseJsonBytes32(json, ".sampleKey")
        );
    }
}

interface Registry {
    function context(uint256 roundId, address node) external view returns (uint256);
}

contract SeedCaller {
    function draw(string memory label, uint256 blockNumber, uint256 roundId) external view returns (bytes32) {
        return Seeds.derive(label, blockhash(blockNumber), roundId);
    }
}
