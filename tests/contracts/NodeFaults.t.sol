// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Ownable } from "@openzeppelin/contracts/access/Ownable.sol";
import { NodeRegistry } from "contracts/NodeRegistry.sol";
import { IForfeits } from "contracts/interfaces/IForfeits.sol";
import { INodeRegistry as I } from "contracts/interfaces/INodeRegistry.sol";
import { OpenParticipation } from "contracts/participation/OpenParticipation.sol";
import { FaultHistory } from "contracts/types/FaultHistory.sol";
import { FaultReason } from "contracts/types/FaultReason.sol";
import { Node } from "contracts/types/Node.sol";
import { NodeRules } from "contracts/types/NodeRules.sol";
import { NodeStatus } from "contracts/types/NodeStatus.sol";
import { Test } from "forge-std/Test.sol";

/// @notice Three faults in five rounds cost a quarter of the required bond.
contract NodeFaultsTest is Test {
    uint256 internal constant BOND = 4 gwei; // for each example
    uint32 internal constant DELAY = 1 days;
    uint32 internal constant SIZE = 100;
    uint256 internal constant REQUIRED = SIZE * BOND;

    address internal owner = makeAddr("owner");
    address internal rounds = makeAddr("registry of rounds");
    address internal alice = makeAddr("alice");
    address internal bob = makeAddr("bob");
    address internal carol = makeAddr("carol");
    address internal payer = makeAddr("payer");
    NodeRegistry internal registry;
    Pot internal pot;

    function setUp() public {
        vm.warp(1_700_000_000);
        registry = _deploy(_rules());
        pot = new Pot();
        address[4] memory rich = [alice, bob, carol, payer];
        for (uint256 i; i < 4; ++i) {
            vm.deal(rich[i], 1 ether);
        }
    }

    function _rules() internal pure returns (NodeRules memory) {
        return NodeRules(BOND, 1, 2, DELAY, 3, 5, 2500, 3);
    }

    function _deploy(NodeRules memory rules) internal returns (NodeRegistry) {
        string[] memory tasks = new string[](1);
        tasks[0] = "pick";
        return new NodeRegistry(owner, rounds, payable(0), new OpenParticipation(), tasks, rules);
    }

    function _join(address node) internal {
        vm.prank(node);
        registry.join{ value: REQUIRED }(0, SIZE, "key");
    }

    function _fault(uint256 round, address node) internal {
        vm.prank(rounds);
        registry.recordFault(round, node, FaultReason.NoSample);
    }

    function _suspend(address node) internal {
        _join(node);
        _fault(1, node);
        _fault(2, node);
        _fault(3, node);
    }

    function _topUp(address node, uint256 amount) internal {
        vm.prank(payer);
        registry.topUp{ value: amount }(node);
    }

    function _assertStatus(address node, NodeStatus expected) internal view {
        assertEq(uint8(registry.node(node).status), uint8(expected), "status");
    }

    function _expectWrongStatus(NodeStatus expected, NodeStatus actual) internal {
        vm.expectRevert(abi.encodeWithSelector(I.NodeRegistry_WrongStatus.selector, expected, actual));
    }

    // ---------------------------------------------------------------- rules

    function _expectRefused(NodeRules memory rules, bytes memory refusal) internal {
        OpenParticipation participation = new OpenParticipation();
        string[] memory tasks = new string[](1);
        tasks[0] = "pick";
        vm.expectRevert(refusal);
        new NodeRegistry(owner, rounds, payable(0), participation, tasks, rules);
    }

    function test_RevertWhen_TheWindowIsOutOfRange() public {
        NodeRules memory r = _rules();
        r.faultWindow = 0;
        _expectRefused(r, abi.encodeWithSelector(I.NodeRegistry_FaultWindowOutOfRange.selector, 64, 0));
        r.faultWindow = 65;
        _expectRefused(r, abi.encodeWithSelector(I.NodeRegistry_FaultWindowOutOfRange.selector, 64, 65));
        r.faultWindow = 64;
        assertEq(_deploy(r).faultWindow(), 64);
    }

    function test_RevertWhen_TheLimitIsOutOfRange() public {
        NodeRules memory r = _rules();
        r.faultLimit = 1;
        _expectRefused(r, abi.encodeWithSelector(I.NodeRegistry_FaultLimitOutOfRange.selector, 2, 5, 1));
        r.faultLimit = 6;
        _expectRefused(r, abi.encodeWithSelector(I.NodeRegistry_FaultLimitOutOfRange.selector, 2, 5, 6));
        r.faultLimit = 5;
        assertEq(_deploy(r).faultLimit(), 5);
        r.faultLimit = 2;
        assertEq(_deploy(r).faultLimit(), 2);
    }

    function test_RevertWhen_TheForfeitIsOutOfRange() public {
        NodeRules memory r = _rules();
        r.forfeitBps = 0;
        _expectRefused(r, abi.encodeWithSelector(I.NodeRegistry_ForfeitOutOfRange.selector, 5000, 0));
        r.forfeitBps = 5001;
        _expectRefused(r, abi.encodeWithSelector(I.NodeRegistry_ForfeitOutOfRange.selector, 5000, 5001));
        r.forfeitBps = 5000;
        assertEq(_deploy(r).forfeitBps(), 5000);
    }

    // ---------------------------------------------------------------- faults

    function test_AFaultBelowTheLimitIsCountedAndCostsNothing() public {
        _join(alice);
        vm.expectEmit();
        emit I.FaultRecorded(7, alice, FaultReason.NotProven, 1);
        vm.prank(rounds);
        registry.recordFault(7, alice, FaultReason.NotProven);
        _fault(9, alice);
        FaultHistory memory history = registry.faults(alice);
        assertEq(history.lastRound, 9);
        assertEq(history.recent, 5, "in this round, and two before");
        assertEq(registry.node(alice).bond, REQUIRED);
        assertTrue(registry.isActive(alice));
        assertEq(registry.faults(bob).lastRound, 0);
    }

    function test_RevertWhen_SomebodyElseReports() public {
        _join(alice);
        address[4] memory others = [owner, alice, bob, address(this)];
        for (uint256 i; i < others.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(I.NodeRegistry_NotRegistry.selector, rounds, others[i]));
            vm.prank(others[i]);
            registry.recordFault(1, alice, FaultReason.NoSample);
        }
    }

    function test_TheLimitCostsAPartOfTheBondAndSuspends() public {
        _join(alice);
        _join(bob);
        _fault(1, alice);
        _fault(2, alice);
        vm.expectEmit();
        emit I.FaultRecorded(5, alice, FaultReason.NoSample, 3);
        vm.expectEmit();
        emit I.BondForfeited(5, alice, REQUIRED / 4);
        vm.expectEmit();
        emit I.NodeSuspended(5, alice, REQUIRED, REQUIRED * 3 / 4);
        _fault(5, alice);

        _assertStatus(alice, NodeStatus.Suspended);
        assertEq(registry.node(alice).bond, REQUIRED * 3 / 4);
        assertEq(registry.forfeited(), REQUIRED / 4);
        assertFalse(registry.isActive(alice));
        assertEq(registry.activeCount(), 1);
        assertEq(registry.nodes(0, 9)[0], bob, "the other one keeps its place");
        (bool active,,,) = registry.registration(alice);
        assertFalse(active, "and cannot commit");
        assertEq(registry.faults(alice).recent, 0, "counting starts anew");
        assertEq(registry.faults(alice).lastRound, 5);
    }

    function test_FaultsOutsideTheWindowAreForgotten() public {
        _join(alice);
        _fault(1, alice);
        _fault(2, alice);
        _fault(6, alice); // rounds 2 to 6: two
        assertEq(registry.node(alice).bond, REQUIRED);
        _fault(7, alice); // rounds 3 to 7: two
        _fault(70, alice);
        _fault(71, alice);
        assertEq(registry.node(alice).bond, REQUIRED);
        _fault(74, alice); // rounds 70 to 74: three
        assertEq(registry.node(alice).bond, REQUIRED * 3 / 4);
    }

    function test_ALargerBondIsNotSuspended() public {
        vm.prank(alice);
        registry.join{ value: REQUIRED * 5 / 4 }(0, SIZE, "key");
        for (uint256 i = 1; i <= 3; ++i) {
            _fault(i, alice);
        }
        assertEq(registry.node(alice).bond, REQUIRED, "a quarter of what is required");
        assertTrue(registry.isActive(alice));
        for (uint256 i = 4; i <= 6; ++i) {
            _fault(i, alice);
        }
        _assertStatus(alice, NodeStatus.Suspended);
    }

    function test_AnExitingNodeStillLosesItsBond() public {
        _join(alice);
        vm.prank(alice);
        registry.requestExit();
        for (uint256 i = 1; i <= 3; ++i) {
            _fault(i, alice);
        }
        _assertStatus(alice, NodeStatus.Exiting);
        assertEq(registry.node(alice).bond, REQUIRED * 3 / 4);
        skip(DELAY);
        vm.prank(alice);
        registry.withdrawBond();
        assertEq(alice.balance, 1 ether - REQUIRED / 4);
        assertEq(address(registry).balance, registry.forfeited());
    }

    function test_NeverMoreIsForfeitedThanThereIs() public {
        NodeRules memory r = _rules();
        (r.faultLimit, r.forfeitBps) = (2, 5000);
        registry = _deploy(r);
        _join(alice);
        vm.prank(alice);
        registry.requestExit();
        for (uint256 i = 1; i <= 6; ++i) {
            _fault(i, alice);
        }
        assertEq(registry.node(alice).bond, 0);
        assertEq(registry.forfeited(), REQUIRED);
        skip(DELAY);
        vm.prank(alice);
        registry.withdrawBond();
        _assertStatus(alice, NodeStatus.None);
    }

    function test_AFaultOfNobodyDoesNotRevert() public {
        for (uint256 i = 1; i <= 4; ++i) {
            _fault(i, alice);
        }
        assertEq(registry.forfeited(), 0);
        _assertStatus(alice, NodeStatus.None);
    }

    /// The price of a seat is the bond, and what is forfeited is a part of that.
    function test_TheLeastBondIsForfeitedInParts() public {
        NodeRules memory r = _rules();
        (r.bondPerExampleWei, r.minBondWei) = (1, 1000);
        registry = _deploy(r);
        vm.prank(alice);
        registry.join{ value: 1000 }(0, SIZE, "key");
        for (uint256 i = 1; i <= 3; ++i) {
            _fault(i, alice);
        }
        assertEq(registry.forfeited(), 250);
        _assertStatus(alice, NodeStatus.Suspended);
        _topUp(alice, 249);
        _assertStatus(alice, NodeStatus.Suspended);
        _topUp(alice, 1);
        _assertStatus(alice, NodeStatus.Active);
    }

    /// Else what it let pass while it was suspended would count as idle.
    function test_AReinstatedNodeJoinsAnew() public {
        _suspend(alice);
        skip(100);
        _topUp(alice, REQUIRED / 4 - 1);
        assertEq(registry.node(alice).joinedAt, block.timestamp - 100);
        _topUp(alice, 1);
        assertEq(registry.node(alice).joinedAt, block.timestamp);
        skip(100);
        _topUp(alice, 1);
        assertEq(registry.node(alice).joinedAt, block.timestamp - 100, "it was active all the time");
    }

    function test_ARoundingIsTheNodesLoss() public {
        NodeRules memory r = _rules();
        (r.bondPerExampleWei, r.forfeitBps) = (1, 1);
        registry = _deploy(r);
        vm.prank(alice);
        registry.join{ value: 3 }(0, 3, "key");
        for (uint256 i = 1; i <= 3; ++i) {
            _fault(i, alice);
        }
        assertEq(registry.node(alice).bond, 2);
        assertEq(registry.forfeited(), 1);
    }

    function test_FaultsStayWithTheAddress() public {
        _join(alice);
        _fault(1, alice);
        _fault(2, alice);
        vm.startPrank(alice);
        registry.requestExit();
        skip(DELAY);
        registry.withdrawBond();
        vm.stopPrank();
        _join(alice);
        _fault(3, alice);
        _assertStatus(alice, NodeStatus.Suspended);
    }

    // ---------------------------------------------------------------- top up

    function test_ATopUpReinstates() public {
        _suspend(alice);
        vm.expectEmit();
        emit I.BondToppedUp(alice, payer, REQUIRED / 4 - 1, REQUIRED - 1);
        _topUp(alice, REQUIRED / 4 - 1);
        _assertStatus(alice, NodeStatus.Suspended);
        _join(bob);
        vm.expectEmit();
        emit I.NodeReinstated(alice);
        _topUp(alice, 1);
        assertTrue(registry.isActive(alice));
        assertEq(registry.activeCount(), 2);
        assertEq(registry.nodes(1, 1)[0], alice);

        vm.prank(alice);
        registry.requestExit();
        assertEq(registry.activeCount(), 1, "its new place is known");
        assertEq(registry.nodes(0, 1)[0], bob);
        assertTrue(registry.isActive(bob));
    }

    function test_AnActiveNodeCanHaveALargerBond() public {
        _join(alice);
        _topUp(alice, 5);
        assertEq(registry.node(alice).bond, REQUIRED + 5);
        assertEq(registry.activeCount(), 1);
        assertTrue(registry.isActive(alice));
    }

    function test_RevertWhen_ToppingUpNothing() public {
        _suspend(alice);
        vm.expectRevert(I.NodeRegistry_NothingToAdd.selector);
        _topUp(alice, 0);
    }

    function test_RevertGiven_NotANodeWhenToppingUp() public {
        _expectWrongStatus(NodeStatus.Active, NodeStatus.None);
        _topUp(alice, 1);
        _join(alice);
        vm.prank(alice);
        registry.requestExit();
        _expectWrongStatus(NodeStatus.Active, NodeStatus.Exiting);
        _topUp(alice, 1);
    }

    function test_RevertGiven_NoRoomWhenToppingUp() public {
        _suspend(alice);
        _join(bob);
        _join(carol);
        vm.expectRevert(abi.encodeWithSelector(I.NodeRegistry_Full.selector, 2));
        _topUp(alice, REQUIRED / 4);
        _topUp(alice, 1); // money for later is taken
        vm.prank(bob);
        registry.requestExit();
        _topUp(alice, REQUIRED / 4 - 1);
        assertTrue(registry.isActive(alice));
    }

    // ---------------------------------------------------------------- a suspended node

    function test_ASuspendedNodeTakesItsRestAndLeaves() public {
        _suspend(alice);
        _join(bob);
        vm.prank(alice);
        registry.requestExit();
        assertEq(registry.activeCount(), 1);
        assertTrue(registry.isActive(bob), "nobody else lost a place");
        skip(DELAY);
        vm.prank(alice);
        registry.withdrawBond();
        assertEq(alice.balance, 1 ether - REQUIRED / 4);
        assertEq(address(registry).balance, REQUIRED + REQUIRED / 4);
    }

    function test_RevertGiven_SuspendedWhenJoining() public {
        _suspend(alice);
        _expectWrongStatus(NodeStatus.None, NodeStatus.Suspended);
        _join(alice);
    }

    function test_RevertGiven_SuspendedWhenWithdrawing() public {
        _suspend(alice);
        _expectWrongStatus(NodeStatus.Exiting, NodeStatus.Suspended);
        vm.prank(alice);
        registry.withdrawBond();
    }

    // ---------------------------------------------------------------- sweep

    function test_AnyoneSweepsToTheBeneficiary() public {
        vm.expectEmit();
        emit IForfeits.BeneficiarySet(address(pot));
        vm.prank(owner);
        registry.setBeneficiary(payable(pot));
        assertEq(registry.beneficiary(), address(pot));
        _suspend(alice);
        vm.expectEmit();
        emit IForfeits.ForfeitsSwept(address(pot), REQUIRED / 4);
        vm.prank(payer);
        registry.sweep();
        assertEq(address(pot).balance, REQUIRED / 4);
        assertEq(registry.forfeited(), 0);
        assertEq(address(registry).balance, registry.node(alice).bond);
        vm.expectRevert(IForfeits.Forfeits_NothingToSweep.selector);
        registry.sweep();
    }

    function test_RevertGiven_NoBeneficiary() public {
        _suspend(alice);
        vm.expectRevert(IForfeits.Forfeits_NoBeneficiary.selector);
        registry.sweep();
    }

    function test_RevertWhen_TheBeneficiaryIsNoContract() public {
        vm.expectRevert(abi.encodeWithSelector(IForfeits.Forfeits_NoContract.selector, payer));
        vm.prank(owner);
        registry.setBeneficiary(payable(payer));
    }

    /// A vault that was announced and never deployed: what an account there got would be gone.
    function test_NothingIsSentToABeneficiaryWithoutCode() public {
        string[] memory tasks = new string[](1);
        tasks[0] = "pick";
        registry = new NodeRegistry(owner, rounds, payable(payer), new OpenParticipation(), tasks, _rules());
        _suspend(alice);
        vm.expectRevert(abi.encodeWithSelector(IForfeits.Forfeits_NoContract.selector, payer));
        registry.sweep();
        vm.prank(owner);
        registry.setBeneficiary(payable(pot));
        registry.sweep();
        assertEq(address(pot).balance, REQUIRED / 4);
    }

    function test_RevertWhen_TheBeneficiaryTakesNoCoins() public {
        Tight tight = new Tight();
        vm.startPrank(owner);
        vm.expectRevert(Tight.Tight_NoCoins.selector);
        registry.setBeneficiary(payable(tight));
        assertEq(registry.beneficiary(), address(0));
        registry.setBeneficiary(payable(pot)); // the place is still free
    }

    function test_RevertGiven_ABeneficiary() public {
        vm.startPrank(owner);
        registry.setBeneficiary(payable(pot));
        Pot another = new Pot();
        vm.expectRevert(abi.encodeWithSelector(IForfeits.Forfeits_BeneficiaryIsSet.selector, address(pot)));
        registry.setBeneficiary(payable(another));
    }

    function test_RevertWhen_AStrangerNamesTheBeneficiary() public {
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, payer));
        vm.prank(payer);
        registry.setBeneficiary(payable(pot));
    }

    function test_ABeneficiaryThatCallsBackGetsItOnce() public {
        Greedy greedy = new Greedy(registry);
        vm.prank(owner);
        registry.setBeneficiary(payable(greedy));
        _suspend(alice);
        registry.sweep();
        assertEq(address(greedy).balance, REQUIRED / 4);
        assertEq(address(registry).balance, registry.node(alice).bond);
    }

    // ---------------------------------------------------------------- fuzz

    /// The window slides: what counts is the number of faulty rounds among the last five.
    function testFuzz_TheWindowSlides(uint64 faulty) public {
        NodeRules memory r = _rules();
        r.faultLimit = 5;
        registry = _deploy(r);
        for (uint256 round = 1; round <= 64; ++round) {
            if ((faulty >> (round - 1)) & 1 == 0) continue;
            uint256 expected;
            uint256 oldest = round > 5 ? round - 4 : 1;
            for (uint256 i = oldest; i <= round; ++i) {
                expected += (faulty >> (i - 1)) & 1;
            }
            // A limit that is hit resets the count, so those histories end here.
            if (expected == 5) return;
            vm.expectEmit();
            emit I.FaultRecorded(round, alice, FaultReason.NoSample, expected);
            _fault(round, alice);
        }
    }

    function testFuzz_TheBalanceCoversBondsAndForfeits(uint16 bps, uint32 size, uint96 extra, uint8 faults)
        public
    {
        NodeRules memory r = _rules();
        r.forfeitBps = uint16(bound(bps, 1, 5000));
        registry = _deploy(r);
        size = uint32(bound(size, 1, 1 << 24));
        extra = uint96(bound(extra, 0, 1 ether));
        vm.deal(alice, size * BOND + extra);
        vm.prank(alice);
        registry.join{ value: size * BOND + extra }(0, size, "key");
        for (uint256 i = 1; i <= faults; ++i) {
            _fault(i, alice);
        }
        Node memory n = registry.node(alice);
        assertEq(address(registry).balance, n.bond + registry.forfeited());
        bool covered = n.bond >= size * BOND;
        assertEq(uint8(n.status), uint8(covered ? NodeStatus.Active : NodeStatus.Suspended));
        assertEq(registry.activeCount(), covered ? 1 : 0);
    }
}

contract Pot {
    receive() external payable { }
}

/// @notice Takes no coins, like a vault of tokens.
contract Tight {
    error Tight_NoCoins();

    receive() external payable {
        revert Tight_NoCoins();
    }
}

/// @notice Sweeps again while it receives.
contract Greedy {
    NodeRegistry private immutable REGISTRY;

    constructor(NodeRegistry registry) {
        REGISTRY = registry;
    }

    receive() external payable {
        try REGISTRY.sweep() { } catch { }
    }
}
