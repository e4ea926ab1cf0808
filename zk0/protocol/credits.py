"""What proven shares earn: credits, and the debts that harm leaves. `Credits.sol`'s twin.

A negative share is carried against its node's later ones, so that nobody earns by first making
the policy worse. Debts belong to addresses: they outlive a node's exit and its next registration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from zk0.protocol.contribution import Contribution, Outcome
from zk0.protocol.round import Phase, Round
from zk0.protocol.statement import Address


@dataclass(frozen=True, slots=True)
class RoundCredits:
    """What one finished round earned, and what its nodes owe after it. In nano-loss."""

    credit_nano: tuple[int, ...]
    """In order of commitment; 0 for whoever earned nothing."""
    drop_nano: int
    """By how much the measured loss went down, less the part that paid off debts."""
    debt_nano: Mapping[Address, int]
    """Of every node that ever owed anything; 0 once it is paid off."""

    @property
    def total_nano(self) -> int:
        return sum(self.credit_nano)


def settle_share(share_nano: int, debt_nano: int) -> tuple[int, int]:
    """What one accepted share does to its node: its credit, and its debt afterwards."""
    if share_nano < 0:
        return 0, debt_nano - share_nano
    offset = min(share_nano, debt_nano)
    return share_nano - offset, debt_nano - offset


def credit_round(round_: Round, debt_nano: Mapping[Address, int]) -> RoundCredits:
    """The credits of a round that is over; only a new checkpoint earns any or costs anything.

    Args:
        debt_nano: what nodes owed before it; a node that is not there owes nothing.

    Raises:
        ValueError: the round is still running.
    """
    if not round_.phase.is_over:
        raise ValueError(f"expected a round that is over, found {round_.phase.label}")
    if round_.phase is Phase.ABORTED or round_.checkpoint == round_.base:
        return RoundCredits((0,) * len(round_.contributions), 0, dict(debt_nano))
    debts = dict(debt_nano)
    earned = tuple(_credit(entry, debts) for entry in round_.contributions)
    drop = max(0, round_.base_loss_nano - round_.final_loss_nano)
    paid = sum(max(0, debt_nano.get(node, 0) - debts[node]) for node in debts)
    return RoundCredits(earned, _credited_drop(drop, sum(earned), paid), debts)


def _credited_drop(drop_nano: int, total_nano: int, paid_nano: int) -> int:
    """The part of a drop that earned credits: what paid off debts must not go to the others."""
    return drop_nano * total_nano // (total_nano + paid_nano) if paid_nano else drop_nano


def _credit(entry: Contribution, debts: dict[Address, int]) -> int:
    if entry.outcome is not Outcome.ACCEPTED:
        return 0
    before = debts.get(entry.node, 0)
    credit, after = settle_share(entry.share_nano, before)
    if after != before:
        debts[entry.node] = after
    return credit
