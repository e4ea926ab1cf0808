// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { CoordinatorRules } from "../types/CoordinatorRules.sol";
import { Seat } from "../types/Seat.sol";
import { IContributionRegistry } from "./IContributionRegistry.sol";
import { IForfeits } from "./IForfeits.sol";

/// @title The coordinators of the network and their bonds
/// @notice An ordered list of bonded coordinators, one of which drives rounds. An abort of its doing costs it a
/// fixed part of its bond; one that misses its deadlines, or does nothing, is replaced by the next one.
/// @dev The owner can approve and remove coordinators, and name once where penalties go; it cannot touch a bond,
/// nor change the coordinator of a round that runs. The current coordinator may, in the registry of rounds: open
/// a round, close commitments once the quorum's window has passed, seal, publish the challenge, finalize, and
/// abort. The registry says which aborts are its doing. A coordinator is fit while it is approved, has its bond
/// and is not leaving; only a fit one becomes the current one.
interface ICoordinatorSet is IForfeits {
    /// @notice The owner put an account at the end of the list.
    event CoordinatorApproved(address indexed coordinator);

    /// @notice The owner took an account off the list; its bond is free at `exitAt` (0: it had none).
    event CoordinatorRemoved(address indexed coordinator, uint64 exitAt);

    /// @notice Somebody added to a coordinator's bond, which is now `bond`.
    event CoordinatorBonded(address indexed coordinator, address indexed from, uint256 amount, uint256 bond);

    /// @notice Another account drives the rounds from the next one on; zero if none is fit.
    event CoordinatorChanged(address indexed previous, address indexed current);

    /// @notice A coordinator paid for an abort, its own, or one after a deadline that it missed.
    event CoordinatorPenalized(
        uint256 indexed round, address indexed coordinator, uint256 amount, bool missedDeadline
    );

    /// @notice A coordinator drives no further round; its bond is free at `exitAt`.
    event CoordinatorLeaving(address indexed coordinator, uint64 exitAt);

    /// @notice A coordinator that left has its bond back.
    event CoordinatorWithdrew(address indexed coordinator, uint256 amount);

    /// @notice The penalty must be between 1 and the bond.
    error CoordinatorSet_PenaltyOutOfRange(uint256 max, uint256 actual);

    /// @notice A time must be between one second and `max`.
    error CoordinatorSet_DurationOutOfRange(uint256 max, uint256 actual);

    /// @notice The list has as many coordinators as it can.
    error CoordinatorSet_Full(uint256 max);

    /// @notice The account is on the list.
    error CoordinatorSet_AlreadyApproved(address account);

    /// @notice The account is not on the list.
    error CoordinatorSet_NotApproved(address account);

    /// @notice The account is leaving: it must withdraw its bond before it can bond again.
    error CoordinatorSet_Leaving(address account);

    /// @notice A bond must carry coins.
    error CoordinatorSet_NothingToBond();

    /// @notice The coordinator's round is not over.
    error CoordinatorSet_RoundRunning(uint256 round);

    /// @notice The account has not left.
    error CoordinatorSet_NotLeaving(address account);

    /// @notice The bond is not free yet.
    error CoordinatorSet_ExitPending(uint256 exitAt, uint256 timestamp);

    /// @notice The coordinator still has time to open a round.
    error CoordinatorSet_NotIdle(uint256 idleAt, uint256 timestamp);

    /// @notice Nobody has this address.
    error CoordinatorSet_ZeroAddress();

    /// @notice No other coordinator is fit.
    error CoordinatorSet_NoStandby();

    /// @notice Only the registry of rounds reports aborts.
    error CoordinatorSet_NotRegistry(address expected, address actual);

    /// @notice Puts an account at the end of the list. Only the owner.
    function approve(address account) external;

    /// @notice Takes an account off the list; its bond is free after the delay. Only the owner. If the account's
    /// round runs, it drives that one to its end, and no other.
    function remove(address account) external;

    /// @notice Adds the call's value to a coordinator's bond. Anyone may pay; the bond is the coordinator's.
    function bond(address account) external payable;

    /// @notice The caller drives no further round than the one that runs; its bond is free after the delay.
    function stepDown() external;

    /// @notice Pays the caller's bond back, once it has left or was removed and the delay has passed. Not while its
    /// round runs.
    function withdraw() external;

    /// @notice Makes the next fit coordinator the current one if there has been no round for too long: the idle
    /// window counts from the last deadline of the last round, or from when the current one took over. At once if
    /// the current one is no longer fit. Anyone, between two rounds.
    function succeed() external;

    /// @notice A round ended before its commits were closed. The second one in a row passes the turn on: opening rounds
    /// is not enough to keep it. Costs no money, as nothing was drawn. Only the registry of rounds.
    function reportUnclosed(uint256 round) external;

    /// @notice Takes the penalty for an abort, or for a round in which nobody proved anything, from the current
    /// coordinator, and replaces it if it missed a deadline or its bond is no longer complete. Only the registry of
    /// rounds.
    /// @dev Never reverts for it: an abort must not fail.
    function penalize(uint256 round, bool missedDeadline) external;

    /// @notice Who drives the rounds; zero if nobody is fit. Never changes while a round runs.
    function current() external view returns (address);

    /// @notice When the current coordinator took over, in seconds.
    function since() external view returns (uint64);

    /// @notice From when on `succeed` is possible, in seconds, unless a round is opened before.
    function idleAt() external view returns (uint256);

    /// @notice Everybody on the list, in its order.
    function coordinators() external view returns (address[] memory);

    /// @notice What an account has in the set; zeros if nothing.
    function seat(address account) external view returns (Seat memory);

    /// @notice Whether an account could drive rounds.
    function isFit(address account) external view returns (bool);

    /// @notice The rules.
    function rules() external view returns (CoordinatorRules memory);

    /// @notice The registry of rounds, the only one that reports aborts.
    function registry() external view returns (IContributionRegistry);
}
