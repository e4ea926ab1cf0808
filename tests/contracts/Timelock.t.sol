// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IAccessControl } from "@openzeppelin/contracts/access/IAccessControl.sol";
import { Ownable } from "@openzeppelin/contracts/access/Ownable.sol";
import { TimelockController } from "@openzeppelin/contracts/governance/TimelockController.sol";
import { INetworkParameters } from "contracts/interfaces/INetworkParameters.sol";
import { IPermanentlyOwned } from "contracts/interfaces/IPermanentlyOwned.sol";
import { AllowList } from "contracts/participation/AllowList.sol";
import { Parameters } from "contracts/types/Parameters.sol";
import { Test } from "forge-std/Test.sol";
import { Deploy } from "scripts/deploy/Deploy.s.sol";

/// @notice A network as the script deploys it: nothing changes in it without the delay.
contract TimelockTest is Test {
    uint256 internal constant DELAY = 3600;
    address internal constant OWNER = address(0xA1);

    Deploy internal script;
    Deploy.Deployment internal d;
    TimelockController internal timelock;
    address internal stranger = makeAddr("stranger");

    function setUp() public {
        vm.warp(1_700_000_000);
        script = new Deploy();
        vm.deal(address(script), 1 ether);
        d = script.deploy(_config(DELAY, true));
        timelock = d.timelock;
    }

    function _config(uint256 delay, bool devnetSrs) internal pure returns (string memory) {
        return string.concat(
            '{"owner":"0x00000000000000000000000000000000000000A1",',
            '"coordinators":["0x00000000000000000000000000000000000000a2"],',
            '"coordinatorRules":{"bondWei":"100","exitDelay":3600,"penaltyWei":"40","idleWindow":600,',
            '"firstBondWei":"100"},"faults":{"limit":3,"window":10,"forfeitBps":2500},"tasks":["pick","push"],',
            '"timelockDelay":',
            vm.toString(delay),
            ',"bondPerExampleWei":"1000000000","minBondWei":"5000000000","idleRounds":20,"exitDelay":36000,"parameters":{"minCommitWindow":1,',
            '"commitWindow":2,"collectWindow":3,"sealWindow":4,"challengeWindow":5,"provingWindow":6,',
            '"finalizeWindow":7,"quorum":2,"maxNodes":16,"minExponent":-24,"maxExponent":-8,',
            '"maxWeightShareBps":5000,"zMin":4,"maxRegressionNano":9,"parameterCount":314016,',
            '"framesPerTask":16},"circuit":"alignment-960","circuitId":"0x',
            "00000000000000000000000000000000000000000000000000000000000000c1",
            '","sampleSize":960,"devnetSrs":',
            devnetSrs ? "true" : "false",
            ',"genesisDigest":"0x00000000000000000000000000000000000000000000000000000000000000c2",',
            '"genesisCid":"g","manifestDigest":"0x',
            "00000000000000000000000000000000000000000000000000000000000000c3",
            '","manifestCid":"m","abiDigest":"d"}'
        );
    }

    /// As fast as the windows of the devnet are, nothing that takes people's time is worth anything.
    function _slowConfig() internal pure returns (string memory) {
        return vm.replace(
            _config(1 days, false),
            '"minCommitWindow":1,"commitWindow":2,',
            '"minCommitWindow":300,"commitWindow":300,'
        );
    }

    function _withVault(string memory config, string memory window) internal pure returns (string memory) {
        string memory vault = string.concat(
            '"vault":{"asset":"0x0000000000000000000000000000000000000000","judge":"0x',
            '00000000000000000000000000000000000000c3","rateWeiPerNano":"7","rulingWindow":120,',
            '"objectionBond":"1","objectionWindow":',
            window,
            '},"owner"'
        );
        return vm.replace(config, '"owner"', vault);
    }

    function _change() internal view returns (bytes memory) {
        Parameters memory p = d.networkParameters.parameters();
        p.zMin = 5;
        return abi.encodeCall(INetworkParameters.setParameters, (p, d.networkParameters.circuitId()));
    }

    function _schedule(address target, bytes memory call) internal {
        vm.prank(OWNER);
        timelock.schedule(target, 0, call, 0, 0, DELAY);
    }

    function _execute(address target, bytes memory call) internal {
        vm.prank(stranger);
        timelock.execute(target, 0, call, 0, 0);
    }

    function test_RulesChangeOnceTheDelayHasPassed() public {
        _schedule(address(d.networkParameters), _change());
        assertEq(d.networkParameters.version(), 1);
        bytes memory change = _change();
        bytes32 id = timelock.hashOperation(address(d.networkParameters), 0, change, 0, 0);
        vm.warp(block.timestamp + DELAY - 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                TimelockController.TimelockUnexpectedOperationState.selector,
                id,
                bytes32(uint256(1) << uint8(TimelockController.OperationState.Ready))
            )
        );
        _execute(address(d.networkParameters), change);
        vm.warp(block.timestamp + 1);
        _execute(address(d.networkParameters), change);
        assertEq(d.networkParameters.version(), 2);
        assertEq(d.networkParameters.parameters().zMin, 5);
        vm.prank(address(0xA2));
        d.contributionRegistry.openRound("pool");
        assertEq(d.contributionRegistry.round(1).parametersVersion, 2);
    }

    function test_TheOwnerCanWithdrawAChange() public {
        bytes memory change = _change();
        _schedule(address(d.networkParameters), change);
        bytes32 id = timelock.hashOperation(address(d.networkParameters), 0, change, 0, 0);
        vm.prank(OWNER);
        timelock.cancel(id);
        vm.warp(block.timestamp + DELAY);
        vm.expectPartialRevert(TimelockController.TimelockUnexpectedOperationState.selector);
        _execute(address(d.networkParameters), change);
    }

    /// Everything that an owner may do, by those who could be thought to be one.
    function test_RevertWhen_AnOwnersFunctionIsCalledDirectly() public {
        Parameters memory p = d.networkParameters.parameters();
        bytes32 circuit = d.networkParameters.circuitId();
        address[3] memory callers = [OWNER, address(0xA2), address(script)];
        for (uint256 i; i < callers.length; ++i) {
            bytes memory refusal =
                abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, callers[i]);
            vm.startPrank(callers[i]);
            vm.expectRevert(refusal);
            d.networkParameters.setParameters(p, circuit);
            vm.expectRevert(refusal);
            d.coordinatorSet.approve(callers[i]);
            vm.expectRevert(refusal);
            d.coordinatorSet.remove(address(0xA2));
            vm.expectRevert(refusal);
            d.coordinatorSet.setBeneficiary(payable(address(d.timelock)));
            vm.expectRevert(refusal);
            d.nodeRegistry.setBeneficiary(payable(address(d.timelock)));
            vm.expectRevert(refusal);
            d.nodeRegistry.addTask("stack");
            vm.expectRevert(refusal);
            d.verifierRouter.add(d.alignmentVerifier);
            vm.expectRevert(refusal);
            d.verifierRouter.freeze(circuit);
            vm.expectRevert(refusal);
            d.nodeRegistry.transferOwnership(callers[i]);
            vm.stopPrank();
        }
    }

    function test_RevertWhen_AStrangerAnnouncesAChange() public {
        bytes memory change = _change();
        bytes32 proposer = timelock.PROPOSER_ROLE();
        vm.expectRevert(
            abi.encodeWithSelector(
                IAccessControl.AccessControlUnauthorizedAccount.selector, stranger, proposer
            )
        );
        vm.prank(stranger);
        timelock.schedule(address(d.networkParameters), 0, change, 0, 0, DELAY);
    }

    function test_RevertWhen_TheDelayIsCutShort() public {
        bytes memory change = _change();
        vm.expectRevert(
            abi.encodeWithSelector(TimelockController.TimelockInsufficientDelay.selector, DELAY - 1, DELAY)
        );
        vm.prank(OWNER);
        timelock.schedule(address(d.networkParameters), 0, change, 0, 0, DELAY - 1);
        vm.expectRevert(abi.encodeWithSelector(TimelockController.TimelockUnauthorizedCaller.selector, OWNER));
        vm.prank(OWNER);
        timelock.updateDelay(0);
    }

    function test_NobodyAdministersTheTimelockButItself() public view {
        bytes32 admin = timelock.DEFAULT_ADMIN_ROLE();
        assertTrue(timelock.hasRole(admin, address(timelock)));
        assertFalse(timelock.hasRole(admin, OWNER));
        assertFalse(timelock.hasRole(admin, address(script)));
        assertTrue(timelock.hasRole(timelock.EXECUTOR_ROLE(), address(0)), "anyone executes");
    }

    function test_RevertWhen_TheDelayIsBelowADayOffTheDevnet() public {
        vm.chainId(1);
        vm.expectRevert(bytes(".timelockDelay is below a day"));
        script.deploy(vm.replace(_slowConfig(), "86400", "86399"));
        script.deploy(_slowConfig());
    }

    function test_RevertWhen_TheDelayIsShorterThanTheExitOffTheDevnet() public {
        string memory config = vm.replace(_slowConfig(), '"exitDelay":36000', '"exitDelay":86401');
        vm.chainId(1);
        vm.expectRevert(bytes(".timelockDelay is shorter than .exitDelay"));
        script.deploy(config);
        script.deploy(vm.replace(config, "86401", "86400"));
    }

    function test_RevertWhen_WindowsAreThoseOfADevnetOffTheDevnet() public {
        vm.chainId(1);
        string memory config = _slowConfig();
        vm.expectRevert(bytes(".parameters.minCommitWindow is below 5 minutes"));
        script.deploy(vm.replace(config, '"minCommitWindow":300', '"minCommitWindow":299'));
        vm.expectRevert(bytes(".idleRounds is below 10"));
        script.deploy(vm.replace(config, '"idleRounds":20', '"idleRounds":9'));
        script.deploy(vm.replace(config, '"idleRounds":20', '"idleRounds":10'));
        vm.expectRevert(bytes(".vault.objectionWindow is below a day"));
        script.deploy(_withVault(config, "86399"));
        script.deploy(_withVault(config, "86400"));
    }

    /// Without an owner nothing could ever be approved, frozen or added.
    function test_RevertWhen_OwnershipIsGivenUp() public {
        address[5] memory owned = [
            address(new AllowList(address(timelock))),
            address(d.networkParameters),
            address(d.nodeRegistry),
            address(d.verifierRouter),
            address(d.coordinatorSet)
        ];
        for (uint256 i; i < owned.length; ++i) {
            vm.expectRevert(IPermanentlyOwned.PermanentlyOwned_CannotRenounce.selector);
            vm.prank(address(timelock));
            Ownable(owned[i]).renounceOwnership();
            assertEq(Ownable(owned[i]).owner(), address(timelock));
        }
    }
}
