// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IAccessControl } from "@openzeppelin/contracts/access/IAccessControl.sol";
import { TimelockController } from "@openzeppelin/contracts/governance/TimelockController.sol";
import { ContributionGovernor } from "contracts/governance/ContributionGovernor.sol";
import { ContributionVotes } from "contracts/governance/ContributionVotes.sol";
import { ICreditSource } from "contracts/interfaces/ICreditSource.sol";
import { Script } from "forge-std/Script.sol";
import { console } from "forge-std/console.sol";

/// @title DeployGovernor
/// @notice Deploys votes and governor as a JSON file says (ZK0_GOVERNOR_CONFIG), and announces that the governor
/// takes the owner's place in the network's timelock. `finish` carries that out after the delay. See
/// docs/contracts.md.
/// @dev The sender is the present proposer of the timelock.
contract DeployGovernor is Script {
    /// @notice Entry point of `forge script`: deploys, and schedules the handover.
    function run() external returns (ContributionVotes votes, ContributionGovernor governor) {
        string memory config = vm.readFile(vm.envString("ZK0_GOVERNOR_CONFIG"));
        TimelockController timelock = _timelock(config);
        vm.startBroadcast();
        (votes, governor) = deploy(config);
        (address[] memory targets, bytes[] memory payloads) = handover(timelock, governor, msg.sender);
        timelock.scheduleBatch(targets, new uint256[](4), payloads, 0, 0, timelock.getMinDelay());
        vm.stopBroadcast();
        console.log("votes", address(votes));
        console.log("governor", address(governor));
        console.log("the governor takes over after seconds:", timelock.getMinDelay());
    }

    /// @notice Carries the handover out, once the delay has passed. Anyone.
    /// @param governor What `run` deployed.
    /// @param previous Who proposed until then.
    function finish(ContributionGovernor governor, address previous) external {
        TimelockController timelock = TimelockController(payable(governor.timelock()));
        (address[] memory targets, bytes[] memory payloads) = handover(timelock, governor, previous);
        vm.startBroadcast();
        timelock.executeBatch(targets, new uint256[](4), payloads, 0, 0);
        vm.stopBroadcast();
    }

    /// @notice Deploys votes and governor.
    function deploy(string memory config)
        public
        returns (ContributionVotes votes, ContributionGovernor governor)
    {
        votes = new ContributionVotes(ICreditSource(vm.parseJsonAddress(config, ".contributionRegistry")));
        governor = new ContributionGovernor(
            votes,
            _timelock(config),
            uint48(_uint(config, ".votingDelay", type(uint48).max)),
            uint32(_uint(config, ".votingPeriod", type(uint32).max)),
            vm.parseJsonUint(config, ".proposalThreshold"),
            vm.parseJsonUint(config, ".quorumPercent"),
            vm.parseJsonUint(config, ".minimumQuorum")
        );
    }

    /// @notice The calls that put the governor in the place of who proposed and cancelled before.
    function handover(TimelockController timelock, ContributionGovernor governor, address previous)
        public
        view
        returns (address[] memory targets, bytes[] memory payloads)
    {
        bytes32 proposer = timelock.PROPOSER_ROLE();
        bytes32 canceller = timelock.CANCELLER_ROLE();
        targets = new address[](4);
        payloads = new bytes[](4);
        for (uint256 i; i < 4; ++i) {
            targets[i] = address(timelock);
        }
        payloads[0] = abi.encodeCall(IAccessControl.grantRole, (proposer, address(governor)));
        payloads[1] = abi.encodeCall(IAccessControl.grantRole, (canceller, address(governor)));
        payloads[2] = abi.encodeCall(IAccessControl.revokeRole, (proposer, previous));
        payloads[3] = abi.encodeCall(IAccessControl.revokeRole, (canceller, previous));
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
