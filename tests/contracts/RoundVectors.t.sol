// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { RegistryFixture } from "./RegistryFixture.sol";
import { MockVerifier } from "./doubles/MockVerifier.sol";
import { ContributionRegistry } from "contracts/ContributionRegistry.sol";
import { INetworkParameters } from "contracts/interfaces/INetworkParameters.sol";
import { OpenParticipation } from "contracts/participation/OpenParticipation.sol";
import { Challenge } from "contracts/types/Challenge.sol";
import { Contribution } from "contracts/types/Contribution.sol";
import { Finalization } from "contracts/types/Finalization.sol";
import { MissingReason } from "contracts/types/MissingReason.sol";
import { Outcome } from "contracts/types/Outcome.sol";
import { Parameters } from "contracts/types/Parameters.sol";
import { Round } from "contracts/types/Round.sol";

/// @notice Walks through the state machine that Python wrote down, repeated step by step: what it did must
/// succeed, what it refused must revert, and both must end in the same state.
contract RoundVectorsTest is RegistryFixture {
    struct Step {
        int256[] args;
        uint256 block;
        uint256[] credits;
        uint256 deadline;
        uint256[] debts;
        uint256 drop;
        uint256 now;
        bool ok;
        string op;
        uint256[] outcomes;
        uint256 phase;
        uint256 roundId;
        int256[] shares;
        uint256 totalWeight;
    }

    string internal constant STEP = "Step(int256[] args,uint256 block,uint256[] credits,uint256 deadline,"
        "uint256[] debts,uint256 drop,uint256 now,bool ok,string op,uint256[] outcomes,uint256 phase,uint256 roundId,int256[] shares,uint256 totalWeight)";

    /// Of the scenarios the first so many make mistakes.
    uint256 internal constant MISTAKEN = 30;

    string internal constant FILE = "tests/vectors/rounds.json";

    address[] internal wallets;
    uint256[] internal sizes;
    bytes32 internal blockHash;
    bytes32 internal genesis;
    address internal target;
    Parameters[] internal versions;

    // A fresh frame for each scenario: the file is large, and memory is only given back with its frame.
    function setUp() public override {
        string memory json = vm.readFile(FILE);
        wallets = vm.parseJsonAddressArray(json, ".nodes");
        sizes = vm.parseJsonUintArray(json, ".datasetSizes");
        blockHash = vm.parseJsonBytes32(json, ".blockHash");
        genesis = vm.parseJsonBytes32(json, ".genesis");
        target = vm.parseJsonAddress(json, ".registry");
        vm.chainId(vm.parseJsonUint(json, ".chainId"));
        assertEq(vm.parseJsonUint(json, ".sampleSize"), M);
        this.readRules();
    }

    function test_EveryScenarioEndsTheSameWay() public {
        (uint256 taken, uint256 refused) = _runScenarios(0, MISTAKEN);
        assertGt(taken, 500, "steps taken");
        assertGt(refused, 100, "steps refused");
    }

    /// The calm ones, with credits and debts. Apart, as all would need more gas than a test has.
    function test_EveryCalmScenarioEndsTheSameWay() public {
        (uint256 taken,) = _runScenarios(MISTAKEN, type(uint256).max);
        assertGt(taken, 500, "steps taken");
    }

    function _runScenarios(uint256 first, uint256 end) internal returns (uint256 taken, uint256 refused) {
        uint256 scenario = first;
        for (; scenario < end; ++scenario) {
            uint256 clean = vm.snapshotState();
            (bool exists, uint256 scenarioTaken, uint256 scenarioRefused) = this.runScenario(scenario);
            vm.revertToState(clean);
            if (!exists) break;
            taken += scenarioTaken;
            refused += scenarioRefused;
        }
        assertGe(scenario - first, 10, "scenarios");
    }

    function runScenario(uint256 scenario) external returns (bool exists, uint256 taken, uint256 refused) {
        Step[] memory steps = this.readScenario(scenario);
        if (steps.length == 0) return (false, 0, 0);
        _deployNetwork();
        for (uint256 i; i < steps.length; ++i) {
            string memory where =
                string.concat("scenario ", vm.toString(scenario), " step ", vm.toString(i), " ", steps[i].op);
            _check(steps[i], where);
            steps[i].ok ? ++taken : ++refused;
        }
        return (true, taken, refused);
    }

    function readScenario(uint256 scenario) external view returns (Step[] memory) {
        string memory json = vm.readFile(FILE);
        string memory path = string.concat(".scenarios[", vm.toString(scenario), "]");
        if (!vm.keyExistsJson(json, path)) return new Step[](0);
        return abi.decode(vm.parseJsonTypeArray(json, path, STEP), (Step[]));
    }

    function readRules() external {
        string memory json = vm.readFile(FILE);
        versions.push(_readRules(json, ".parameters[0]."));
        versions.push(_readRules(json, ".parameters[1]."));
        assertFalse(vm.keyExistsJson(json, ".parameters[2]"));
    }

    function _readRules(string memory json, string memory path) internal pure returns (Parameters memory p) {
        p.minCommitWindow = uint32(_parameter(json, path, "min_commit_window_s"));
        p.commitWindow = uint32(_parameter(json, path, "commit_window_s"));
        p.collectWindow = uint32(_parameter(json, path, "collect_window_s"));
        p.sealWindow = uint32(_parameter(json, path, "seal_window_s"));
        p.challengeWindow = uint32(_parameter(json, path, "challenge_window_s"));
        p.provingWindow = uint32(_parameter(json, path, "proving_window_s"));
        p.finalizeWindow = uint32(_parameter(json, path, "finalize_window_s"));
        p.quorum = uint16(_parameter(json, path, "quorum"));
        p.maxNodes = uint16(_parameter(json, path, "max_nodes"));
        p.minExponent = int8(vm.parseJsonInt(json, string.concat(path, "min_exponent")));
        p.maxExponent = int8(vm.parseJsonInt(json, string.concat(path, "max_exponent")));
        p.maxWeightShareBps = uint16(_parameter(json, path, "max_weight_share_bps"));
        p.zMin = uint8(_parameter(json, path, "z_min"));
        p.maxRegressionNano = uint64(_parameter(json, path, "max_regression_nano"));
        p.parameterCount = uint64(_parameter(json, path, "parameter_count"));
        p.framesPerTask = uint32(_parameter(json, path, "frames_per_task"));
    }

    function _parameter(string memory json, string memory path, string memory name)
        internal
        pure
        returns (uint256)
    {
        return vm.parseJsonUint(json, string.concat(path, name));
    }

    function _deployNetwork() internal {
        _setNodeRules();
        (nodeRules.bondPerExampleWei, nodeRules.minBondWei) = (1, 1);
        _deployCoordinators(target);
        _deployNodes(target, new OpenParticipation());
        deployCodeTo(
            "ContributionRegistry.sol:ContributionRegistry",
            abi.encode(
                coordinators,
                _parts(new MockVerifier(M), versions[0]),
                genesis,
                "genesis-cid",
                keccak256("manifest"),
                "manifest-cid"
            ),
            target
        );
        registry = ContributionRegistry(target);
        for (uint256 i; i < wallets.length; ++i) {
            vm.deal(wallets[i], sizes[i]);
            vm.prank(wallets[i]);
            nodes.join{ value: sizes[i] }(uint8(i % 3), uint32(sizes[i]), "key");
        }
    }

    function _check(Step memory step, string memory where) internal {
        vm.warp(step.now);
        vm.roll(step.block);
        assertEq(_take(step), step.ok, where);
        uint256 roundId = registry.roundCount();
        Round memory r = registry.round(roundId);
        assertEq(roundId, step.roundId, where);
        assertEq(uint8(r.phase), step.phase, where);
        assertEq(r.deadline, step.deadline, where);
        assertEq(r.totalWeight, step.totalWeight, where);
        Contribution[] memory all = registry.contributionsOf(roundId, 0, 256);
        assertEq(all.length, step.outcomes.length, where);
        for (uint256 i; i < all.length; ++i) {
            assertEq(uint8(all[i].outcome), step.outcomes[i], where);
            assertEq(all[i].shareNano, step.shares[i], where);
        }
        _checkCredits(step, roundId, all, where);
    }

    function _checkCredits(Step memory step, uint256 roundId, Contribution[] memory all, string memory where)
        internal
        view
    {
        (uint256 total, uint256 bitmap, uint256 drop, bool over) = registry.roundCredit(roundId);
        assertEq(over, step.debts.length != 0, where);
        assertEq(drop, step.drop, where);
        uint256 sum;
        for (uint256 i; i < step.credits.length; ++i) {
            (uint256 creditNano,) = registry.credit(roundId, all[i].node);
            assertEq(creditNano, step.credits[i], where);
            assertEq((bitmap >> i) & 1, creditNano == 0 ? 0 : 1, where);
            sum += creditNano;
        }
        assertEq(total, sum, where);
        for (uint256 i; i < step.debts.length; ++i) {
            assertEq(registry.debtNano(wallets[i]), step.debts[i], where);
        }
    }

    /// Whether the contract takes the step.
    function _take(Step memory s) internal returns (bool ok) {
        coordinator = registry.coordinator(); // another one after a missed deadline
        (address sender, bytes memory call) = _encode(s);
        address to = _isChange(s) ? address(registry.networkParameters()) : address(registry);
        vm.prank(sender);
        (ok,) = to.call(call);
    }

    function _encode(Step memory s) internal returns (address sender, bytes memory call) {
        uint256 roundId = registry.roundCount();
        bytes32 op = keccak256(bytes(s.op));
        int256[] memory a = s.args;
        if (_isChange(s)) {
            INetworkParameters rules = registry.networkParameters();
            return (owner, abi.encodeCall(rules.setParameters, (versions[uint256(a[0])], rules.circuitId())));
        } else if (op == keccak256("open")) {
            return (coordinator, abi.encodeCall(registry.openRound, (POOL_ROOT)));
        } else if (op == keccak256("commit")) {
            return (
                wallets[uint256(a[0])],
                abi.encodeCall(
                    registry.commitUpdate,
                    (roundId, bytes32(uint256(a[1])), uint32(uint256(a[2])), int8(a[3]))
                )
            );
        } else if (op == keccak256("close")) {
            return (_driver(a[0]), abi.encodeCall(registry.closeCommits, (roundId)));
        } else if (op == keccak256("drawSample")) {
            _setBlockHash(registry.round(roundId).closingBlock);
            return (stranger, abi.encodeCall(registry.drawSample, (roundId)));
        } else if (op == keccak256("sample")) {
            bytes32 seed = a[1] == 1 ? registry.round(roundId).sampleSeed : bytes32("another");
            bytes memory commitment = abi.encode(a[0] + 1, a[0]);
            return
                (wallets[uint256(a[0])], abi.encodeCall(registry.commitSample, (roundId, seed, commitment)));
        } else if (op == keccak256("seal")) {
            return (_driver(a[0]), _encodeSeal(roundId, a));
        } else if (op == keccak256("drawChallenge")) {
            _setBlockHash(registry.round(roundId).sealBlock);
            return (stranger, abi.encodeCall(registry.drawChallenge, (roundId)));
        } else if (op == keccak256("publish")) {
            Challenge memory c = _challenge();
            c.unit = uint128(uint256(a[1]));
            c.baseLossNano = uint64(uint256(a[2]));
            c.candidateLossNano = uint64(uint256(a[3]));
            return (_driver(a[0]), abi.encodeCall(registry.publishChallenge, (roundId, c)));
        } else if (op == keccak256("prove")) {
            return (
                wallets[uint256(a[0])],
                abi.encodeCall(
                    registry.proveContribution, (roundId, a[1], a[2], uint256(a[3]), uint256(5), PROOF)
                )
            );
        } else if (op == keccak256("finalize")) {
            Finalization memory f = Finalization({
                checkpointDigest: bytes32(uint256(a[1])),
                checkpointCid: "c",
                reportDigest: keccak256("report"),
                reportCid: "r",
                aggregateLossNano: uint64(uint256(a[2])),
                finalLossNano: uint64(uint256(a[3])),
                harmfulBitmap: uint256(a[4])
            });
            return (_driver(a[0]), abi.encodeCall(registry.finalizeRound, (roundId, f)));
        }
        assertEq(s.op, "abort");
        return (_driver(a[0]), abi.encodeCall(registry.abortRound, (roundId)));
    }

    function _isChange(Step memory s) internal pure returns (bool) {
        return keccak256(bytes(s.op)) == keccak256("rules");
    }

    function _encodeSeal(uint256 roundId, int256[] memory a) internal view returns (bytes memory) {
        uint256 n = uint256(a[1]);
        uint8[] memory shifts = new uint8[](n);
        MissingReason[] memory missing = new MissingReason[](n);
        for (uint256 i; i < n; ++i) {
            shifts[i] = uint8(uint256(a[2 + i]));
            missing[i] = MissingReason(uint256(a[2 + n + i]));
        }
        return abi.encodeCall(registry.sealRound, (roundId, bytes32(500 + roundId), shifts, missing));
    }

    function _driver(int256 isCoordinator) internal view returns (address) {
        return isCoordinator == 1 ? coordinator : stranger;
    }

    function _setBlockHash(uint256 number) internal {
        if (number != 0 && number < block.number && block.number - number <= 256) {
            vm.setBlockhash(number, blockHash);
        }
    }
}
