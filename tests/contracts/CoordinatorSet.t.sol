// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { RegistryFixture } from "./RegistryFixture.sol";
import { Ownable } from "@openzeppelin/contracts/access/Ownable.sol";
import { CoordinatorSet } from "contracts/CoordinatorSet.sol";
import { IContributionRegistry } from "contracts/interfaces/IContributionRegistry.sol";
import { ICoordinatorSet as C } from "contracts/interfaces/ICoordinatorSet.sol";
import { CoordinatorRules } from "contracts/types/CoordinatorRules.sol";
import { MissingReason } from "contracts/types/MissingReason.sol";
import { Seat } from "contracts/types/Seat.sol";

/// @notice The coordinator has five bonds, the standby and the reserve one each.
contract CoordinatorSetTest is RegistryFixture {
    function _abortAs(address who) internal {
        vm.prank(who);
        registry.abortRound(id);
    }

    function _bondOf(address who) internal view returns (uint256) {
        return coordinators.seat(who).bond;
    }

    function _bond(address who, uint256 amount) internal {
        vm.deal(address(this), amount);
        coordinators.bond{ value: amount }(who);
    }

    function _penalize(bool missed) internal {
        vm.prank(address(registry));
        coordinators.penalize(1, missed);
    }

    // ---------------------------------------------------------------- rules

    function _deployWith(CoordinatorRules memory r, address[] memory list) internal returns (CoordinatorSet) {
        return new CoordinatorSet(owner, IContributionRegistry(address(registry)), payable(0), r, list);
    }

    function _rules() internal pure returns (CoordinatorRules memory) {
        return CoordinatorRules(COORDINATOR_BOND, PENALTY, EXIT_DELAY, IDLE_WINDOW);
    }

    function test_Construction() public {
        assertEq(coordinators.owner(), owner);
        assertEq(address(coordinators.registry()), address(registry));
        assertEq(abi.encode(coordinators.rules()), abi.encode(_rules()));
        assertEq(coordinators.coordinators().length, 3);
        assertEq(coordinators.current(), coordinator);
        assertEq(coordinators.since(), block.timestamp);
        CoordinatorSet empty = _deployWith(_rules(), new address[](2 - 2));
        assertEq(empty.current(), address(0), "nobody has a bond");
    }

    function test_RevertWhen_ThePenaltyIsOutOfRange() public {
        CoordinatorRules memory r = _rules();
        r.penalty = 0;
        _expectRevert(C.CoordinatorSet_PenaltyOutOfRange.selector, COORDINATOR_BOND, 0);
        _deployWith(r, new address[](0));
        r.penalty = COORDINATOR_BOND + 1;
        _expectRevert(C.CoordinatorSet_PenaltyOutOfRange.selector, COORDINATOR_BOND, r.penalty);
        _deployWith(r, new address[](0));
        r.penalty = COORDINATOR_BOND;
        _deployWith(r, new address[](0));
    }

    function test_RevertWhen_ADurationIsOutOfRange() public {
        for (uint256 i; i < 4; ++i) {
            CoordinatorRules memory r = _rules();
            uint32 duration = i % 2 == 0 ? 0 : 30 days + 1;
            i < 2 ? r.exitDelay = duration : r.idleWindow = duration;
            _expectRevert(C.CoordinatorSet_DurationOutOfRange.selector, 30 days, duration);
            _deployWith(r, new address[](0));
        }
    }

    // ---------------------------------------------------------------- the list

    function test_TheOwnerApproves() public {
        vm.expectEmit();
        emit C.CoordinatorApproved(stranger);
        vm.prank(owner);
        coordinators.approve(stranger);
        assertEq(coordinators.coordinators()[3], stranger);
        assertFalse(coordinators.isFit(stranger), "without a bond");
        _bond(stranger, COORDINATOR_BOND);
        assertTrue(coordinators.isFit(stranger));
        assertEq(coordinators.current(), coordinator);
    }

    function test_RevertWhen_SomebodyElseChangesTheList() public {
        vm.startPrank(coordinator);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, coordinator));
        coordinators.approve(stranger);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, coordinator));
        coordinators.remove(standby);
    }

    function test_RevertGiven_TheAccountIsOnTheList() public {
        vm.expectRevert(abi.encodeWithSelector(C.CoordinatorSet_AlreadyApproved.selector, standby));
        vm.prank(owner);
        coordinators.approve(standby);
    }

    function test_RevertGiven_TheListIsFull() public {
        vm.startPrank(owner);
        for (uint160 i = 3; i < 16; ++i) {
            coordinators.approve(address(0x5000 + i));
        }
        vm.expectRevert(abi.encodeWithSelector(C.CoordinatorSet_Full.selector, 16));
        coordinators.approve(stranger);
    }

    function test_TheOwnerRemoves() public {
        vm.expectEmit();
        emit C.CoordinatorRemoved(coordinator, uint64(block.timestamp) + EXIT_DELAY);
        vm.expectEmit();
        emit C.CoordinatorChanged(coordinator, standby);
        vm.prank(owner);
        coordinators.remove(coordinator);
        address[] memory list = coordinators.coordinators();
        assertEq(list.length, 2);
        assertTrue(list[0] == standby && list[1] == reserve, "the order of the others");
        skip(EXIT_DELAY);
        vm.prank(coordinator);
        coordinators.withdraw();
        assertEq(coordinator.balance, 5 * COORDINATOR_BOND, "nobody can keep a bond");
    }

    function test_RemovingTheMiddleOne() public {
        vm.prank(owner);
        coordinators.remove(standby);
        address[] memory list = coordinators.coordinators();
        assertTrue(list.length == 2 && list[0] == coordinator && list[1] == reserve);
        assertEq(coordinators.current(), coordinator);
    }

    function test_RemovingOneWithoutABond() public {
        vm.startPrank(owner);
        coordinators.approve(stranger);
        vm.expectEmit();
        emit C.CoordinatorRemoved(stranger, 0);
        coordinators.remove(stranger);
        coordinators.approve(stranger);
    }

    function test_RemovingOneThatIsLeavingDoesNotDelayIt() public {
        vm.prank(standby);
        coordinators.stepDown();
        uint40 exitAt = coordinators.seat(standby).exitAt;
        skip(10);
        vm.prank(owner);
        coordinators.remove(standby);
        assertEq(coordinators.seat(standby).exitAt, exitAt);
    }

    function test_RevertGiven_NotOnTheList() public {
        bytes memory refusal = abi.encodeWithSelector(C.CoordinatorSet_NotApproved.selector, stranger);
        vm.expectRevert(refusal);
        vm.prank(owner);
        coordinators.remove(stranger);
        vm.expectRevert(refusal);
        _bond(stranger, 1);
        vm.expectRevert(refusal);
        vm.prank(stranger);
        coordinators.stepDown();
    }

    function test_WhoIsRemovedDrivesItsRoundToTheEndAndNoOther() public {
        _toSampled();
        vm.prank(owner);
        coordinators.remove(coordinator);
        assertEq(coordinators.current(), coordinator, "a round keeps its driver");
        skip(EXIT_DELAY);
        vm.expectRevert(abi.encodeWithSelector(C.CoordinatorSet_RoundRunning.selector, 1));
        vm.prank(coordinator);
        coordinators.withdraw();
        vm.expectRevert(abi.encodeWithSelector(C.CoordinatorSet_RoundRunning.selector, 1));
        coordinators.succeed();
        _abortAs(coordinator);
        assertEq(_bondOf(coordinator), 5 * COORDINATOR_BOND - PENALTY, "and answers for it");
        assertEq(coordinators.current(), standby, "whose turn is over with it");
    }

    function test_WhoStepsDownOpensNoFurtherRound() public {
        _open();
        vm.prank(coordinator);
        coordinators.stepDown();
        assertEq(coordinators.current(), coordinator);
        _abortAs(coordinator);
        vm.expectRevert(
            abi.encodeWithSelector(IContributionRegistry.ContributionRegistry_NotFit.selector, coordinator)
        );
        vm.prank(coordinator);
        registry.openRound(POOL_ROOT);
        vm.prank(stranger);
        coordinators.succeed(); // without waiting
        assertEq(coordinators.current(), standby);
    }

    /// However quickly the next round follows.
    function test_NobodyStaysAgainstTheOwnersWill() public {
        _open();
        vm.prank(owner);
        coordinators.remove(coordinator);
        vm.startPrank(coordinator);
        registry.abortRound(id);
        vm.expectRevert(
            abi.encodeWithSelector(IContributionRegistry.ContributionRegistry_NotFit.selector, coordinator)
        );
        registry.openRound(POOL_ROOT);
    }

    function test_RevertWhen_TheZeroAddressIsApproved() public {
        vm.expectRevert(C.CoordinatorSet_ZeroAddress.selector);
        vm.prank(owner);
        coordinators.approve(address(0));
    }

    // ---------------------------------------------------------------- bonds

    function test_AnyoneBonds() public {
        vm.expectEmit();
        emit C.CoordinatorBonded(standby, address(this), 5, COORDINATOR_BOND + 5);
        _bond(standby, 5);
        assertEq(_bondOf(standby), COORDINATOR_BOND + 5);
    }

    function test_RevertWhen_BondingNothing() public {
        vm.expectRevert(C.CoordinatorSet_NothingToBond.selector);
        _bond(standby, 0);
    }

    function test_RevertGiven_LeavingWhenBonding() public {
        vm.startPrank(standby);
        coordinators.stepDown();
        vm.expectRevert(abi.encodeWithSelector(C.CoordinatorSet_Leaving.selector, standby));
        coordinators.stepDown();
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(C.CoordinatorSet_Leaving.selector, standby));
        _bond(standby, 1);
    }

    function test_ACoordinatorLeavesAndComesBack() public {
        vm.expectEmit();
        emit C.CoordinatorLeaving(coordinator, uint64(block.timestamp) + EXIT_DELAY);
        vm.startPrank(coordinator);
        coordinators.stepDown();
        assertEq(coordinators.current(), standby);
        skip(EXIT_DELAY - 1);
        _expectRevert(C.CoordinatorSet_ExitPending.selector, block.timestamp + 1, block.timestamp);
        coordinators.withdraw();
        skip(1);
        vm.expectEmit();
        emit C.CoordinatorWithdrew(coordinator, 5 * COORDINATOR_BOND);
        coordinators.withdraw();
        assertEq(coordinator.balance, 5 * COORDINATOR_BOND);
        vm.expectRevert(abi.encodeWithSelector(C.CoordinatorSet_NotLeaving.selector, coordinator));
        coordinators.withdraw();
        coordinators.bond{ value: COORDINATOR_BOND }(coordinator);
        assertTrue(coordinators.isFit(coordinator));
        assertEq(coordinators.current(), standby, "and waits for its turn");
    }

    function test_RevertGiven_NotLeavingWhenWithdrawing() public {
        vm.expectRevert(abi.encodeWithSelector(C.CoordinatorSet_NotLeaving.selector, standby));
        vm.prank(standby);
        coordinators.withdraw();
    }

    function test_AReentrantCoordinatorIsPaidOnce() public {
        Reentrant r = new Reentrant(coordinators);
        vm.prank(owner);
        coordinators.approve(address(r));
        _bond(address(r), COORDINATOR_BOND);
        r.stepDown();
        skip(EXIT_DELAY);
        r.withdraw();
        assertEq(address(r).balance, COORDINATOR_BOND);
        assertEq(address(coordinators).balance, 7 * COORDINATOR_BOND);
    }

    // ---------------------------------------------------------------- penalties

    function test_OnlyTheRegistryReports() public {
        address[4] memory others = [owner, coordinator, stranger, address(this)];
        for (uint256 i; i < others.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(C.CoordinatorSet_NotRegistry.selector, address(registry), others[i])
            );
            vm.prank(others[i]);
            coordinators.penalize(1, true);
            vm.expectRevert(
                abi.encodeWithSelector(C.CoordinatorSet_NotRegistry.selector, address(registry), others[i])
            );
            vm.prank(others[i]);
            coordinators.reportUnclosed(1);
        }
    }

    function test_AnAbortOfItsOwnCostsThePenaltyAndNotTheTurn() public {
        vm.expectEmit();
        emit C.CoordinatorPenalized(1, coordinator, PENALTY, false);
        _penalize(false);
        assertEq(_bondOf(coordinator), 5 * COORDINATOR_BOND - PENALTY);
        assertEq(coordinators.forfeited(), PENALTY);
        assertEq(coordinators.current(), coordinator);
    }

    function test_AMissedDeadlineCostsTheTurnToo() public {
        vm.expectEmit();
        emit C.CoordinatorPenalized(1, coordinator, PENALTY, true);
        vm.expectEmit();
        emit C.CoordinatorChanged(coordinator, standby);
        _penalize(true);
        assertEq(coordinators.current(), standby);
        _penalize(true);
        assertEq(coordinators.current(), reserve);
        _penalize(true);
        assertEq(coordinators.current(), coordinator, "the others' bonds are no longer complete");
        _penalize(true);
        assertEq(coordinators.current(), coordinator, "nobody else is fit");
    }

    function test_WithAnIncompleteBondTheTurnIsOver() public {
        for (uint256 i; i < 16; ++i) {
            _penalize(false);
            assertEq(coordinators.current(), coordinator);
        }
        assertEq(_bondOf(coordinator), COORDINATOR_BOND);
        _penalize(false);
        assertEq(coordinators.current(), standby);
    }

    function test_WithNobodyFitNobodyDrivesUntilSomebodyBonds() public {
        vm.startPrank(owner);
        coordinators.remove(coordinator);
        coordinators.remove(reserve);
        vm.stopPrank();
        _penalize(true);
        assertEq(coordinators.current(), address(0));
        _expectNotCoordinatorOf(address(0), standby);
        vm.prank(standby);
        registry.openRound(POOL_ROOT);
        _penalize(true); // takes nothing from nobody
        assertEq(coordinators.forfeited(), PENALTY);
        _bond(standby, PENALTY - 1);
        assertEq(coordinators.current(), address(0));
        vm.expectEmit();
        emit C.CoordinatorChanged(address(0), standby);
        _bond(standby, 1);
        assertEq(coordinators.current(), standby);
    }

    function test_NeverMoreThanTheBondIsTaken() public {
        CoordinatorRules memory r = _rules();
        r.penalty = COORDINATOR_BOND;
        address[] memory list = new address[](1);
        list[0] = coordinator;
        coordinators = _deployWith(r, list);
        _bond(coordinator, COORDINATOR_BOND + 7);
        _penalize(true);
        assertEq(_bondOf(coordinator), 7);
        assertEq(coordinators.current(), address(0));
        assertEq(coordinators.forfeited(), COORDINATOR_BOND);
        assertEq(address(coordinators).balance, COORDINATOR_BOND + 7);
    }

    function _expectNotCoordinatorOf(address expected, address actual) internal {
        vm.expectRevert(
            abi.encodeWithSelector(
                IContributionRegistry.ContributionRegistry_NotCoordinator.selector, expected, actual
            )
        );
    }

    // ---------------------------------------------------------------- succession

    function test_AnIdleCoordinatorIsSucceeded() public {
        uint256 idleAt = block.timestamp + IDLE_WINDOW;
        assertEq(coordinators.idleAt(), idleAt);
        skip(IDLE_WINDOW);
        _expectRevert(C.CoordinatorSet_NotIdle.selector, idleAt, block.timestamp);
        coordinators.succeed();
        skip(1);
        vm.prank(stranger);
        coordinators.succeed();
        assertEq(coordinators.current(), standby);
        assertEq(_bondOf(coordinator), 5 * COORDINATOR_BOND, "idling costs the turn only");
        _expectRevert(C.CoordinatorSet_NotIdle.selector, block.timestamp + IDLE_WINDOW, block.timestamp);
        coordinators.succeed();
    }

    function test_ARoundStartsTheIdleWindowAnew() public {
        skip(IDLE_WINDOW + 1);
        _toFinalized();
        assertEq(coordinators.idleAt(), registry.round(1).deadline + IDLE_WINDOW);
    }

    function test_RevertGiven_ARoundRunsWhenSucceeding() public {
        _open();
        skip(2 * IDLE_WINDOW);
        vm.expectRevert(abi.encodeWithSelector(C.CoordinatorSet_RoundRunning.selector, 1));
        coordinators.succeed();
    }

    function test_RevertGiven_NoStandby() public {
        vm.startPrank(owner);
        coordinators.remove(standby);
        coordinators.remove(reserve);
        skip(IDLE_WINDOW + 1);
        vm.expectRevert(C.CoordinatorSet_NoStandby.selector);
        coordinators.succeed();
        coordinators.remove(coordinator);
        skip(IDLE_WINDOW + 1);
        vm.expectRevert(C.CoordinatorSet_NoStandby.selector);
        coordinators.succeed();
    }

    function _openAndAbort() internal {
        _open();
        _abortAs(coordinator);
    }

    /// Else one that opens rounds and aborts them, or serves nobody, keeps its turn for ever.
    function test_TheSecondRoundInARowWithoutClosedCommitsPassesTheTurnOn() public {
        _openAndAbort();
        assertEq(coordinators.current(), coordinator);
        _open();
        vm.expectEmit();
        emit C.CoordinatorChanged(coordinator, standby);
        _abortAs(coordinator);
        assertEq(_bondOf(coordinator), 5 * COORDINATOR_BOND, "and costs no money");
        coordinator = standby;
        _openAndAbort();
        assertEq(coordinators.current(), standby, "the next one starts afresh");
    }

    function test_RoundsThatLapsePassTheTurnOnToo() public {
        for (uint256 i; i < 2; ++i) {
            assertEq(coordinators.current(), coordinator);
            _open();
            skip(101);
            registry.closeCommits(id);
        }
        assertEq(coordinators.current(), standby);
    }

    function test_ARoundInBetweenStartsTheCountAnew() public {
        _openAndAbort();
        _toFinalized();
        _openAndAbort();
        assertEq(coordinators.current(), coordinator);
        _openAndAbort();
        assertEq(coordinators.current(), standby);
    }

    /// Finalizing with the base must not be a way around the penalty of an abort.
    function test_ARoundInWhichNobodyProvedAnythingCosts() public {
        _toProving();
        skip(81);
        vm.expectEmit();
        emit C.CoordinatorPenalized(1, coordinator, PENALTY, false);
        _finalize(_result(GENESIS, BASE_LOSS, BASE_LOSS, 0));
        assertEq(coordinators.current(), coordinator);
    }

    function test_OneProofIsEnoughForARoundToCostNothing() public {
        _toProving();
        _proveNoise(alice);
        skip(81);
        _finalize(_result(GENESIS, BASE_LOSS, BASE_LOSS, 0));
        assertEq(_bondOf(coordinator), 5 * COORDINATOR_BOND);
    }

    // ---------------------------------------------------------------- which aborts cost what

    /// Aborts the round as `who`, which costs the coordinator a penalty or nothing, and its turn or not.
    function _check(address who, bool costs, bool missed) internal {
        uint256 before = _bondOf(coordinator);
        _abortAs(who);
        assertEq(before - _bondOf(coordinator), costs ? PENALTY : 0, "penalty");
        assertEq(coordinators.current(), costs && missed ? standby : coordinator, "turn");
    }

    function test_AbortingWhileNodesCommitIsFree() public {
        _toCommitted();
        _check(coordinator, false, false);
    }

    function test_ARoundWithoutAQuorumIsFree() public {
        _open();
        skip(101);
        uint256 clean = vm.snapshotState();
        _check(stranger, false, false);
        vm.revertToState(clean);
        registry.closeCommits(id);
        assertEq(_bondOf(coordinator), 5 * COORDINATOR_BOND);
    }

    function test_AbortingOnceTheSeedIsFixedCosts() public {
        _toSampling();
        _check(coordinator, true, false);
    }

    /// Else waiting would be a free choice among seeds: the coordinator could have drawn as well.
    function test_ADrawThatNobodyMadeCosts() public {
        _toSampling();
        skip(61);
        _check(stranger, true, true);
    }

    function test_AbortingWhileSamplesArriveCosts() public {
        _toCollecting();
        _check(coordinator, true, false);
    }

    function test_ARoundWithoutAnySampleIsFree() public {
        _toCollecting();
        skip(61);
        _check(coordinator, false, false);
        _toCollecting();
        skip(111);
        _check(stranger, false, false);
    }

    function test_ASealThatNeverCameCosts() public {
        _toCollecting();
        _sample(alice);
        skip(111);
        _check(stranger, true, true);
    }

    function test_AbortingInsteadOfSealingCosts() public {
        _toSampled();
        skip(61);
        _check(coordinator, true, false);
    }

    function test_AChallengeThatWasNeverDrawnCosts() public {
        _toSealed();
        skip(41);
        _check(stranger, true, true);
    }

    function test_AChallengeThatWasNeverPublishedCosts() public {
        _toDrawn();
        skip(41);
        _check(stranger, true, true);
    }

    function test_AFinalizationThatNeverCameCosts() public {
        _toProven();
        skip(111);
        _check(stranger, true, true);
    }

    function test_AbortingInsteadOfFinalizingCosts() public {
        _toProven();
        _check(coordinator, true, false);
    }

    /// It cannot keep its turn by being the one that aborts.
    function test_ItsOwnAbortAfterTheDeadlineIsAMiss() public {
        _toProven();
        skip(111);
        _check(coordinator, true, true);
    }

    function test_TheStandbyDrivesTheNextRound() public {
        _toSampled();
        skip(111);
        _abortAs(stranger);
        _expectNotCoordinatorOf(standby, coordinator);
        vm.prank(coordinator);
        registry.openRound(POOL_ROOT);
        coordinator = standby;
        _toFinalized();
        assertEq(registry.head(), candidate);
    }

    function test_TheCoordinatorOfARunningRoundStays() public {
        _toSampled();
        skip(111);
        _bond(standby, 100);
        vm.prank(reserve);
        coordinators.stepDown();
        vm.prank(owner);
        coordinators.approve(stranger);
        assertEq(coordinators.current(), coordinator);
        _seal(new uint8[](3), new MissingReason[](3));
    }

    // ---------------------------------------------------------------- fuzz

    function testFuzz_TheCurrentOneIsFitAndTheBalanceCoversBonds(uint256 seed) public {
        address[4] memory all = [coordinator, standby, reserve, stranger];
        vm.startPrank(owner);
        for (uint256 i; i < 24; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            address who = all[seed % 4];
            uint256 op = (seed >> 8) % 8;
            vm.stopPrank();
            if (op < 2) _penalize(op == 0);
            vm.startPrank(op < 4 ? owner : who);
            if (op == 2) try coordinators.approve(who) { } catch { }
            if (op == 3 && seed % 3 == 0) try coordinators.remove(who) { } catch { }
            if (op == 4) try coordinators.stepDown() { } catch { }
            if (op == 5) try coordinators.withdraw() { } catch { }
            if (op == 6) try coordinators.succeed() { } catch { }
            vm.stopPrank();
            if (op == 7) vm.deal(address(this), 2 ether);
            if (op == 7) try coordinators.bond{ value: (seed >> 16) % (2 ether) }(who) { } catch { }
            skip((seed >> 32) % (2 hours));
            _checkSet(all);
        }
    }

    function _checkSet(address[4] memory all) private view {
        uint256 bonds;
        bool anyFit;
        for (uint256 i; i < 4; ++i) {
            Seat memory s = coordinators.seat(all[i]);
            bonds += s.bond;
            anyFit = anyFit || coordinators.isFit(all[i]);
        }
        assertEq(address(coordinators).balance, bonds + coordinators.forfeited(), "balance");
        address current = coordinators.current();
        assertEq(current != address(0), anyFit, "somebody drives if anybody is fit");
        if (current != address(0)) assertTrue(coordinators.isFit(current), "the current one is fit");
    }
}

contract Reentrant {
    CoordinatorSet private immutable SET;

    constructor(CoordinatorSet set) {
        SET = set;
    }

    function stepDown() external {
        SET.stepDown();
    }

    function withdraw() external {
        SET.withdraw();
    }

    receive() external payable {
        try SET.withdraw() { } catch { }
    }
}
