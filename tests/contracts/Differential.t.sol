// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { RegistryFixture } from "./RegistryFixture.sol";
import { Parameters } from "contracts/types/Parameters.sol";
import { Vm } from "forge-std/Vm.sol";

/// @notice Repeats calls that Python has played on its own state machine, and compares how each one ends:
/// what it returns, every log, or the selector of its error. `scripts/differential` runs both halves.
contract DifferentialTest is RegistryFixture {
    enum Ending {
        Returns,
        Logs,
        Reverts
    }

    struct Call {
        address sender;
        address target;
        uint256 value;
        uint256 time;
        uint256 number;
        uint256 hashNumber;
        bytes32 hash;
        bytes data;
        Ending ending;
        bytes32 expected;
    }

    string internal constant FOLDER = "ZK0_DIFFERENTIAL";

    address[] internal crowd;

    function setUp() public override {
        super.setUp();
        crowd = [alice, bob, carol, dave, makeAddr("erin"), makeAddr("frank")];
        for (uint256 i; i < crowd.length; ++i) {
            vm.deal(crowd[i], 1e30);
        }
        vm.deal(stranger, 1e30);
        vm.deal(coordinator, 1e30);
        vm.deal(standby, 1e30);
        vm.deal(reserve, 1e30);
    }

    /// The first half: where the contracts will be, and who is in them already.
    function test_DescribesTheNetwork() public {
        string memory folder = _folder();
        registry = _deploy(_parameters());
        _joinAll();
        string memory key = "site";
        vm.serializeAddress(key, "registry", address(registry));
        vm.serializeAddress(key, "nodeRegistry", address(nodes));
        vm.serializeAddress(key, "networkParameters", address(registry.networkParameters()));
        vm.serializeAddress(key, "coordinator", coordinator);
        vm.serializeAddress(key, "stranger", stranger);
        vm.serializeAddress(key, "accounts", crowd);
        vm.serializeUint(key, "chainId", block.chainid);
        vm.serializeUint(key, "sampleSize", M);
        vm.serializeUint(key, "bondPerExample", BOND);
        vm.serializeUint(key, "minBond", MIN_BOND);
        vm.serializeUint(key, "idleRounds", IDLE_ROUNDS);
        vm.serializeUint(key, "maxDatasetSize", nodes.maxDatasetSize());
        vm.serializeUint(key, "exitDelay", EXIT_DELAY);
        vm.serializeUint(key, "faultLimit", FAULT_LIMIT);
        vm.serializeUint(key, "faultWindow", FAULT_WINDOW);
        vm.serializeUint(key, "forfeitBps", FORFEIT_BPS);
        _describeCoordinators(key);
        vm.serializeBytes32(key, "genesis", GENESIS);
        uint256[] memory sizes = new uint256[](crowd.length);
        uint256[] memory tasks = new uint256[](crowd.length);
        uint256[] memory joined = new uint256[](crowd.length);
        for (uint256 i; i < crowd.length; ++i) {
            (, uint8 task, uint32 datasetSize,) = nodes.registration(crowd[i]);
            (tasks[i], sizes[i]) = (task, datasetSize);
            joined[i] = nodes.node(crowd[i]).joinedAt;
        }
        vm.serializeUint(key, "sizes", sizes);
        vm.serializeUint(key, "nodeTasks", tasks);
        vm.serializeUint(key, "joinedAt", joined);
        vm.writeJson(vm.serializeString(key, "tasks", nodes.tasks()), string.concat(folder, "/site.json"));
    }

    function _describeCoordinators(string memory key) private {
        address[] memory list = coordinators.coordinators();
        uint256[] memory bonds = new uint256[](list.length);
        for (uint256 i; i < list.length; ++i) {
            bonds[i] = coordinators.seat(list[i]).bond;
        }
        vm.serializeAddress(key, "coordinatorSet", address(coordinators));
        vm.serializeAddress(key, "coordinators", list);
        vm.serializeUint(key, "coordinatorBonds", bonds);
        vm.serializeUint(key, "coordinatorBond", COORDINATOR_BOND);
        vm.serializeUint(key, "penalty", PENALTY);
        vm.serializeUint(key, "idleWindow", IDLE_WINDOW);
        vm.serializeUint(key, "time", block.timestamp);
    }

    /// The second half: one file for each network that Python played.
    function test_RepeatsWhatPythonPlayed() public {
        string memory folder = _folder();
        uint256 scenario;
        string memory differences;
        while (true) {
            string memory file = string.concat(folder, "/", vm.toString(scenario), ".bin");
            if (!vm.exists(file)) break;
            uint256 clean = vm.snapshotState();
            // A frame of its own: memory is only given back with it.
            string memory found = this.repeat(file);
            if (bytes(found).length != 0) {
                differences = string.concat(differences, "scenario ", vm.toString(scenario), " ", found, "; ");
            }
            vm.revertToState(clean);
            ++scenario;
        }
        assertGt(scenario, 0, "scenarios");
        assertEq(differences, "");
    }

    /// The first difference of a scenario; what follows one means nothing.
    function repeat(string memory file) external returns (string memory) {
        (bytes memory parameters, Call[] memory calls) = abi.decode(vm.readFileBinary(file), (bytes, Call[]));
        registry = _deploy(abi.decode(parameters, (Parameters)));
        _joinAll();
        vm.deal(alice, 1e30); // joining sets balances
        vm.deal(bob, 1e30);
        vm.deal(carol, 1e30);
        vm.deal(dave, 1e30);
        for (uint256 i; i < calls.length; ++i) {
            (bool same, bytes memory found) = this.take(calls[i]);
            if (!same) return string.concat("call ", vm.toString(i), ": found ", vm.toString(found));
        }
        return "";
    }

    /// Whether a call ends as expected; else what it did.
    function take(Call calldata c) external returns (bool, bytes memory) {
        vm.warp(c.time);
        vm.roll(c.number);
        if (c.hashNumber != 0) vm.setBlockhash(c.hashNumber, c.hash);
        vm.recordLogs();
        vm.prank(c.sender);
        (bool ok, bytes memory data) = c.target.call{ value: c.value }(c.data);
        if (c.ending == Ending.Reverts) return (!ok && bytes32(bytes4(data)) == c.expected, data);
        if (!ok) return (false, data);
        if (c.ending == Ending.Returns) return (keccak256(data) == c.expected, data);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        return (_hash(logs) == c.expected, abi.encode(logs));
    }

    function _hash(Vm.Log[] memory logs) private pure returns (bytes32 total) {
        for (uint256 i; i < logs.length; ++i) {
            bytes32 topics = keccak256(abi.encodePacked(logs[i].topics));
            total = keccak256(abi.encode(total, logs[i].emitter, topics, keccak256(logs[i].data)));
        }
    }

    function _folder() private returns (string memory folder) {
        folder = vm.envOr(FOLDER, string(""));
        vm.skip(bytes(folder).length == 0, "run scripts/differential");
    }
}
