// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Objection } from "../types/Objection.sol";
import { Settlement } from "../types/Settlement.sol";
import { ICreditSource } from "./ICreditSource.sol";

/// @title Money for improvement
/// @notice Anyone funds rounds. A round that is over pays at most `rate × measured drop`, in proportion to
/// the credits of its contributions; what it does not pay rolls over to the next one.
/// @dev One vault for one registry and one asset: the native coin, or an ERC-20 that moves exactly what it
/// is told to (no fee, no rebasing). The owner, meant to be a timelock, can change the rate of rounds that
/// are not open yet, and name the judge. The judge rules on objections: it can return a payout to the pot.
/// Neither can take money out. At most three objections to a round, each for twice the bond of the one
/// before, so its claims open at the latest 3 × (objectionWindow + rulingWindow) after it was settled.
/// Whoever clears the last bit of a round gets what rounding left over, so that the payments of a
/// round add up to its payout exactly.
interface IRewardVault {
    /// @notice Money for `rounds` rounds from `firstRound` on.
    event Funded(uint256 indexed firstRound, address indexed from, uint256 rounds, uint256 amountPerRound);

    /// @notice Money for the pot of the next round to settle.
    event Donated(uint256 indexed round, address indexed from, uint256 amount);

    /// @notice Rounds from `firstRound` on pay at another rate.
    event RateChanged(uint256 indexed firstRound, uint256 rateWeiPerNano);

    /// @notice Somebody else rules on objections from now on, those that are open included.
    event JudgeChanged(address indexed judge);

    /// @notice A round is settled; `rolledOver` is what it leaves for the next one, and `held` what is held
    /// of the streams of rounds that paid nobody.
    event RoundPaidOut(
        uint256 indexed round,
        uint256 payout,
        uint256 totalNano,
        uint256 rolledOver,
        uint256 held,
        uint64 opensAt
    );

    /// @notice A node has got its part of a round.
    event RewardClaimed(uint256 indexed round, address indexed node, uint256 amount);

    /// @notice Somebody objects to a payout, as the `number`-th for this round. Claims open at `opensAt` if
    /// nobody rules until the deadline.
    event ObjectionFiled(
        uint256 indexed round,
        address indexed objector,
        uint256 number,
        bytes32 evidenceDigest,
        string cid,
        uint256 bond,
        uint64 rulingDeadline,
        uint64 opensAt
    );

    /// @notice The judge ruled; `toPot` is the payout (upheld) or the bond (rejected). Rejected, claims open
    /// at `opensAt`.
    event ObjectionRuled(
        uint256 indexed round,
        address indexed objector,
        uint256 number,
        bool upheld,
        uint256 toPot,
        uint64 opensAt
    );

    /// @notice Nobody ruled in time, and the bond is free. When claims open is as it was.
    event ObjectionExpired(uint256 indexed round, address indexed objector, uint256 number);

    /// @notice A bond went back to whoever had objected.
    event BondReturned(address indexed objector, uint256 amount);

    /// @notice A vault needs a judge.
    error RewardVault_NoJudge();

    /// @notice Only the judge rules on objections.
    error RewardVault_NotJudge(address judge, address account);

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

    /// @notice The round has had all the objections that it can have.
    error RewardVault_NoMoreObjections(uint256 round, uint256 max);

    /// @notice The ruling is about another objection than the open one.
    error RewardVault_OtherObjection(uint256 round, uint256 open, uint256 actual);

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

    /// @notice Objects to a payout, for a bond in the vault's asset, before claims open. Anyone. The bond is
    /// twice that of the round's last objection. One that nobody ruled on in time ends here.
    /// @param roundId A settled round that pays something, and no objection to it waits for its ruling.
    /// @param evidenceDigest SHA-256 of the evidence.
    /// @param cid Its content identifier.
    function object(uint256 roundId, bytes32 evidenceDigest, string calldata cid) external payable;

    /// @notice Rules on an objection, until its deadline. Only the judge. Upheld: the payout goes back to
    /// the pot, and the bond to the objector. Rejected: the bond goes to the pot, and there is another
    /// objection window; after the last objection claims open at once.
    /// @param roundId The round.
    /// @param number Which of its objections; it must be the open one.
    /// @param upheld Whether the objection is right.
    function rule(uint256 roundId, uint256 number, bool upheld) external;

    /// @notice Frees the bond of an objection that nobody ruled on in time. Anyone.
    function expireObjection(uint256 roundId) external;

    /// @notice Pays out the caller's free bonds.
    function withdraw() external;

    /// @notice Sets the rate of rounds that are not open yet. Only the owner.
    function setRate(uint256 rateWeiPerNano_) external;

    /// @notice Names who rules on objections, from now on. Only the owner.
    function setJudge(address judge_) external;

    /// @notice Who rules on objections.
    function judge() external view returns (address);

    /// @notice Smallest units of the asset that a round pays for 1e-9 of loss.
    function rateWeiPerNano(uint256 roundId) external view returns (uint256);

    /// @notice What a node would get for a round; 0 if it has claimed. Says nothing about when.
    function owed(uint256 roundId, address node) external view returns (uint256);

    /// @notice What the next round to settle has to pay with, without its streams.
    function pot() external view returns (uint256);

    /// @notice What rounds that paid nobody did not use of their streams. Rounds that pay get it back, each
    /// a sixteenth of it, rounded up.
    function held() external view returns (uint256);

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

    /// @notice Seconds that the judge has for a ruling.
    function rulingWindow() external view returns (uint64);

    /// @notice What the first objection to a round costs until it is ruled on; each further one twice as much.
    function objectionBond() external view returns (uint256);
}
