// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { MoodyToken } from "./doubles/Tokens.sol";
import { Ownable } from "@openzeppelin/contracts/access/Ownable.sol";
import { IParticipation } from "contracts/interfaces/IParticipation.sol";
import { AllowList } from "contracts/participation/AllowList.sol";
import { Test } from "forge-std/Test.sol";
import { Deploy } from "scripts/deploy/Deploy.s.sol";

contract DeployTest is Test {
    Deploy internal script;

    function setUp() public {
        script = new Deploy();
        vm.deal(address(script), 1 ether);
    }

    string internal constant COORDINATORS = '"coordinators":["0x00000000000000000000000000000000000000a2","0x00000000000000000000000000000000000000A3"],'
        '"coordinatorRules":{"bondWei":"100","exitDelay":3600,"penaltyWei":"40","idleWindow":600,'
        '"firstBondWei":"250"},"tasks":["pick","push"],';

    string internal constant VAULT = ',"vault":{"asset":"0x0000000000000000000000000000000000000000",'
        '"judge":"0x00000000000000000000000000000000000000c3","rateWeiPerNano":"7","objectionWindow":60,"rulingWindow":120,"objectionBond":"100000000000000000"}';

    function _config(string memory maxNodes) internal pure returns (string memory) {
        return _config(maxNodes, VAULT);
    }

    function _config(string memory maxNodes, string memory vault) internal pure returns (string memory) {
        string memory parameters = string.concat(
            '"faults":{"limit":3,"window":10,"forfeitBps":2500},"parameters":{"minCommitWindow":1,',
            '"commitWindow":2,"collectWindow":3,"sealWindow":4,"challengeWindow":5,"provingWindow":6,',
            '"finalizeWindow":7,"quorum":2,"maxNodes":',
            maxNodes,
            ',"minExponent":-24,"maxExponent":-8,"maxWeightShareBps":5000,"zMin":4,"maxRegressionNano":9,',
            '"parameterCount":314016,"framesPerTask":16},"circuit":"alignment-960","circuitId":"0x',
            "00000000000000000000000000000000000000000000000000000000000000c1"
        );
        return string.concat(
            '{"owner":"0x00000000000000000000000000000000000000A1",',
            COORDINATORS,
            '"timelockDelay":3600,"bondPerExampleWei":"1000000000","minBondWei":"5000000000","idleRounds":20,"exitDelay":36000,',
            parameters,
            '","sampleSize":960,"devnetSrs":true,"genesisDigest":"0x',
            "00000000000000000000000000000000000000000000000000000000000000c2",
            '","genesisCid":"g","manifestDigest":"0x',
            "00000000000000000000000000000000000000000000000000000000000000c3",
            '","manifestCid":"m","abiDigest":"d"',
            vault,
            "}"
        );
    }

    function test_DeploysWhatTheConfigurationSays() public {
        Deploy.Deployment memory d = script.deploy(_config("16"));
        assertEq(address(d.contributionRegistry.nodeRegistry()), address(d.nodeRegistry));
        assertEq(address(d.contributionRegistry.networkParameters()), address(d.networkParameters));
        assertEq(d.networkParameters.circuitId(), d.alignmentVerifier.circuitId());
        assertEq(
            address(d.verifierRouter.verifierOf(d.networkParameters.circuitId())),
            address(d.alignmentVerifier)
        );
        assertEq(address(d.alignmentVerifier.ezklVerifier()), d.ezklVerifier);
        assertEq(address(d.contributionRegistry.coordinators()), address(d.coordinatorSet));
        assertEq(d.coordinatorSet.owner(), address(d.timelock));
        assertEq(d.coordinatorSet.coordinators()[1], address(0xA3));
        assertEq(d.coordinatorSet.seat(address(0xA2)).bond, 250);
        assertEq(d.coordinatorSet.rules().penalty, 40);
        assertEq(d.coordinatorSet.rules().exitDelay, 3600);
        assertEq(d.contributionRegistry.coordinator(), address(0xA2));
        assertEq(d.nodeRegistry.owner(), address(d.timelock));
        assertEq(d.networkParameters.owner(), address(d.timelock));
        assertEq(d.verifierRouter.owner(), address(d.timelock));
        assertEq(d.nodeRegistry.tasks()[1], "push");
        assertEq(d.nodeRegistry.bondPerExampleWei(), 1 gwei);
        assertEq(d.nodeRegistry.minBondWei(), 5 gwei);
        assertEq(d.nodeRegistry.idleRounds(), 20);
        assertEq(d.nodeRegistry.exitDelay(), 36_000);
        assertEq(d.nodeRegistry.maxNodes(), 16);
        assertEq(d.networkParameters.parameters().finalizeWindow, 7);
        assertEq(d.networkParameters.parameters().minExponent, -24);
        assertEq(d.networkParameters.parameters().framesPerTask, 16);
        assertEq(d.nodeRegistry.registry(), address(d.contributionRegistry));
        assertEq(d.nodeRegistry.faultLimit(), 3);
        assertEq(d.nodeRegistry.faultWindow(), 10);
        assertEq(d.nodeRegistry.forfeitBps(), 2500);
        assertEq(d.alignmentVerifier.circuitId(), bytes32(uint256(0xC1)));
        assertEq(d.contributionRegistry.head(), bytes32(uint256(0xC2)));
        assertEq(d.contributionRegistry.manifestDigest(), bytes32(uint256(0xC3)));
    }

    function test_TheVaultPaysForTheRegistrysRounds() public {
        Deploy.Deployment memory d = script.deploy(_config("16"));
        assertEq(address(d.rewardVault.source()), address(d.contributionRegistry));
        assertEq(d.rewardVault.owner(), address(d.timelock));
        assertEq(d.rewardVault.judge(), address(0xC3));
        assertEq(d.rewardVault.asset(), address(0));
        assertEq(d.rewardVault.rateWeiPerNano(1), 7);
        assertEq(d.rewardVault.objectionWindow(), 60);
        assertEq(d.rewardVault.rulingWindow(), 120);
        assertEq(d.rewardVault.objectionBond(), 0.1 ether);
    }

    function test_ForfeitsGoToTheVault() public {
        Deploy.Deployment memory d = script.deploy(_config("16"));
        assertEq(d.nodeRegistry.beneficiary(), address(d.rewardVault));
        assertEq(d.coordinatorSet.beneficiary(), address(d.rewardVault));
    }

    function test_AVaultOfTokensTakesNoForfeits() public {
        string memory vault = vm.replace(
            VAULT, "0x0000000000000000000000000000000000000000", vm.toString(address(new MoodyToken()))
        );
        Deploy.Deployment memory d = script.deploy(_config("16", vault));
        assertNotEq(d.rewardVault.asset(), address(0));
        assertEq(d.nodeRegistry.beneficiary(), address(0));
        assertEq(d.coordinatorSet.beneficiary(), address(0));
    }

    function test_ANetworkNeedsNoVault() public {
        Deploy.Deployment memory d = script.deploy(_config("16", ""));
        assertEq(address(d.rewardVault), address(0));
        assertNotEq(address(d.contributionRegistry), address(0));
        assertEq(d.nodeRegistry.beneficiary(), address(0));
        assertEq(d.coordinatorSet.beneficiary(), address(0));
    }

    function _withParticipation(string memory participation) internal pure returns (string memory) {
        return _config("16", string.concat(VAULT, ',"participation":', participation));
    }

    function test_WhoMayJoinIsChosen() public {
        IParticipation participation = script.deploy(_config("16")).participation;
        assertTrue(participation.isAdmitted(address(0xB1), 0, 1), "open unless it says otherwise");

        participation = script.deploy(_withParticipation('{"kind":"open"}')).participation;
        assertTrue(participation.isAdmitted(address(0xB1), 0, 1));

        participation =
        script.deploy(
            _withParticipation('{"kind":"allowList","owner":"0x00000000000000000000000000000000000000b2"}')
        )
        .participation;
        assertFalse(participation.isAdmitted(address(0xB1), 0, 1));
        vm.prank(address(0xB2));
        AllowList(address(participation)).allow(address(0xB1), true);
        assertTrue(participation.isAdmitted(address(0xB1), 0, 1));

        participation =
        script.deploy(_withParticipation('{"kind":"minimumDataset","minimum":50}')).participation;
        assertFalse(participation.isAdmitted(address(0xB1), 0, 49));
        assertTrue(participation.isAdmitted(address(0xB1), 0, 50));
    }

    function test_TheNodesHaveTheChosenParticipation() public {
        Deploy.Deployment memory d =
            script.deploy(_withParticipation('{"kind":"minimumDataset","minimum":50}'));
        assertEq(address(d.nodeRegistry.participation()), address(d.participation));
    }

    function test_RevertWhen_TheParticipationIsUnknown() public {
        vm.expectRevert(bytes(".participation.kind is none of open, allowList, minimumDataset"));
        script.deploy(_withParticipation('{"kind":"closed"}'));
    }

    function test_RevertWhen_TheMinimumDatasetIsZero() public {
        vm.expectRevert(bytes(".participation.minimum is zero"));
        script.deploy(_withParticipation('{"kind":"minimumDataset","minimum":0}'));
    }

    function test_RevertWhen_TheAllowListHasNoOwner() public {
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableInvalidOwner.selector, address(0)));
        script.deploy(
            _withParticipation('{"kind":"allowList","owner":"0x0000000000000000000000000000000000000000"}')
        );
    }

    function test_RevertWhen_ANumberDoesNotFit() public {
        vm.expectRevert(bytes(".parameters.maxNodes is too large"));
        script.deploy(_config("65792")); // 256 if it were cut off
    }

    /// Cut off, they would be those of the configuration again.
    function test_RevertWhen_AnExponentDoesNotFit() public {
        string memory config = _config("16");
        vm.expectRevert(bytes(".parameters.minExponent is out of range"));
        script.deploy(vm.replace(config, '"minExponent":-24', '"minExponent":-280'));
        vm.expectRevert(bytes(".parameters.maxExponent is out of range"));
        script.deploy(vm.replace(config, '"maxExponent":-8', '"maxExponent":248'));
    }

    /// The timelock would carry nothing out, ever.
    function test_RevertWhen_NobodyOwnsTheNetwork() public {
        vm.expectRevert(bytes(".owner is zero"));
        script.deploy(
            vm.replace(
                _config("16"),
                "00000000000000000000000000000000000000A1",
                "0000000000000000000000000000000000000000"
            )
        );
    }

    function test_NamesOfGeneratedVerifiers() public view {
        assertEq(script.verifierName("alignment-960"), "Alignment960Verifier");
        assertEq(script.verifierName("alignment-3840"), "Alignment3840Verifier");
    }

    function test_GeneratedVerifiersFitOnAChain() public {
        assertLe(vm.deployCode("Alignment960Verifier.sol:Alignment960Verifier").code.length, 24_576);
        assertLe(vm.deployCode("Alignment3840Verifier.sol:Alignment3840Verifier").code.length, 24_576);
        assertLe(address(script.deploy(_config("16")).contributionRegistry).code.length, 24_576);
    }
}
