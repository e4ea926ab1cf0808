// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { TimelockController } from "@openzeppelin/contracts/governance/TimelockController.sol";
import { ContributionRegistry } from "contracts/ContributionRegistry.sol";
import { CoordinatorSet } from "contracts/CoordinatorSet.sol";
import { NetworkParameters } from "contracts/NetworkParameters.sol";
import { NodeRegistry } from "contracts/NodeRegistry.sol";
import { RewardVault } from "contracts/RewardVault.sol";
import { IContributionRegistry } from "contracts/interfaces/IContributionRegistry.sol";
import { IParticipation } from "contracts/interfaces/IParticipation.sol";
import { IRandomness } from "contracts/interfaces/IRandomness.sol";
import { AllowList } from "contracts/participation/AllowList.sol";
import { MinimumDataset } from "contracts/participation/MinimumDataset.sol";
import { OpenParticipation } from "contracts/participation/OpenParticipation.sol";
import { BlockHashRandomness } from "contracts/randomness/BlockHashRandomness.sol";
import { CoordinatorRules } from "contracts/types/CoordinatorRules.sol";
import { NodeRules } from "contracts/types/NodeRules.sol";
import { Parameters } from "contracts/types/Parameters.sol";
import { Parts } from "contracts/types/Parts.sol";
import { AlignmentVerifier } from "contracts/verifiers/AlignmentVerifier.sol";
import { VerifierRouter } from "contracts/verifiers/VerifierRouter.sol";
import { Script } from "forge-std/Script.sol";
import { VmSafe } from "forge-std/Vm.sol";

/// @title Deploy
/// @notice Deploys a network as a JSON file says (ZK0_DEPLOY_CONFIG), and writes what it deployed to
/// <chainId>.json in ZK0_DEPLOYMENTS_DIR (./deployments unless set). See docs/contracts.md.
/// @dev The file is written when the deployment has been simulated: whoever runs this checks afterwards
/// that the addresses have code.
contract Deploy is Script {
    uint256 internal constant DEVNET = 31_337;

    /// Everybody must have the time to see what is announced, and to leave.
    uint256 internal constant LEAST_DELAY = 1 days;

    /// Somebody must be able to recompute a round before its rewards are gone.
    uint256 internal constant LEAST_OBJECTION_WINDOW = 1 days;

    /// And a node to commit after the quorum has, which a coordinator may close upon.
    uint256 internal constant LEAST_COMMIT_WINDOW = 5 minutes;

    /// And to be repaired, before anyone may retire it.
    uint256 internal constant LEAST_IDLE_ROUNDS = 10;

    /// @notice Where a network is.
    struct Deployment {
        TimelockController timelock; // owns everything that has an owner
        address ezklVerifier;
        AlignmentVerifier alignmentVerifier;
        VerifierRouter verifierRouter;
        IRandomness randomness;
        IParticipation participation;
        NodeRegistry nodeRegistry;
        NetworkParameters networkParameters;
        CoordinatorSet coordinatorSet;
        ContributionRegistry contributionRegistry;
        RewardVault rewardVault; // none if the configuration has no ".vault"
    }

    /// @notice Entry point of `forge script`.
    function run() external returns (Deployment memory deployment) {
        string memory config = vm.readFile(vm.envString("ZK0_DEPLOY_CONFIG"));
        vm.startBroadcast();
        deployment = deploy(config);
        vm.stopBroadcast();
        string memory folder = vm.envOr("ZK0_DEPLOYMENTS_DIR", string("./deployments"));
        vm.createDir(folder, true);
        vm.writeJson(
            _describe(config, deployment), string.concat(folder, "/", vm.toString(block.chainid), ".json")
        );
    }

    /// @notice Deploys the contracts of a network. None is owned by an account, but for an `AllowList`, whose
    /// owner the configuration names: what an owner may do, a timelock does, when the configured owner has
    /// announced it for as long as `timelockDelay` says.
    function deploy(string memory config) public returns (Deployment memory d) {
        if (block.chainid != DEVNET) _requireFloors(config);
        d.timelock = _deployTimelock(config);
        d.ezklVerifier = _deployGenerated(vm.parseJsonString(config, ".circuit"));
        d.alignmentVerifier = new AlignmentVerifier(
            d.ezklVerifier,
            vm.parseJsonBytes32(config, ".circuitId"),
            uint32(_uint(config, ".sampleSize", type(uint32).max)),
            vm.parseJsonBool(config, ".devnetSrs")
        );
        d.verifierRouter = new VerifierRouter(address(d.timelock), d.alignmentVerifier);
        d.randomness = new BlockHashRandomness();
        d.participation = _deployParticipation(config);
        // The registry of rounds and the others know each other for good, so these are told where it will be, and
        // where the vault will be. A transaction of the deployer's in between makes the registry's constructor
        // refuse; nothing is sent to a vault that is not there.
        bool hasVault = vm.keyExistsJson(config, ".vault");
        bool forfeitsToPot = hasVault && vm.parseJsonAddress(config, ".vault.asset") == address(0);
        d.nodeRegistry = new NodeRegistry(
            address(d.timelock),
            _futureAddress(3),
            forfeitsToPot ? _futureAddress(4) : payable(0),
            d.participation,
            vm.parseJsonStringArray(config, ".tasks"),
            _nodeRules(config)
        );
        d.networkParameters = new NetworkParameters(
            address(d.timelock),
            d.nodeRegistry,
            d.verifierRouter,
            _parameters(config),
            d.alignmentVerifier.circuitId()
        );
        d.coordinatorSet = new CoordinatorSet(
            address(d.timelock),
            IContributionRegistry(_futureAddress(1)),
            forfeitsToPot ? _futureAddress(2) : payable(0),
            _coordinatorRules(config),
            vm.parseJsonAddressArray(config, ".coordinators")
        );
        d.contributionRegistry = _deployRegistry(config, d);
        if (hasVault) d.rewardVault = _deployVault(config, address(d.timelock), d.contributionRegistry);
        if (forfeitsToPot) {
            require(
                d.nodeRegistry.beneficiary() == address(d.rewardVault)
                    && d.coordinatorSet.beneficiary() == address(d.rewardVault),
                "the vault is not where forfeits go: deploy again"
            );
        }
        _bondFirst(d.coordinatorSet, config);
    }

    /// @notice The contract that EZKL generated for a circuit: alignment-960 → Alignment960Verifier.
    function verifierName(string memory circuit) public pure returns (string memory) {
        bytes memory source = bytes(circuit);
        bytes memory name;
        bool wordStarts = true;
        for (uint256 i; i < source.length; ++i) {
            bytes1 letter = source[i];
            if (letter == "-") {
                wordStarts = true;
                continue;
            }
            if (wordStarts && letter >= "a" && letter <= "z") letter = bytes1(uint8(letter) - 32);
            name = bytes.concat(name, letter);
            wordStarts = false;
        }
        return string.concat(string(name), "Verifier");
    }

    function _deployTimelock(string memory config) private returns (TimelockController) {
        address owner = vm.parseJsonAddress(config, ".owner");
        uint256 delay = vm.parseJsonUint(config, ".timelockDelay");
        require(owner != address(0), ".owner is zero");
        address[] memory proposers = new address[](1);
        proposers[0] = owner;
        // Once the delay has passed anyone may carry a change out. No administrator: the timelock is its own.
        return new TimelockController(delay, proposers, new address[](1), address(0));
    }

    /// What lasts as long as on a devnet is there in name only.
    function _requireFloors(string memory config) private view {
        uint256 delay = vm.parseJsonUint(config, ".timelockDelay");
        require(delay >= LEAST_DELAY, ".timelockDelay is below a day");
        // Whoever does not want what is announced can be gone with its bond before it happens.
        require(delay >= vm.parseJsonUint(config, ".exitDelay"), ".timelockDelay is shorter than .exitDelay");
        require(
            vm.parseJsonUint(config, ".parameters.minCommitWindow") >= LEAST_COMMIT_WINDOW,
            ".parameters.minCommitWindow is below 5 minutes"
        );
        require(vm.parseJsonUint(config, ".idleRounds") >= LEAST_IDLE_ROUNDS, ".idleRounds is below 10");
        if (!vm.keyExistsJson(config, ".vault")) return;
        require(
            vm.parseJsonUint(config, ".vault.objectionWindow") >= LEAST_OBJECTION_WINDOW,
            ".vault.objectionWindow is below a day"
        );
    }

    /// Open, unless the configuration has a list's owner or a least size.
    function _deployParticipation(string memory config) private returns (IParticipation) {
        if (!vm.keyExistsJson(config, ".participation")) return new OpenParticipation();
        string memory kind = vm.parseJsonString(config, ".participation.kind");
        if (_same(kind, "open")) return new OpenParticipation();
        if (_same(kind, "allowList")) {
            return new AllowList(vm.parseJsonAddress(config, ".participation.owner"));
        }
        require(
            _same(kind, "minimumDataset"), ".participation.kind is none of open, allowList, minimumDataset"
        );
        uint256 minimum = _uint(config, ".participation.minimum", type(uint32).max);
        require(minimum != 0, ".participation.minimum is zero");
        // forge-lint: disable-next-line(unsafe-typecast)
        return new MinimumDataset(uint32(minimum));
    }

    function _deployGenerated(string memory circuit) private returns (address) {
        string memory name = verifierName(circuit);
        // Compiled apart from this script, with settings of its own (runs = 1).
        return vm.deployCode(string.concat(name, ".sol:", name));
    }

    /// The deployer may put up the first coordinator's bond; without one, nobody can open a round.
    function _bondFirst(CoordinatorSet set, string memory config) private {
        uint256 amount = vm.parseJsonUint(config, ".coordinatorRules.firstBondWei");
        if (amount != 0) set.bond{ value: amount }(set.coordinators()[0]);
    }

    function _coordinatorRules(string memory config) private pure returns (CoordinatorRules memory r) {
        r.bond = uint96(_uint(config, ".coordinatorRules.bondWei", type(uint96).max));
        r.penalty = uint96(_uint(config, ".coordinatorRules.penaltyWei", type(uint96).max));
        r.exitDelay = uint32(_uint(config, ".coordinatorRules.exitDelay", type(uint32).max));
        r.idleWindow = uint32(_uint(config, ".coordinatorRules.idleWindow", type(uint32).max));
    }

    /// Address of the contract that is deployed after `between` others.
    function _futureAddress(uint256 between) private returns (address payable) {
        (VmSafe.CallerMode mode, address sender,) = vm.readCallers();
        address deployer = mode == VmSafe.CallerMode.None ? address(this) : sender;
        return payable(vm.computeCreateAddress(deployer, vm.getNonce(deployer) + between));
    }

    function _nodeRules(string memory config) private pure returns (NodeRules memory r) {
        r.bondPerExampleWei = vm.parseJsonUint(config, ".bondPerExampleWei");
        r.minBondWei = uint96(_uint(config, ".minBondWei", type(uint96).max));
        r.idleRounds = uint8(_uint(config, ".idleRounds", type(uint8).max));
        r.maxNodes = uint16(_uint(config, ".parameters.maxNodes", type(uint16).max));
        r.exitDelay = uint32(_uint(config, ".exitDelay", type(uint32).max));
        r.faultLimit = uint8(_uint(config, ".faults.limit", type(uint8).max));
        r.faultWindow = uint8(_uint(config, ".faults.window", type(uint8).max));
        r.forfeitBps = uint16(_uint(config, ".faults.forfeitBps", type(uint16).max));
    }

    function _deployRegistry(string memory config, Deployment memory d)
        private
        returns (ContributionRegistry)
    {
        return new ContributionRegistry(
            d.coordinatorSet,
            Parts(d.networkParameters, d.randomness),
            vm.parseJsonBytes32(config, ".genesisDigest"),
            vm.parseJsonString(config, ".genesisCid"),
            vm.parseJsonBytes32(config, ".manifestDigest"),
            vm.parseJsonString(config, ".manifestCid")
        );
    }

    function _deployVault(string memory config, address owner, ContributionRegistry registry)
        private
        returns (RewardVault)
    {
        return new RewardVault(
            owner,
            vm.parseJsonAddress(config, ".vault.judge"),
            registry,
            vm.parseJsonAddress(config, ".vault.asset"),
            vm.parseJsonUint(config, ".vault.rateWeiPerNano"),
            uint64(_uint(config, ".vault.objectionWindow", type(uint64).max)),
            uint64(_uint(config, ".vault.rulingWindow", type(uint64).max)),
            vm.parseJsonUint(config, ".vault.objectionBond")
        );
    }

    function _parameters(string memory config) private pure returns (Parameters memory p) {
        p.minCommitWindow = uint32(_uint(config, ".parameters.minCommitWindow", type(uint32).max));
        p.commitWindow = uint32(_uint(config, ".parameters.commitWindow", type(uint32).max));
        p.collectWindow = uint32(_uint(config, ".parameters.collectWindow", type(uint32).max));
        p.sealWindow = uint32(_uint(config, ".parameters.sealWindow", type(uint32).max));
        p.challengeWindow = uint32(_uint(config, ".parameters.challengeWindow", type(uint32).max));
        p.provingWindow = uint32(_uint(config, ".parameters.provingWindow", type(uint32).max));
        p.finalizeWindow = uint32(_uint(config, ".parameters.finalizeWindow", type(uint32).max));
        p.quorum = uint16(_uint(config, ".parameters.quorum", type(uint16).max));
        p.maxNodes = uint16(_uint(config, ".parameters.maxNodes", type(uint16).max));
        p.minExponent = _int8(config, ".parameters.minExponent");
        p.maxExponent = _int8(config, ".parameters.maxExponent");
        p.maxWeightShareBps = uint16(_uint(config, ".parameters.maxWeightShareBps", type(uint16).max));
        p.zMin = uint8(_uint(config, ".parameters.zMin", type(uint8).max));
        p.maxRegressionNano = uint64(_uint(config, ".parameters.maxRegressionNano", type(uint64).max));
        p.parameterCount = uint64(_uint(config, ".parameters.parameterCount", type(uint64).max));
        p.framesPerTask = uint32(_uint(config, ".parameters.framesPerTask", type(uint32).max));
    }

    function _describe(string memory config, Deployment memory d) private returns (string memory) {
        string memory key = "deployment";
        vm.serializeUint(key, "chainId", block.chainid);
        // None of the contracts is older, so events are to be read from here on.
        vm.serializeUint(key, "block", block.number);
        vm.serializeAddress(key, "contributionRegistry", address(d.contributionRegistry));
        vm.serializeAddress(key, "timelock", address(d.timelock));
        vm.serializeAddress(key, "networkParameters", address(d.networkParameters));
        vm.serializeAddress(key, "nodeRegistry", address(d.nodeRegistry));
        vm.serializeAddress(key, "coordinatorSet", address(d.coordinatorSet));
        vm.serializeAddress(key, "alignmentVerifier", address(d.alignmentVerifier));
        vm.serializeAddress(key, "verifierRouter", address(d.verifierRouter));
        vm.serializeAddress(key, "randomness", address(d.randomness));
        vm.serializeAddress(key, "participation", address(d.participation));
        vm.serializeAddress(key, "ezklVerifier", d.ezklVerifier);
        if (address(d.rewardVault) != address(0)) {
            vm.serializeAddress(key, "rewardVault", address(d.rewardVault));
        }
        vm.serializeString(key, "circuit", vm.parseJsonString(config, ".circuit"));
        vm.serializeBytes32(key, "circuitId", d.alignmentVerifier.circuitId());
        return vm.serializeString(key, "abiDigest", vm.parseJsonString(config, ".abiDigest"));
    }

    function _same(string memory a, string memory b) private pure returns (bool) {
        return keccak256(bytes(a)) == keccak256(bytes(b));
    }

    function _uint(string memory config, string memory path, uint256 max)
        private
        pure
        returns (uint256 value)
    {
        value = vm.parseJsonUint(config, path);
        require(value <= max, string.concat(path, " is too large"));
    }

    function _int8(string memory config, string memory path) private pure returns (int8 value) {
        int256 wide = vm.parseJsonInt(config, path);
        require(wide >= type(int8).min && wide <= type(int8).max, string.concat(path, " is out of range"));
        // forge-lint: disable-next-line(unsafe-typecast)
        return int8(wide);
    }
}
