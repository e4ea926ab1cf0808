// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IAccessControl } from "@openzeppelin/contracts/access/IAccessControl.sol";
import { TimelockController } from "@openzeppelin/contracts/governance/TimelockController.sol";
import { Math } from "@openzeppelin/contracts/utils/math/Math.sol";
import { ContributionGovernor } from "contracts/governance/ContributionGovernor.sol";
import { ContributionVotes } from "contracts/governance/ContributionVotes.sol";
import { IContributionRegistry } from "contracts/interfaces/IContributionRegistry.sol";
import { ICreditSource } from "contracts/interfaces/ICreditSource.sol";
import { Script } from "forge-std/Script.sol";
import { VmSafe } from "forge-std/Vm.sol";
import { console } from "forge-std/console.sol";

/// @title DeployGovernor
/// @notice Deploys votes and governor as a JSON file says (ZK0_GOVERNOR_CONFIG), and announces that the governor
/// takes the owner's place in the network's timelock. `finish` carries that out after the delay. See
/// docs/contracts.md.
/// @dev The sender of `run` is the present proposer of the timelock. What `finish` refuses is for people: after the
/// delay anyone can have the timelock execute the handover without it. What can be asked of the chain's state is part
/// of the handover, and holds for everybody: `requireDecisive`, `requireUndivided`.
contract DeployGovernor is Script {
    /// A round's votes. More must be asked for: the first contributor of all, if nobody else is credited in its
    /// round, has as many alone.
    uint256 internal constant ROUND_VOTES = 1e18;

    /// Blocks that are asked for at a time: public nodes refuse longer ranges.
    uint256 internal constant PAGE = 5000;

    /// @notice Entry point of `forge script`: deploys, and schedules the handover.
    function run() external returns (ContributionVotes votes, ContributionGovernor governor) {
        string memory config = _config();
        TimelockController timelock = _timelock(config);
        vm.startBroadcast();
        (votes, governor) = deploy(config);
        (address[] memory targets, bytes[] memory payloads) = handover(config, governor, msg.sender);
        timelock.scheduleBatch(targets, new uint256[](targets.length), payloads, 0, 0, timelock.getMinDelay());
        vm.stopBroadcast();
        console.log("votes", address(votes));
        console.log("governor", address(governor));
        console.log("the governor takes over after seconds:", timelock.getMinDelay());
    }

    /// @notice Carries the handover out, once the delay has passed. Anyone.
    /// @dev Reads the timelock's events since the configuration's block, so it needs --rpc-url.
    /// @param governor What `run` deployed.
    /// @param previous Who proposed until then.
    function finish(ContributionGovernor governor, address previous) external {
        string memory config = _config();
        TimelockController timelock = TimelockController(payable(governor.timelock()));
        (address[] memory targets, bytes[] memory payloads) = handover(config, governor, previous);
        uint256[] memory values = new uint256[](targets.length);
        governor.requireDecisive();
        governor.requireUndivided(ownedContracts(config), vm.parseJsonUint(config, ".timelockDelay"));
        uint256 first = vm.parseJsonUint(config, ".block");
        _requireAlone(timelock, governor, previous, first);
        _requireNothingPending(timelock, timelock.hashOperationBatch(targets, values, payloads, 0, 0), first);
        vm.startBroadcast();
        timelock.executeBatch(targets, values, payloads, 0, 0);
        vm.stopBroadcast();
    }

    /// @notice Deploys votes and governor.
    function deploy(string memory config)
        public
        returns (ContributionVotes votes, ContributionGovernor governor)
    {
        uint256 minimumQuorum = vm.parseJsonUint(config, ".minimumQuorum");
        uint256 threshold = vm.parseJsonUint(config, ".proposalThreshold");
        require(minimumQuorum > ROUND_VOTES, ".minimumQuorum is not above a round's votes, 10^18");
        require(threshold != 0, ".proposalThreshold is zero: anybody could propose");
        require(threshold <= minimumQuorum, ".proposalThreshold is above .minimumQuorum");
        votes = new ContributionVotes(ICreditSource(vm.parseJsonAddress(config, ".contributionRegistry")));
        governor = new ContributionGovernor(
            votes,
            _timelock(config),
            uint48(_uint(config, ".votingDelay", type(uint48).max)),
            uint32(_uint(config, ".votingPeriod", type(uint32).max)),
            threshold,
            vm.parseJsonUint(config, ".quorumPercent"),
            minimumQuorum
        );
        governor.requireUndivided(ownedContracts(config), vm.parseJsonUint(config, ".timelockDelay"));
    }

    /// @notice The calls that put the governor in the place of who proposed and cancelled before, if it can decide,
    /// and if nothing that the timelock had is somebody else's or about to be.
    function handover(string memory config, ContributionGovernor governor, address previous)
        public
        view
        returns (address[] memory targets, bytes[] memory payloads)
    {
        TimelockController timelock = _timelock(config);
        bytes32 proposer = timelock.PROPOSER_ROLE();
        bytes32 canceller = timelock.CANCELLER_ROLE();
        targets = new address[](7);
        payloads = new bytes[](7);
        (targets[0], targets[1]) = (address(governor), address(governor));
        for (uint256 i = 2; i < 7; ++i) {
            targets[i] = address(timelock);
        }
        payloads[0] = abi.encodeCall(ContributionGovernor.requireDecisive, ());
        payloads[1] = abi.encodeCall(
            ContributionGovernor.requireUndivided,
            (ownedContracts(config), vm.parseJsonUint(config, ".timelockDelay"))
        );
        payloads[2] = abi.encodeCall(IAccessControl.grantRole, (proposer, address(governor)));
        payloads[3] = abi.encodeCall(IAccessControl.grantRole, (canceller, address(governor)));
        payloads[4] = abi.encodeCall(IAccessControl.revokeRole, (proposer, previous));
        payloads[5] = abi.encodeCall(IAccessControl.revokeRole, (canceller, previous));
        payloads[6] = abi.encodeCall(IAccessControl.revokeRole, (timelock.DEFAULT_ADMIN_ROLE(), previous));
    }

    /// @notice What the timelock must own: the network, and whatever else `.owned` lists.
    function ownedContracts(string memory config) public view returns (address[] memory owned) {
        IContributionRegistry registry =
            IContributionRegistry(vm.parseJsonAddress(config, ".contributionRegistry"));
        address[] memory others;
        if (vm.keyExistsJson(config, ".owned")) others = vm.parseJsonAddressArray(config, ".owned");
        owned = new address[](4 + others.length);
        owned[0] = address(registry.networkParameters());
        owned[1] = address(registry.nodeRegistry());
        owned[2] = address(registry.verifierRouter());
        owned[3] = address(registry.coordinators());
        for (uint256 i; i < others.length; ++i) {
            owned[4 + i] = others[i];
        }
    }

    /// Nobody else has ever been given the right to propose or cancel, or to give it, and kept it.
    function _requireAlone(
        TimelockController timelock,
        ContributionGovernor governor,
        address previous,
        uint256 first
    ) private {
        bytes32[] memory topics = new bytes32[](1);
        topics[0] = IAccessControl.RoleGranted.selector;
        bytes32 proposer = timelock.PROPOSER_ROLE();
        bytes32 canceller = timelock.CANCELLER_ROLE();
        bytes32 administrator = timelock.DEFAULT_ADMIN_ROLE();
        for (uint256 from = first; from <= block.number; from += PAGE) {
            VmSafe.EthGetLogs[] memory logs = _logs(address(timelock), from, topics);
            for (uint256 i; i < logs.length; ++i) {
                bytes32 role = logs[i].topics[1];
                address account = address(uint160(uint256(logs[i].topics[2])));
                if (role == administrator) {
                    // It would give itself any role, at once and without a vote.
                    require(
                        account == address(timelock) || !timelock.hasRole(role, account),
                        string.concat("this account administers the timelock: ", vm.toString(account))
                    );
                } else if (role == proposer || role == canceller) {
                    if (account == previous || account == address(governor)) continue;
                    require(
                        !timelock.hasRole(role, account),
                        string.concat("this account can propose or cancel too: ", vm.toString(account))
                    );
                }
            }
        }
    }

    /// What was announced before the handover could be executed after it, and no vote could stop it in time.
    function _requireNothingPending(TimelockController timelock, bytes32 own, uint256 first) private {
        bytes32[] memory topics = new bytes32[](1);
        topics[0] = TimelockController.CallScheduled.selector;
        uint256 pending;
        for (uint256 from = first; from <= block.number; from += PAGE) {
            VmSafe.EthGetLogs[] memory logs = _logs(address(timelock), from, topics);
            for (uint256 i; i < logs.length; ++i) {
                bytes32 operation = logs[i].topics[1];
                if (operation == own || !timelock.isOperationPending(operation)) continue;
                ++pending;
                console.log("pending:", vm.toString(operation));
            }
        }
        require(pending == 0, "other operations are pending: execute or cancel those listed");
    }

    function _logs(address emitter, uint256 from, bytes32[] memory topics)
        private
        returns (VmSafe.EthGetLogs[] memory)
    {
        return vm.eth_getLogs(from, Math.min(from + PAGE - 1, block.number), emitter, topics);
    }

    function _config() private view returns (string memory) {
        return vm.readFile(vm.envString("ZK0_GOVERNOR_CONFIG"));
    }

    function _timelock(string memory config) private pure returns (TimelockController) {
        return TimelockController(payable(vm.parseJsonAddress(config, ".timelock")));
    }

    function _uint(string memory config, string memory path, uint256 max)
        private
        pure
        returns (uint256 value)
    {
        value = vm.parseJsonUint(config, path);
        require(value <= max, string.concat(path, " is too large"));
    }
}
