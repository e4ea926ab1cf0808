// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { Forfeits } from "./Forfeits.sol";
import { IContributionRegistry } from "./interfaces/IContributionRegistry.sol";
import { ICoordinatorSet } from "./interfaces/ICoordinatorSet.sol";
import { CoordinatorRules } from "./types/CoordinatorRules.sol";
import { Phase } from "./types/Phase.sol";
import { Seat } from "./types/Seat.sol";
import { Ownable } from "@openzeppelin/contracts/access/Ownable.sol";
import { Address } from "@openzeppelin/contracts/utils/Address.sol";
import { Math } from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title CoordinatorSet
/// @notice Keeps the coordinators and their bonds, and says which one drives rounds.
contract CoordinatorSet is ICoordinatorSet, Forfeits {
    /// Bounds the walk to the next one.
    uint256 internal constant MAX_COORDINATORS = 16;

    uint256 internal constant MAX_DURATION = 30 days;

    uint96 internal immutable BOND;
    uint96 internal immutable PENALTY;
    uint32 internal immutable EXIT_DELAY;
    uint32 internal immutable IDLE_WINDOW;

    /// @inheritdoc ICoordinatorSet
    IContributionRegistry public immutable override registry;

    /// @inheritdoc ICoordinatorSet
    address public override current;

    /// @inheritdoc ICoordinatorSet
    uint64 public override since;

    /// The round that passes the turn on if it ends before its commits are closed, as the one before it did.
    uint32 private _passesOnAt;

    address[] private _order;
    mapping(address account => Seat) private _seats;

    /// @notice Fixes the rules and the first list.
    /// @param owner_ Who approves and removes coordinators: a timelock.
    /// @param registry_ Where the registry of rounds will be: its constructor refuses another one.
    /// @param beneficiary_ Where penalties go; zero if the owner is to name it.
    /// @param rules_ Bond, penalty and delays.
    /// @param first The first list, in its order; nobody on it drives rounds without a bond.
    constructor(
        address owner_,
        IContributionRegistry registry_,
        address payable beneficiary_,
        CoordinatorRules memory rules_,
        address[] memory first
    ) Ownable(owner_) Forfeits(beneficiary_) {
        require(
            rules_.penalty != 0 && rules_.penalty <= rules_.bond,
            CoordinatorSet_PenaltyOutOfRange(rules_.bond, rules_.penalty)
        );
        _requireDuration(rules_.exitDelay);
        _requireDuration(rules_.idleWindow);
        registry = registry_;
        BOND = rules_.bond;
        PENALTY = rules_.penalty;
        EXIT_DELAY = rules_.exitDelay;
        IDLE_WINDOW = rules_.idleWindow;
        for (uint256 i; i < first.length; ++i) {
            _approve(first[i]);
        }
    }

    // ---------------------------------------------------------------- the list

    /// @inheritdoc ICoordinatorSet
    function approve(address account) external override onlyOwner {
        _approve(account);
        _fillVacancy();
    }

    /// @inheritdoc ICoordinatorSet
    function remove(address account) external override onlyOwner {
        Seat storage s = _approvedSeat(account);
        s.approved = false;
        if (s.bond != 0 && s.exitAt == 0) s.exitAt = _exitTime();
        emit CoordinatorRemoved(account, s.exitAt);
        _passOnFrom(account);
        _takeOff(account);
    }

    // ---------------------------------------------------------------- bonds

    /// @inheritdoc ICoordinatorSet
    function bond(address account) external payable override {
        Seat storage s = _approvedSeat(account);
        require(s.exitAt == 0, CoordinatorSet_Leaving(account));
        require(msg.value != 0, CoordinatorSet_NothingToBond());

        // No chain has 2^96 wei.
        // forge-lint: disable-next-line(unsafe-typecast)
        uint96 total = s.bond + uint96(msg.value);
        s.bond = total;
        emit CoordinatorBonded(account, msg.sender, msg.value, total);
        _fillVacancy();
    }

    /// @inheritdoc ICoordinatorSet
    function stepDown() external override {
        Seat storage s = _approvedSeat(msg.sender);
        require(s.exitAt == 0, CoordinatorSet_Leaving(msg.sender));

        s.exitAt = _exitTime();
        emit CoordinatorLeaving(msg.sender, s.exitAt);
        _passOnFrom(msg.sender);
    }

    /// @inheritdoc ICoordinatorSet
    function withdraw() external override {
        Seat storage s = _seats[msg.sender];
        require(s.exitAt != 0, CoordinatorSet_NotLeaving(msg.sender));
        require(block.timestamp >= s.exitAt, CoordinatorSet_ExitPending(s.exitAt, block.timestamp));
        // Whoever leaves drives its round to the end, and answers for it.
        if (msg.sender == current) _requireNoRound();

        uint256 amount = s.bond;
        s.bond = 0;
        s.exitAt = 0;
        emit CoordinatorWithdrew(msg.sender, amount);
        Address.sendValue(payable(msg.sender), amount);
    }

    // ---------------------------------------------------------------- succession

    /// @inheritdoc ICoordinatorSet
    function succeed() external override {
        _requireNoRound();
        address previous = current;
        if (isFit(previous)) {
            uint256 idle = idleAt();
            require(block.timestamp > idle, CoordinatorSet_NotIdle(idle, block.timestamp));
        }
        address next = _nextAfter(previous);
        require(next != address(0) && next != previous, CoordinatorSet_NoStandby());
        _setCurrent(next);
    }

    /// @inheritdoc ICoordinatorSet
    function reportUnclosed(uint256 round) external override {
        _requireRegistry();
        if (round != _passesOnAt) {
            // Rounds are counted one by one.
            // forge-lint: disable-next-line(unsafe-typecast)
            _passesOnAt = uint32(round + 1);
        } else {
            _setCurrent(_nextAfter(current));
        }
    }

    /// @inheritdoc ICoordinatorSet
    function penalize(uint256 round, bool missedDeadline) external override {
        _requireRegistry();
        address account = current;
        Seat storage s = _seats[account];
        // The smaller of two values of 96 bits.
        // forge-lint: disable-next-line(unsafe-typecast)
        uint96 amount = uint96(Math.min(s.bond, PENALTY));
        s.bond -= amount;
        _forfeit(amount);
        emit CoordinatorPenalized(round, account, amount, missedDeadline);
        if (missedDeadline || !isFit(account)) _setCurrent(_nextAfter(account));
    }

    // ---------------------------------------------------------------- views

    /// @inheritdoc ICoordinatorSet
    function idleAt() public view override returns (uint256) {
        return Math.max(registry.round(registry.roundCount()).deadline, since) + IDLE_WINDOW;
    }

    /// @inheritdoc ICoordinatorSet
    function coordinators() external view override returns (address[] memory) {
        return _order;
    }

    /// @inheritdoc ICoordinatorSet
    function seat(address account) external view override returns (Seat memory) {
        return _seats[account];
    }

    /// @inheritdoc ICoordinatorSet
    function isFit(address account) public view override returns (bool) {
        Seat memory s = _seats[account];
        return s.approved && s.exitAt == 0 && s.bond >= BOND;
    }

    /// @inheritdoc ICoordinatorSet
    function rules() external view override returns (CoordinatorRules memory) {
        return CoordinatorRules(BOND, PENALTY, EXIT_DELAY, IDLE_WINDOW);
    }

    // ---------------------------------------------------------------- steps

    function _approve(address account) private {
        require(account != address(0), CoordinatorSet_ZeroAddress());
        require(!_seats[account].approved, CoordinatorSet_AlreadyApproved(account));
        require(_order.length < MAX_COORDINATORS, CoordinatorSet_Full(MAX_COORDINATORS));
        _seats[account].approved = true;
        _order.push(account);
        emit CoordinatorApproved(account);
    }

    /// Takes an account off the list and keeps the order of the others.
    function _takeOff(address account) private {
        uint256 last = _order.length - 1;
        bool found;
        for (uint256 i; i < last; ++i) {
            if (_order[i] == account) found = true;
            if (found) _order[i] = _order[i + 1];
        }
        _order.pop();
    }

    /// Nobody was fit: no round can run, and whoever is first in the list takes over.
    function _fillVacancy() private {
        if (current == address(0)) _setCurrent(_nextAfter(address(0)));
    }

    /// The next fit one in the list, in a circle, the account itself last; zero if there is none.
    function _nextAfter(address account) private view returns (address) {
        uint256 count = _order.length;
        uint256 start;
        for (uint256 i; i < count; ++i) {
            if (_order[i] == account) start = i + 1;
        }
        for (uint256 i; i < count; ++i) {
            address candidate = _order[(start + i) % count];
            if (isFit(candidate)) return candidate;
        }
        return address(0);
    }

    /// At once, or after its round: until then it is the current one, though no longer fit.
    function _passOnFrom(address account) private {
        if (account == current && !_isRoundRunning()) _setCurrent(_nextAfter(account));
    }

    function _setCurrent(address next) private {
        address previous = current;
        if (next == previous) return;
        current = next;
        _passesOnAt = 0;
        since = uint64(block.timestamp);
        emit CoordinatorChanged(previous, next);
    }

    // ---------------------------------------------------------------- shared checks

    function _approvedSeat(address account) private view returns (Seat storage s) {
        s = _seats[account];
        require(s.approved, CoordinatorSet_NotApproved(account));
    }

    function _requireRegistry() private view {
        require(msg.sender == address(registry), CoordinatorSet_NotRegistry(address(registry), msg.sender));
    }

    function _requireNoRound() private view {
        require(!_isRoundRunning(), CoordinatorSet_RoundRunning(registry.roundCount()));
    }

    function _isRoundRunning() private view returns (bool) {
        Phase phase = registry.round(registry.roundCount()).phase;
        return phase != Phase.None && phase != Phase.Finalized && phase != Phase.Aborted;
    }

    function _exitTime() private view returns (uint40) {
        // No chain has 2^40 seconds.
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint40(block.timestamp) + EXIT_DELAY;
    }

    function _requireDuration(uint256 duration) private pure {
        require(
            duration != 0 && duration <= MAX_DURATION,
            CoordinatorSet_DurationOutOfRange(MAX_DURATION, duration)
        );
    }
}
