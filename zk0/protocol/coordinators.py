"""Who drives rounds, and what an abort costs: the rules of the set of coordinators, pure.

`docs/contracts.md`, "Coordinators". A coordinator is fit while it is approved, has its bond and is
not leaving. The current one stays until it misses a deadline, idles, leaves, or its bond is no
longer complete; the next fit one in the list follows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from zk0.protocol.round import Phase, Round
from zk0.protocol.statement import Address

MAX_DURATION_S = 30 * 86_400


@dataclass(frozen=True, slots=True)
class CoordinatorRules:
    """Amounts in wei; the defaults are a devnet's."""

    bond_wei: int = 10**18
    penalty_wei: int = 10**17
    exit_delay_s: int = 3600
    idle_window_s: int = 3600

    def __post_init__(self) -> None:
        durations = (self.exit_delay_s, self.idle_window_s)
        bounds = (
            (1 <= self.penalty_wei <= self.bond_wei < 2**96, "1 ≤ penalty ≤ bond"),
            (all(1 <= d <= MAX_DURATION_S for d in durations), "1 s ≤ delays ≤ 30 days"),
        )
        for holds, rule in bounds:
            if not holds:
                raise ValueError(f"coordinator rules: expected {rule}, found {self}")


@dataclass(frozen=True, slots=True)
class Seat:
    """One coordinator on the list."""

    coordinator: Address
    bond_wei: int = 0
    exit_at: int = 0
    """From when its bond can be withdrawn, in seconds; 0 unless it is leaving."""


@dataclass(frozen=True, slots=True)
class Coordinators:
    """The list in its order, and who drives rounds now."""

    rules: CoordinatorRules
    seats: tuple[Seat, ...]
    current: Address | None = None
    """None: nobody is fit."""
    since: int = 0
    """When it took over, in seconds."""
    passes_on_at: int = 0
    """The round that passes the turn on if it ends before its commits are closed."""

    def seat_of(self, account: Address) -> Seat | None:
        return next((s for s in self.seats if s.coordinator == account), None)

    def is_fit(self, account: Address) -> bool:
        seat = self.seat_of(account)
        return seat is not None and not seat.exit_at and seat.bond_wei >= self.rules.bond_wei

    def compute_idle_at(self, last_deadline: int) -> int:
        """After this second anyone may make the next one current, unless a round is opened.

        Args:
            last_deadline: of the last round, 0 if there was none.
        """
        return max(last_deadline, self.since) + self.rules.idle_window_s


def find_next(state: Coordinators, after: Address | None) -> Address | None:
    """The next fit one in the list, in a circle, `after` itself last."""
    names = [seat.coordinator for seat in state.seats]
    start = names.index(after) + 1 if after in names else 0
    return next((n for n in [*names[start:], *names[:start]] if state.is_fit(n)), None)


def bond(state: Coordinators, account: Address, amount_wei: int, now: int) -> Coordinators:
    """Add to a bond; fills the vacancy if nobody was fit."""
    seats = tuple(
        replace(s, bond_wei=s.bond_wei + amount_wei) if s.coordinator == account else s
        for s in state.seats
    )
    after = replace(state, seats=seats)
    return _hand_over(after, None, now) if after.current is None else after


def report_unclosed(state: Coordinators, round_id: int, now: int) -> Coordinators:
    """A round ended before its commits were closed: the second in a row passes the turn on.

    It costs no money, as nothing was drawn, but opening rounds is not enough to stay.
    """
    if round_id != state.passes_on_at:
        return replace(state, passes_on_at=round_id + 1)
    return _hand_over(state, state.current, now)


def penalize(state: Coordinators, missed_deadline: bool, now: int) -> tuple[Coordinators, int]:
    """Take the penalty from the current one, and replace it if it must go; also the amount."""
    seat = None if state.current is None else state.seat_of(state.current)
    amount = min(seat.bond_wei, state.rules.penalty_wei) if seat else 0
    seats: Sequence[Seat] = state.seats
    if seat:
        poorer = replace(seat, bond_wei=seat.bond_wei - amount)
        seats = [poorer if s is seat else s for s in state.seats]
    after = replace(state, seats=tuple(seats))
    stays = not missed_deadline and after.current is not None and after.is_fit(after.current)
    return (after if stays else _hand_over(after, after.current, now)), amount


def succeed(state: Coordinators, now: int) -> Coordinators:
    """The next one is current. Raises ValueError if no other is fit."""
    following = find_next(state, state.current)
    if following in (None, state.current):
        raise ValueError("no other coordinator is fit")
    return _hand_over(state, state.current, now)


def _hand_over(state: Coordinators, previous: Address | None, now: int) -> Coordinators:
    following = find_next(state, previous)
    if following == state.current:
        return state
    return replace(state, current=following, since=now, passes_on_at=0)


def is_coordinators_doing(round_: Round, now: int) -> bool:
    """Whether an abort of this round, whose commits are closed, costs its coordinator a penalty.

    Nodes that put no sample on chain are not its doing. Everything else is: it could have drawn
    itself, and a round that was free to abort would be a choice among seeds.
    """
    has_sample = any(c.sample_key is not None for c in round_.contributions)
    return round_.phase is not Phase.COLLECTING or has_sample or now <= round_.deadline
