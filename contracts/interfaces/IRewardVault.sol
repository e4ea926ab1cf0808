// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Objection } from "../types/Objection.sol";
import { Settlement } from "../types/Settlement.sol";
import { ICreditSource } from "./ICreditSource.sol";

/// @title Money for improvement
/// @notice Anyone funds rounds. A round that is over pays at most `rate × measured drop`, in proportion to
/// the credits of its contributions; what it does not pay rolls over to the next one.
/// @dev One vault for one registry and one asset: the native coin, or an ERC-20 that moves exactly what it
/// is told to (no fee, no rebasing). The owner can change the rate of rounds that are not open yet, and
/// rule on objections: it can return a payout to the pot, and can never take money out. It is meant to be a
/// timelock. Whoever clears the last bit of a round gets what rounding left over, so that the payments of a
/// round add up to its payout exactly.
interface IRewardVault {
    /// @notice Money for `rounds` rounds from `firstRound` on.
    event Funded(uint256 indexed firstRound, address indexed from, uint256 rounds, uint256 amountPerRound);

    /// @notice Money for the pot of the next round to settle.
    event Donated(uint256 indexed round, address indexed from, uint256 amount);

    /// @notice Rounds from `firstRound` on pay at another rate.
    event RateChanged(uint256 indexed firstRound, uint256 rateWeiPerNano);

    /// @notice A round is settled; `rolledOver` is what it leaves for the next one.
    event RoundPaidOut(
        uint256 indexed round, uint256 payout, uint256 totalNano, uint256 rolledOver, uint64 opensAt
    );

    /// @notice A node has got its part of a round.
    event RewardClaimed(uint256 indexed round, address indexed node, uint256 amount);

    /// @notice Somebody objects to a payout; claims wait for a ruling, until the deadline.
    event ObjectionFiled(
        uint256 indexed round,
        address indexed objector,
        bytes32 evidenceDigest,
        string cid,
        uint64 rulingDeadline
    );

    /// @notice The owner ruled; `toPot` is the payout (upheld) or the bond (rejected).
    event ObjectionRuled(uint256 indexed round, address indexed objector, bool upheld, uint256 toPot);

    /// @notice Nobody ruled in time: the bond is free, and claims are open.
    event ObjectionExpired(uint256 indexed round, address indexed objector);

    /// @notice A bond went back to whoever had objected.
    event BondReturned(address indexed objector, uint256 amount);

    /// @notice There is no contract where the registry or the token should be.
    error RewardVault_NoContract(address actual);

    /// @notice A window must last between one second and `max`.
    error RewardVault_DurationOutOfRange(uint256 max, uint256 actual);

    /// @notice The rate must be between 1 and `max`.
    error RewardVault_RateOutOfRange(uint256 max, uint256 actual);

    /// @notice The objection bond must be between 1 and `max`.
    error RewardVault_BondOutOfRange(uint256 max, uint256 actual);

    /// @notice An amount must be between 1 and `max`.
    error RewardVault_AmountOutOfRange(uint256 max, uint256 actual);

    /// @notice A stream has between 1 and `max` rounds, and starts at most `max` rounds ahead.
    error RewardVault_StreamOutOfRange(uint256 max, uint256 actual);

    /// @notice The round is settled; the next one to settle is `next`.
    error RewardVault_AlreadySettled(uint256 next, uint256 actual);

    /// @notice The round is not settled yet; the next one to settle is `next`.
    error RewardVault_NotSettled(uint256 next, uint256 actual);

    /// @notice Rounds are settled one after the other.
    error RewardVault_NotNext(uint256 expected, uint256 actual);

    /// @notice The round is neither finalized nor aborted.
    error RewardVault_NotOver(uint256 round);

    /// @notice The call carries another amount of the native coin than it must.
    error RewardVault_WrongValue(uint256 expected, uint256 actual);

    /// @notice The token moved another amount than it was told to, as one that takes a fee does.
    error RewardVault_WrongTransfer(uint256 expected, uint256 actual);

    /// @notice The vault does not hold the native coin.
    error RewardVault_NotNative();

    /// @notice A list of rounds is empty.
    error RewardVault_EmptyList();

    /// @notice Claims are not open yet.
    error RewardVault_ClaimsNotOpen(uint256 round, uint256 opensAt, uint256 timestamp);

    /// @notice An objection waits for its ruling.
    error RewardVault_Frozen(uint256 round, uint256 rulingDeadline);

    /// @notice The node has nothing to claim in this round, or has claimed it.
    error RewardVault_NothingToClaim(uint256 round, address node);

    /// @notice The round pays nothing, so there is nothing to object to.
    error RewardVault_NothingToObject(uint256 round);

    /// @notice It is too late to object.
    error RewardVault_ObjectionTooLate(uint256 opensAt, uint256 timestamp);

    /// @notice An objection needs the digest and the content identifier of its evidence.
    error RewardVault_NoEvidence();

    /// @notice There is no open objection.
    error RewardVault_NoObjection(uint256 round);

    /// @notice It is too late for a ruling.
    error RewardVault_RulingTooLate(uint256 rulingDeadline, uint256 timestamp);

    /// @notice There is still time for a ruling.
    error RewardVault_RulingPending(uint256 rulingDeadline, uint256 timestamp);

    /// @notice No bond of this account is free.
    error RewardVault_NothingToWithdraw(address account);

    /// @notice Funds a round (`rounds` = 1) or a stream of them. Anyone.
    /// @param firstRound Not settled yet.
    /// @param rounds How many.
    /// @param amountPerRound For each of them; `rounds × amountPerRound` is paid in now.
    function fund(uint256 firstRound, uint256 rounds, uint256 amountPerRound) external payable;

    /// @notice Adds to the pot of the next round to settle. Anyone; the native coin can also just be sent.
    function donate(uint256 amount) external payable;

    /// @notice Settles the next round, once it is over. Anyone.
    function settle(uint256 roundId) external;

    /// @notice Pays the caller its parts of these rounds, in one transfer.
    function claim(uint256[] calldata roundIds) external;

    /// @notice Pays a node its parts of these rounds. Anyone; the money goes to the node.
    function claimFor(address node, uint256[] calldata roundIds) external;

    /// @notice Objects to a payout, for a bond in the vault's asset, before claims open. Anyone.
    /// @param roundId A settled round that pays something and has no open objection.
    /// @param evidenceDigest SHA-256 of the evidence.
    /// @param cid Its content identifier.
    function object(uint256 roundId, bytes32 evidenceDigest, string calldata cid) external payable;

    /// @notice Rules on an objection, until its deadline. Only the owner. Upheld: the payout goes back to
    /// the pot, and the bond to the objector. Rejected: the bond goes to the pot, and claims open.
    function rule(uint256 roundId, bool upheld) external;

    /// @notice Frees the bond of an objection that nobody ruled on in time. Anyone.
    function expireObjection(uint256 roundId) external;

    /// @notice Pays out the caller's free bonds.
    function withdraw() external;

    /// @notice Sets the rate of rounds that are not open yet. Only the owner.
    function setRate(uint256 rateWeiPerNano_) external;

    /// @notice Smallest units of the asset that a round pays for 1e-9 of loss.
    function rateWeiPerNano(uint256 roundId) external view returns (uint256);

    /// @notice What a node would get for a round; 0 if it has claimed. Says nothing about when.
    function owed(uint256 roundId, address node) external view returns (uint256);

    /// @notice What the next round to settle has to pay with, without its streams.
    function pot() external view returns (uint256);

    /// @notice The next round to settle.
    function nextRound() external view returns (uint256);

    /// @notice A settled round; zeros if it is not.
    function settlement(uint256 roundId) external view returns (Settlement memory);

    /// @notice The open objection to a round; zeros if there is none.
    function objection(uint256 roundId) external view returns (Objection memory);

    /// @notice Bonds that an account can withdraw.
    function freeBonds(address account) external view returns (uint256);

    /// @notice Who says what was earned.
    function source() external view returns (ICreditSource);

    /// @notice The token; zero for the native coin.
    function asset() external view returns (address);

    /// @notice Seconds between settlement and claims.
    function objectionWindow() external view returns (uint64);

    /// @notice Seconds that the owner has for a ruling.
    function rulingWindow() external view returns (uint64);

    /// @notice What an objection costs until it is ruled on.
    function objectionBond() external view returns (uint256);
}
