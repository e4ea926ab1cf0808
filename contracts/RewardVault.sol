// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { PermanentlyOwned } from "./PermanentlyOwned.sol";
import { ICreditSource } from "./interfaces/ICreditSource.sol";
import { IRewardVault } from "./interfaces/IRewardVault.sol";
import { Objection } from "./types/Objection.sol";
import { Settlement } from "./types/Settlement.sol";
import { Ownable } from "@openzeppelin/contracts/access/Ownable.sol";
import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import { SafeERC20 } from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import { Address } from "@openzeppelin/contracts/utils/Address.sol";
import { ReentrancyGuardTransient } from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import { Math } from "@openzeppelin/contracts/utils/math/Math.sol";
import { Checkpoints } from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

/// @title RewardVault
/// @notice Keeps the money for improvement, and pays it out.
contract RewardVault is IRewardVault, PermanentlyOwned, ReentrancyGuardTransient {
    using Checkpoints for Checkpoints.Trace160;
    using SafeERC20 for IERC20;

    /// A whole token of 18 decimals for 1e-9 of loss.
    uint256 internal constant MAX_RATE = 1e18;

    /// Of one funding for one round, one donation and the bond.
    uint256 internal constant MAX_AMOUNT = type(uint96).max;

    uint256 internal constant MAX_STREAM = 1 << 32;

    uint256 internal constant MAX_WINDOW = 90 days;

    /// A round that pays gets one of so many parts of what is held.
    uint256 internal constant HELD_PARTS = 16;

    /// To one round. The n-th costs 2^(n-1) bonds.
    uint256 internal constant MAX_OBJECTIONS = 3;

    /// @inheritdoc IRewardVault
    ICreditSource public immutable override source;

    /// @inheritdoc IRewardVault
    address public immutable override asset;

    /// @inheritdoc IRewardVault
    uint64 public immutable override objectionWindow;

    /// @inheritdoc IRewardVault
    uint64 public immutable override rulingWindow;

    /// @inheritdoc IRewardVault
    uint256 public immutable override objectionBond;

    /// @inheritdoc IRewardVault
    uint256 public override pot;

    /// @inheritdoc IRewardVault
    uint256 public override held;

    /// @inheritdoc IRewardVault
    uint256 public override nextRound = 1;

    /// @inheritdoc IRewardVault
    address public override judge;

    /// @inheritdoc IRewardVault
    mapping(address account => uint256) public override freeBonds;

    /// What every round gets now: the sum of the streams that have started and not ended.
    uint256 private _stream;
    mapping(uint256 roundId => uint256) private _streamStarts;
    mapping(uint256 roundId => uint256) private _streamEnds;
    mapping(uint256 roundId => Settlement) private _settlements;
    mapping(uint256 roundId => Objection) private _objections;
    Checkpoints.Trace160 private _rates;

    /// @notice Fixes the rules.
    /// @param owner_ Who sets the rate of future rounds and names the judge: a timelock.
    /// @param judge_ Who rules on objections.
    /// @param source_ The registry.
    /// @param asset_ The token, or zero for the native coin.
    /// @param rateWeiPerNano_ Of the rounds from the next one on, and of those before.
    /// @param objectionWindow_ Seconds between settlement and claims.
    /// @param rulingWindow_ Seconds for a ruling.
    /// @param objectionBond_ In the asset.
    constructor(
        address owner_,
        address judge_,
        ICreditSource source_,
        address asset_,
        uint256 rateWeiPerNano_,
        uint64 objectionWindow_,
        uint64 rulingWindow_,
        uint256 objectionBond_
    ) Ownable(owner_) {
        _requireContract(address(source_));
        if (asset_ != address(0)) _requireContract(asset_);
        _requireWindow(objectionWindow_);
        _requireWindow(rulingWindow_);
        require(
            objectionBond_ != 0 && objectionBond_ <= MAX_AMOUNT,
            RewardVault_BondOutOfRange(MAX_AMOUNT, objectionBond_)
        );
        source = source_;
        asset = asset_;
        objectionWindow = objectionWindow_;
        rulingWindow = rulingWindow_;
        objectionBond = objectionBond_;
        _setRate(0, rateWeiPerNano_);
        _setJudge(judge_);
    }

    /// @notice Adds to the pot.
    receive() external payable {
        _receive();
    }

    // ---------------------------------------------------------------- money in

    /// @inheritdoc IRewardVault
    function fund(uint256 firstRound, uint256 rounds, uint256 amountPerRound)
        external
        payable
        override
        nonReentrant
    {
        uint256 next = nextRound;
        require(firstRound >= next, RewardVault_AlreadySettled(next, firstRound));
        require(firstRound - next <= MAX_STREAM, RewardVault_StreamOutOfRange(MAX_STREAM, firstRound - next));
        require(rounds != 0 && rounds <= MAX_STREAM, RewardVault_StreamOutOfRange(MAX_STREAM, rounds));
        _requireAmount(amountPerRound);

        _streamStarts[firstRound] += amountPerRound;
        _streamEnds[firstRound + rounds] += amountPerRound;
        emit Funded(firstRound, msg.sender, rounds, amountPerRound);
        _take(rounds * amountPerRound);
    }

    /// @inheritdoc IRewardVault
    function donate(uint256 amount) external payable override nonReentrant {
        _requireAmount(amount);
        _donate(amount);
        _take(amount);
    }

    // ---------------------------------------------------------------- settle, claim

    /// @inheritdoc IRewardVault
    function settle(uint256 roundId) external override nonReentrant {
        require(roundId == nextRound, RewardVault_NotNext(nextRound, roundId));
        (uint256 totalNano, uint256 bitmap, uint256 dropNano, bool over) = source.roundCredit(roundId);
        require(over, RewardVault_NotOver(roundId));

        uint256 stream = _stream + _streamStarts[roundId] - _streamEnds[roundId];
        uint256 due = totalNano == 0 ? 0 : rateWeiPerNano(roundId) * dropNano;
        uint256 available = pot + _release(stream, due);
        uint256 payout = Math.min(available, due);
        uint64 opensAt = uint64(block.timestamp) + objectionWindow;
        _stream = stream;
        pot = available - payout;
        nextRound = roundId + 1;
        // The rate is below 2^60 and a drop below 2^64; a total is stored in 128 bits.
        // forge-lint: disable-next-item(unsafe-typecast)
        _settlements[roundId] = Settlement({
            payout: uint128(payout),
            unpaid: uint128(payout),
            totalNano: uint128(totalNano),
            opensAt: opensAt,
            objections: 0,
            unclaimed: payout == 0 ? 0 : bitmap
        });
        emit RoundPaidOut(roundId, payout, totalNano, available - payout, held, opensAt);
    }

    /// @inheritdoc IRewardVault
    function claim(uint256[] calldata roundIds) external override nonReentrant {
        _claim(msg.sender, roundIds);
    }

    /// @inheritdoc IRewardVault
    function claimFor(address node, uint256[] calldata roundIds) external override nonReentrant {
        _claim(node, roundIds);
    }

    // ---------------------------------------------------------------- objections

    /// @inheritdoc IRewardVault
    function object(uint256 roundId, bytes32 evidenceDigest, string calldata cid)
        external
        payable
        override
        nonReentrant
    {
        Settlement storage s = _settled(roundId);
        require(s.payout != 0, RewardVault_NothingToObject(roundId));
        require(evidenceDigest != 0 && bytes(cid).length != 0, RewardVault_NoEvidence());
        Objection storage o = _objections[roundId];
        if (o.objector != address(0)) {
            require(block.timestamp > o.rulingDeadline, RewardVault_Frozen(roundId, o.rulingDeadline));
            _expire(roundId, s, o);
        }
        require(s.objections < MAX_OBJECTIONS, RewardVault_NoMoreObjections(roundId, MAX_OBJECTIONS));
        require(block.timestamp < s.opensAt, RewardVault_ObjectionTooLate(s.opensAt, block.timestamp));

        uint256 bond = objectionBond << s.objections;
        uint64 rulingDeadline = uint64(block.timestamp) + rulingWindow;
        // What follows if nobody rules. Claims open later than any ruling on the payout.
        uint64 opensAt = _opensAfter(rulingDeadline + 1, ++s.objections);
        s.opensAt = opensAt;
        (o.objector, o.rulingDeadline, o.bond) = (msg.sender, rulingDeadline, bond);
        emit ObjectionFiled(
            roundId, msg.sender, s.objections, evidenceDigest, cid, bond, rulingDeadline, opensAt
        );
        _take(bond);
    }

    /// @inheritdoc IRewardVault
    function rule(uint256 roundId, uint256 number, bool upheld) external override {
        require(msg.sender == judge, RewardVault_NotJudge(judge, msg.sender));
        (Settlement storage s, Objection storage o) = _openObjection(roundId);
        require(number == s.objections, RewardVault_OtherObjection(roundId, s.objections, number));
        require(
            block.timestamp <= o.rulingDeadline, RewardVault_RulingTooLate(o.rulingDeadline, block.timestamp)
        );

        (address objector, uint256 toPot) = (o.objector, o.bond);
        delete _objections[roundId];
        if (upheld) {
            freeBonds[objector] += toPot;
            // No claim was possible before the ruling, so this is all of it.
            toPot = s.unpaid;
            s.payout = 0;
            s.unpaid = 0;
            s.unclaimed = 0;
        } else {
            s.opensAt = _opensAfter(uint64(block.timestamp), s.objections);
        }
        pot += toPot;
        emit ObjectionRuled(roundId, objector, number, upheld, toPot, s.opensAt);
    }

    /// @inheritdoc IRewardVault
    function expireObjection(uint256 roundId) external override {
        (Settlement storage s, Objection storage o) = _openObjection(roundId);
        require(
            block.timestamp > o.rulingDeadline, RewardVault_RulingPending(o.rulingDeadline, block.timestamp)
        );

        _expire(roundId, s, o);
    }

    /// @inheritdoc IRewardVault
    function withdraw() external override nonReentrant {
        uint256 amount = freeBonds[msg.sender];
        require(amount != 0, RewardVault_NothingToWithdraw(msg.sender));

        freeBonds[msg.sender] = 0;
        emit BondReturned(msg.sender, amount);
        _pay(msg.sender, amount);
    }

    /// @inheritdoc IRewardVault
    function setRate(uint256 rateWeiPerNano_) external override onlyOwner {
        _setRate(source.roundCount() + 1, rateWeiPerNano_);
    }

    /// @inheritdoc IRewardVault
    function setJudge(address judge_) external override onlyOwner {
        _setJudge(judge_);
    }

    // ---------------------------------------------------------------- views

    /// @inheritdoc IRewardVault
    function rateWeiPerNano(uint256 roundId) public view override returns (uint256) {
        // Rounds are counted one by one; whatever is above has the last rate.
        return _rates.upperLookupRecent(uint96(Math.min(roundId, type(uint96).max)));
    }

    /// @inheritdoc IRewardVault
    function owed(uint256 roundId, address node) external view override returns (uint256 amount) {
        (amount,) = _part(roundId, node, _settlements[roundId]);
    }

    /// @inheritdoc IRewardVault
    function settlement(uint256 roundId) external view override returns (Settlement memory) {
        return _settlements[roundId];
    }

    /// @inheritdoc IRewardVault
    function objection(uint256 roundId) external view override returns (Objection memory) {
        return _objections[roundId];
    }

    // ---------------------------------------------------------------- steps

    function _claim(address node, uint256[] calldata roundIds) private {
        require(roundIds.length != 0, RewardVault_EmptyList());
        uint256 total;
        for (uint256 i; i < roundIds.length; ++i) {
            total += _claimOne(node, roundIds[i]);
        }
        if (total != 0) _pay(node, total);
    }

    function _claimOne(address node, uint256 roundId) private returns (uint256 amount) {
        Settlement storage s = _settled(roundId);
        require(block.timestamp >= s.opensAt, RewardVault_ClaimsNotOpen(roundId, s.opensAt, block.timestamp));
        uint256 left;
        (amount, left) = _part(roundId, node, s);
        require(left != s.unclaimed, RewardVault_NothingToClaim(roundId, node));

        s.unclaimed = left;
        // At most what is unpaid.
        // forge-lint: disable-next-line(unsafe-typecast)
        s.unpaid -= uint128(amount);
        emit RewardClaimed(roundId, node, amount);
    }

    /// A node's part, and the bits that its claim leaves; all bits if it has nothing to claim.
    function _part(uint256 roundId, address node, Settlement storage s)
        private
        view
        returns (uint256 amount, uint256 left)
    {
        uint256 unclaimed = s.unclaimed;
        if (unclaimed == 0) return (0, 0);
        (uint256 creditNano, uint256 index) = source.credit(roundId, node);
        left = creditNano == 0 ? unclaimed : unclaimed & ~(uint256(1) << index);
        if (left == unclaimed) return (0, left);
        // The last one also gets what rounding left over.
        amount = left == 0 ? s.unpaid : s.payout * creditNano / s.totalNano;
    }

    /// What a round has to pay with, apart from the pot. The stream of a round that is due nothing is held, and comes
    /// back by a fixed part in each later round. No funding, large or small, changes that part: none can pour
    /// what others funded into one round, and none can keep it there. Rounded up, so that all of it comes back.
    function _release(uint256 stream, uint256 due) private returns (uint256) {
        uint256 kept = held;
        if (due == 0) {
            held = kept + stream;
            return 0;
        }
        uint256 released = Math.ceilDiv(kept, HELD_PARTS);
        held = kept - released;
        return stream + released;
    }

    /// When claims open after an objection that ends at `end`: after another window, if there may be another
    /// objection. After the last one at once, which may be earlier than it was: there is nobody left to wait for.
    function _opensAfter(uint64 end, uint256 objections) private view returns (uint64) {
        return objections < MAX_OBJECTIONS ? end + objectionWindow : end;
    }

    function _expire(uint256 roundId, Settlement storage s, Objection storage o) private {
        address objector = o.objector;
        freeBonds[objector] += o.bond;
        delete _objections[roundId];
        emit ObjectionExpired(roundId, objector, s.objections);
    }

    function _setJudge(address judge_) private {
        require(judge_ != address(0), RewardVault_NoJudge());
        judge = judge_;
        emit JudgeChanged(judge_);
    }

    function _setRate(uint256 firstRound, uint256 rate) private {
        require(rate != 0 && rate <= MAX_RATE, RewardVault_RateOutOfRange(MAX_RATE, rate));
        // Rounds are counted one by one, and a rate is below 2^60.
        // forge-lint: disable-next-line(unsafe-typecast)
        _rates.push(uint96(firstRound), uint160(rate));
        emit RateChanged(firstRound, rate);
    }

    function _receive() private {
        require(asset == address(0), RewardVault_NotNative());
        _donate(msg.value);
    }

    function _donate(uint256 amount) private {
        pot += amount;
        emit Donated(nextRound, msg.sender, amount);
    }

    // ---------------------------------------------------------------- the asset

    function _take(uint256 amount) private {
        if (asset == address(0)) {
            require(msg.value == amount, RewardVault_WrongValue(amount, msg.value));
            return;
        }
        require(msg.value == 0, RewardVault_WrongValue(0, msg.value));
        uint256 before = IERC20(asset).balanceOf(address(this));
        IERC20(asset).safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = IERC20(asset).balanceOf(address(this)) - before;
        require(received == amount, RewardVault_WrongTransfer(amount, received));
    }

    function _pay(address to, uint256 amount) private {
        if (asset == address(0)) Address.sendValue(payable(to), amount);
        else IERC20(asset).safeTransfer(to, amount);
    }

    // ---------------------------------------------------------------- shared checks

    function _settled(uint256 roundId) private view returns (Settlement storage s) {
        s = _settlements[roundId];
        require(s.opensAt != 0, RewardVault_NotSettled(nextRound, roundId));
    }

    function _openObjection(uint256 roundId)
        private
        view
        returns (Settlement storage s, Objection storage o)
    {
        (s, o) = (_settlements[roundId], _objections[roundId]);
        require(o.objector != address(0), RewardVault_NoObjection(roundId));
    }

    function _requireAmount(uint256 amount) private pure {
        require(amount != 0 && amount <= MAX_AMOUNT, RewardVault_AmountOutOfRange(MAX_AMOUNT, amount));
    }

    function _requireWindow(uint256 window) private pure {
        require(window != 0 && window <= MAX_WINDOW, RewardVault_DurationOutOfRange(MAX_WINDOW, window));
    }

    function _requireContract(address actual) private view {
        require(actual.code.length != 0, RewardVault_NoContract(actual));
    }
}
