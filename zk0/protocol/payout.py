"""What a reward vault pays for a round, and to whom: `RewardVault.sol`'s rules, pure.

Amounts are in the smallest units of the vault's asset, called wei as in the contract.
"""

from __future__ import annotations

from dataclasses import dataclass

from zk0.protocol.statement import Address

HELD_PARTS = 16
"""A round that pays gets one of so many parts of what is held."""

MAX_OBJECTIONS = 3
"""To one round."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What one settled round pays, and when. Times are block timestamps in seconds."""

    round_id: int
    payout_wei: int
    """0 also after an objection that was upheld."""
    unpaid_wei: int
    """Of the payout, what nobody has claimed yet."""
    total_nano: int
    """Sum of the round's credits."""
    opens_at: int
    """Until then objections, from then on claims."""
    ruling_deadline: int = 0
    """The last second for a ruling on an open objection; 0 without one."""
    objections: int = 0
    """Filed so far; the last one may be open."""

    def is_open(self, now: int) -> bool:
        """Whether claims are paid at `now`: never before a ruling's deadline."""
        return now >= self.opens_at

    def is_frozen(self, now: int) -> bool:
        """Whether an objection holds claims back at `now`."""
        return 0 < now <= self.ruling_deadline


@dataclass(frozen=True, slots=True)
class Objection:
    """An objection that is open, or that nobody ruled on and whose bond is not free yet."""

    number: int
    """Which of its round's objections; from 1."""
    objector: Address
    bond_wei: int
    ruling_deadline: int


@dataclass(frozen=True, slots=True)
class Purse:
    """What a vault has for later rounds, without their streams."""

    pot_wei: int = 0
    held_wei: int = 0
    """What rounds that were due nothing did not use of their streams."""


def compute_due_wei(rate_wei_per_nano: int, total_nano: int, drop_nano: int) -> int:
    """rate × drop; nothing where nobody has a credit."""
    return rate_wei_per_nano * drop_nano if total_nano else 0


def pay_round(purse: Purse, stream_wei: int, due_wei: int) -> tuple[Purse, int]:
    """What is left after a round, and its payout: what is due, as far as there is money.

    A round that is due nothing leaves the pot alone, and its stream is held. One that is due
    something has the pot, its stream and a sixteenth of what is held, rounded up.
    """
    if due_wei == 0:
        return Purse(purse.pot_wei, purse.held_wei + stream_wei), 0
    released = -(-purse.held_wei // HELD_PARTS)
    available = purse.pot_wei + stream_wei + released
    payout = min(available, due_wei)
    return Purse(available - payout, purse.held_wei - released), payout


def compute_bond_wei(first_bond_wei: int, filed: int) -> int:
    """What the next objection to a round costs, after `filed` of them."""
    return first_bond_wei << filed


def compute_opens_at(end: int, filed: int, window_s: int) -> int:
    """When claims open after an objection that ends at `end`: after another window, if there may
    be another objection."""
    return end + window_s if filed < MAX_OBJECTIONS else end


def compute_part_wei(settlement: Settlement, credit_nano: int, *, is_last: bool) -> int:
    """One node's part; the last to claim also gets what rounding left over."""
    if is_last:
        return settlement.unpaid_wei
    return settlement.payout_wei * credit_nano // settlement.total_nano
