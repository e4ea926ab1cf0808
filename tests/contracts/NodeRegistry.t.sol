// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Ownable } from "@openzeppelin/contracts/access/Ownable.sol";
import { ReentrancyGuardTransient } from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import { NodeRegistry } from "contracts/NodeRegistry.sol";
import { INodeRegistry as I } from "contracts/interfaces/INodeRegistry.sol";
import { OpenParticipation } from "contracts/participation/OpenParticipation.sol";
import { Node } from "contracts/types/Node.sol";
import { NodeRules } from "contracts/types/NodeRules.sol";
import { NodeStatus } from "contracts/types/NodeStatus.sol";
import { Test } from "forge-std/Test.sol";

contract NodeRegistryTest is Test {
    uint256 internal constant BOND = 3 gwei;
    uint32 internal constant DELAY = 1 days;

    address internal constant ROUNDS = address(0x7e9); // the registry of rounds

    address internal owner = makeAddr("owner");
    address internal alice = makeAddr("alice");
    address internal bob = makeAddr("bob");
    NodeRegistry internal registry;

    OpenParticipation internal open = new OpenParticipation();

    function setUp() public {
        vm.warp(1_700_000_000);
        registry = new NodeRegistry(
            owner, ROUNDS, payable(0), new OpenParticipation(), _names("pick", "push"), _rules()
        );
        vm.deal(alice, 1 ether);
        vm.deal(bob, 1 ether);
    }

    function _names(string memory a, string memory b) internal pure returns (string[] memory names) {
        names = new string[](2);
        (names[0], names[1]) = (a, b);
    }

    function _rules() internal pure returns (NodeRules memory) {
        return NodeRules(BOND, 1, 2, DELAY, 3, 5, 2500, 3);
    }

    function _join(address node, uint8 task, uint32 size) internal {
        vm.prank(node);
        registry.join{ value: size * BOND }(task, size, "key");
    }

    // ---------------------------------------------------------------- construction

    function test_Construction() public view {
        assertEq(registry.owner(), owner);
        assertEq(registry.bondPerExampleWei(), BOND);
        assertEq(registry.maxNodes(), 2);
        assertEq(registry.exitDelay(), DELAY);
        assertEq(registry.taskCount(), 2);
        assertEq(registry.tasks()[1], "push");
    }

    function test_RevertWhen_ConstructedWithoutTasks() public {
        vm.expectRevert(I.NodeRegistry_NoTask.selector);
        new NodeRegistry(owner, ROUNDS, payable(0), open, new string[](0), _rules());
    }

    function test_RevertWhen_ConstructedWithRepeatedTask() public {
        vm.expectRevert(abi.encodeWithSelector(I.NodeRegistry_TaskExists.selector, "pick"));
        new NodeRegistry(owner, ROUNDS, payable(0), open, _names("pick", "pick"), _rules());
    }

    function test_RevertWhen_MaxNodesOutOfRange() public {
        NodeRules memory r = _rules();
        r.maxNodes = 0;
        vm.expectRevert(abi.encodeWithSelector(I.NodeRegistry_MaxNodesOutOfRange.selector, 256, 0));
        new NodeRegistry(owner, ROUNDS, payable(0), open, _names("pick", "push"), r);
        r.maxNodes = 257;
        vm.expectRevert(abi.encodeWithSelector(I.NodeRegistry_MaxNodesOutOfRange.selector, 256, 257));
        new NodeRegistry(owner, ROUNDS, payable(0), open, _names("pick", "push"), r);
    }

    function _expectRefused(NodeRules memory rules, bytes memory refusal) internal {
        vm.expectRevert(refusal);
        new NodeRegistry(owner, ROUNDS, payable(0), open, _names("pick", "push"), rules);
    }

    function _deploy(NodeRules memory rules) internal returns (NodeRegistry) {
        return new NodeRegistry(owner, ROUNDS, payable(0), open, _names("pick", "push"), rules);
    }

    function test_RevertWhen_ABondIsZeroOrCannotBePaid() public {
        uint256 max = type(uint96).max;
        NodeRules memory r = _rules();
        r.minBondWei = 0;
        _expectRefused(r, abi.encodeWithSelector(I.NodeRegistry_BondOutOfRange.selector, max, 0));
        r = _rules();
        r.bondPerExampleWei = 0;
        _expectRefused(r, abi.encodeWithSelector(I.NodeRegistry_BondOutOfRange.selector, max, 0));
        r.bondPerExampleWei = max + 1;
        _expectRefused(r, abi.encodeWithSelector(I.NodeRegistry_BondOutOfRange.selector, max, max + 1));
        r.bondPerExampleWei = max;
        assertEq(_deploy(r).requiredBond(type(uint32).max), max * type(uint32).max, "and nothing overflows");
    }

    function test_RevertWhen_TheExitDelayIsTooLong() public {
        NodeRules memory r = _rules();
        r.exitDelay = 365 days + 1;
        _expectRefused(
            r, abi.encodeWithSelector(I.NodeRegistry_ExitDelayTooLong.selector, 365 days, 365 days + 1)
        );
        r.exitDelay = 365 days;
        assertEq(_deploy(r).exitDelay(), 365 days);
    }

    function test_RevertWhen_ASingleRoundWouldBeIdle() public {
        NodeRules memory r = _rules();
        for (uint8 i; i < 2; ++i) {
            r.idleRounds = i;
            _expectRefused(r, abi.encodeWithSelector(I.NodeRegistry_IdleRoundsOutOfRange.selector, 2, 255, i));
        }
        r.idleRounds = 2;
        assertEq(_deploy(r).idleRounds(), 2);
        r.idleRounds = 255;
        assertEq(_deploy(r).idleRounds(), 255);
    }

    function test_RevertWhen_NoContractSaysWhoMayJoin() public {
        vm.expectRevert(abi.encodeWithSelector(I.NodeRegistry_NoParticipation.selector, bob));
        new NodeRegistry(owner, ROUNDS, payable(0), OpenParticipation(bob), _names("pick", "push"), _rules());
    }

    /// All nodes of a network together stay below 2^30, above which no round can be sealed.
    function test_TheLargestDataSetKeepsARoundsWeightExact() public {
        NodeRules memory r = _rules();
        uint16[5] memory counts = [1, 63, 64, 65, 256];
        uint32[5] memory sizes = [16_777_216, 16_777_216, 16_777_215, 16_519_104, 4_194_303];
        for (uint256 i; i < 5; ++i) {
            r.maxNodes = counts[i];
            NodeRegistry nodes = _deploy(r);
            assertEq(nodes.maxDatasetSize(), sizes[i]);
            assertLt(uint256(counts[i]) * nodes.maxDatasetSize(), 1 << 30);
        }
    }

    function test_RevertWhen_ADataSetCouldMakeARoundTooHeavy() public {
        NodeRules memory r = _rules();
        r.maxNodes = 256;
        registry = _deploy(r);
        vm.expectRevert(
            abi.encodeWithSelector(I.NodeRegistry_DatasetSizeOutOfRange.selector, 4_194_303, 4_194_304)
        );
        _join(alice, 0, 4_194_304);
        _join(alice, 0, 4_194_303);
    }

    // ---------------------------------------------------------------- join

    function test_ASeatHasAPriceHoweverSmallTheDataSet() public {
        NodeRules memory r = _rules();
        r.minBondWei = uint96(10 * BOND);
        registry = _deploy(r);
        assertEq(registry.minBondWei(), 10 * BOND);
        assertEq(registry.requiredBond(1), 10 * BOND);
        assertEq(registry.requiredBond(10), 10 * BOND);
        assertEq(registry.requiredBond(11), 11 * BOND);
        vm.expectRevert(
            abi.encodeWithSelector(I.NodeRegistry_InsufficientBond.selector, 10 * BOND, 10 * BOND - 1)
        );
        vm.prank(alice);
        registry.join{ value: 10 * BOND - 1 }(0, 1, "key");
        vm.prank(alice);
        registry.join{ value: 10 * BOND }(0, 1, "key");
    }

    function test_JoinRecordsTheNode() public {
        vm.expectEmit();
        emit I.NodeJoined(alice, 1, "push", 40, 40 * BOND + 1, "key");
        vm.prank(alice);
        registry.join{ value: 40 * BOND + 1 }(1, 40, "key");

        Node memory n = registry.node(alice);
        assertEq(uint8(n.status), uint8(NodeStatus.Active));
        assertEq(n.task, 1);
        assertEq(n.datasetSize, 40);
        assertEq(n.joinedAt, block.timestamp);
        assertEq(n.exitAt, 0);
        assertEq(n.bond, 40 * BOND + 1, "what is above the least bond is held too");
        assertTrue(registry.isActive(alice));
        assertEq(registry.activeCount(), 1);
        (bool active, uint8 task, uint32 size, uint40 joinedAt) = registry.registration(alice);
        assertEq(joinedAt, block.timestamp);
        assertTrue(active && task == 1 && size == 40);
    }

    function test_RevertGiven_AlreadyJoined() public {
        _join(alice, 0, 1);
        vm.expectRevert(
            abi.encodeWithSelector(I.NodeRegistry_WrongStatus.selector, NodeStatus.None, NodeStatus.Active)
        );
        _join(alice, 1, 1);
    }

    function test_RevertWhen_TaskIsUnknown() public {
        vm.expectRevert(abi.encodeWithSelector(I.NodeRegistry_UnknownTask.selector, 2, 2));
        _join(alice, 2, 1);
    }

    function test_RevertWhen_DatasetSizeOutOfRange() public {
        vm.expectRevert(abi.encodeWithSelector(I.NodeRegistry_DatasetSizeOutOfRange.selector, 1 << 24, 0));
        _join(alice, 0, 0);
        vm.expectRevert(
            abi.encodeWithSelector(I.NodeRegistry_DatasetSizeOutOfRange.selector, 1 << 24, (1 << 24) + 1)
        );
        _join(alice, 0, (1 << 24) + 1);
        _join(alice, 0, 1 << 24);
    }

    function test_RevertWhen_NodeKeyHasNoOrTooManyBytes() public {
        vm.expectRevert(abi.encodeWithSelector(I.NodeRegistry_NodeKeyLength.selector, 256, 0));
        vm.prank(alice);
        registry.join{ value: BOND }(0, 1, "");
        vm.expectRevert(abi.encodeWithSelector(I.NodeRegistry_NodeKeyLength.selector, 256, 257));
        vm.prank(alice);
        registry.join{ value: BOND }(0, 1, new bytes(257));
        vm.prank(alice);
        registry.join{ value: BOND }(0, 1, new bytes(256));
    }

    function test_RevertWhen_BondIsTooSmall() public {
        vm.expectRevert(
            abi.encodeWithSelector(I.NodeRegistry_InsufficientBond.selector, 10 * BOND, 10 * BOND - 1)
        );
        vm.prank(alice);
        registry.join{ value: 10 * BOND - 1 }(0, 10, "key");
    }

    function test_RevertGiven_NetworkIsFull() public {
        _join(alice, 0, 1);
        _join(bob, 0, 1);
        address carol = makeAddr("carol");
        vm.deal(carol, 1 ether);
        vm.expectRevert(abi.encodeWithSelector(I.NodeRegistry_Full.selector, 2));
        _join(carol, 0, 1);
    }

    // ---------------------------------------------------------------- exit, withdraw

    function test_ExitAndWithdraw() public {
        _join(alice, 0, 10);
        uint64 exitAt = uint64(block.timestamp) + DELAY;
        vm.expectEmit();
        emit I.NodeExitRequested(alice, exitAt);
        vm.prank(alice);
        registry.requestExit();
        assertFalse(registry.isActive(alice));
        assertEq(registry.activeCount(), 0);
        assertEq(registry.node(alice).exitAt, exitAt);

        skip(DELAY);
        vm.expectEmit();
        emit I.BondWithdrawn(alice, 10 * BOND);
        vm.prank(alice);
        registry.withdrawBond();
        assertEq(alice.balance, 1 ether);
        assertEq(address(registry).balance, 0);
        assertEq(uint8(registry.node(alice).status), uint8(NodeStatus.None));

        _join(alice, 1, 20);
        assertEq(registry.node(alice).task, 1, "a node may come back");
    }

    function test_RevertGiven_NotActiveWhenExiting() public {
        vm.expectRevert(
            abi.encodeWithSelector(I.NodeRegistry_WrongStatus.selector, NodeStatus.Active, NodeStatus.None)
        );
        vm.prank(alice);
        registry.requestExit();
    }

    function test_RevertGiven_ExitIsPending() public {
        _join(alice, 0, 10);
        vm.startPrank(alice);
        registry.requestExit();
        skip(DELAY - 1);
        vm.expectRevert(
            abi.encodeWithSelector(I.NodeRegistry_ExitPending.selector, block.timestamp + 1, block.timestamp)
        );
        registry.withdrawBond();
    }

    function test_RevertGiven_NoExitRequested() public {
        _join(alice, 0, 10);
        vm.expectRevert(
            abi.encodeWithSelector(I.NodeRegistry_WrongStatus.selector, NodeStatus.Exiting, NodeStatus.Active)
        );
        vm.prank(alice);
        registry.withdrawBond();
    }

    function test_RevertGiven_BondIsWithdrawn() public {
        _join(alice, 0, 10);
        _join(bob, 0, 10);
        vm.startPrank(alice);
        registry.requestExit();
        skip(DELAY);
        registry.withdrawBond();
        vm.expectRevert(
            abi.encodeWithSelector(I.NodeRegistry_WrongStatus.selector, NodeStatus.Exiting, NodeStatus.None)
        );
        registry.withdrawBond();
    }

    function test_RevertWhen_JoiningWhileExiting() public {
        _join(alice, 0, 10);
        vm.prank(alice);
        registry.requestExit();
        vm.expectRevert(
            abi.encodeWithSelector(I.NodeRegistry_WrongStatus.selector, NodeStatus.None, NodeStatus.Exiting)
        );
        _join(alice, 0, 10);
    }

    function test_ReentrantNodeGetsItsBondOnce() public {
        Reentrant node = new Reentrant(registry);
        vm.deal(address(node), 10 * BOND);
        _join(bob, 0, 10);
        node.join(10, 10 * BOND);
        skip(DELAY);
        vm.expectRevert(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        node.withdraw(true);
        assertEq(address(registry).balance, 20 * BOND);
        node.withdraw(false);
        assertEq(address(registry).balance, 10 * BOND);
    }

    // ---------------------------------------------------------------- tasks

    function test_OwnerAddsTask() public {
        vm.expectEmit();
        emit I.TaskAdded(2, "stack");
        vm.prank(owner);
        registry.addTask("stack");
        assertEq(registry.taskCount(), 3);
    }

    function test_RevertWhen_StrangerAddsTask() public {
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, alice));
        vm.prank(alice);
        registry.addTask("stack");
    }

    function test_RevertWhen_TaskHasNoName() public {
        vm.expectRevert(I.NodeRegistry_EmptyTask.selector);
        vm.prank(owner);
        registry.addTask("");
    }

    function test_RevertGiven_TooManyTasks() public {
        vm.startPrank(owner);
        for (uint256 i = registry.taskCount(); i < 64; ++i) {
            registry.addTask(vm.toString(i));
        }
        vm.expectRevert(abi.encodeWithSelector(I.NodeRegistry_TooManyTasks.selector, 64));
        registry.addTask("one more");
    }

    function test_OwnershipChangesInTwoSteps() public {
        vm.prank(owner);
        registry.transferOwnership(alice);
        assertEq(registry.owner(), owner);
        vm.prank(alice);
        registry.acceptOwnership();
        assertEq(registry.owner(), alice);
    }

    // ---------------------------------------------------------------- pages

    function test_PagesOfActiveNodes() public {
        _join(alice, 0, 1);
        _join(bob, 0, 1);
        assertEq(registry.nodes(0, 10).length, 2);
        assertEq(registry.nodes(0, 1)[0], alice);
        assertEq(registry.nodes(1, type(uint256).max)[0], bob);
        assertEq(registry.nodes(2, 1).length, 0);
        assertEq(registry.nodes(type(uint256).max, type(uint256).max).length, 0);
    }

    function testFuzz_BalanceCoversBonds(uint32 a, uint32 b, bool exitFirst) public {
        a = uint32(bound(a, 1, 1 << 24));
        b = uint32(bound(b, 1, 1 << 24));
        _join(alice, 0, a);
        _join(bob, 1, b);
        assertEq(address(registry).balance, (uint256(a) + b) * BOND);
        vm.startPrank(exitFirst ? alice : bob);
        registry.requestExit();
        skip(DELAY);
        registry.withdrawBond();
        assertEq(address(registry).balance, uint256(exitFirst ? b : a) * BOND);
    }
}

/// @notice A node that asks for its bond again while it receives it.
contract Reentrant {
    NodeRegistry private immutable REGISTRY;
    bool private _again;

    constructor(NodeRegistry registry) {
        REGISTRY = registry;
    }

    function join(uint32 size, uint256 bond) external {
        REGISTRY.join{ value: bond }(0, size, "key");
        REGISTRY.requestExit();
    }

    function withdraw(bool again) external {
        _again = again;
        REGISTRY.withdrawBond();
    }

    receive() external payable {
        if (_again) REGISTRY.withdrawBond();
    }
}
