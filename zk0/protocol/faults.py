"""Faults that the chain sees, and what they cost: the registry of nodes' rules, pure.

`docs/protocol.md` §7. A node is at fault in a round when it committed and then, at the seal, had
no sample on chain, or, at the end, had not proven although another node proved on the same
task. What the coordinator claims about an upload is never a fault.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from zk0.protocol.contribution import Outcome
from zk0.protocol.round import Round
from zk0.protocol.statement import Address

MAX_WINDOW = 64
ALL_BPS = 10_000


class FaultReason(IntEnum):
    """What a node did not do; the numbers are the contract's."""

    NO_SAMPLE = 0
    NOT_PROVEN = 1

    @property
    def label(self) -> str:
        return "".join(part.capitalize() for part in self.name.split("_"))


@dataclass(frozen=True, slots=True)
class FaultRules:
    """`limit` faults within `window` rounds forfeit `forfeit_bps` of the required bond."""

    limit: int = 3
    window: int = 10
    forfeit_bps: int = 2500

    def __post_init__(self) -> None:
        bounds = (
            (1 <= self.window <= MAX_WINDOW, f"1 ≤ window ≤ {MAX_WINDOW}"),
            (2 <= self.limit <= self.window, "2 ≤ limit ≤ window"),
            (1 <= self.forfeit_bps <= ALL_BPS // 2, f"1 ≤ forfeit ≤ {ALL_BPS // 2} basis points"),
        )
        for holds, rule in bounds:
            if not holds:
                raise ValueError(f"fault rules: expected {rule}, found {self}")


@dataclass(frozen=True, slots=True)
class FaultHistory:
    """A node's newest faults since the last forfeit."""

    last_round: int = 0
    """Of the newest fault; 0 without one."""
    recent: int = 0
    """Bit i: a fault in round `last_round - i`."""

    def count(self, round_id: int, window: int) -> int:
        """Faults in the last `window` rounds, `round_id` being the newest of them."""
        age = max(0, round_id - self.last_round)
        recent = self.recent << age if age < MAX_WINDOW else 0
        return (recent & ((1 << window) - 1)).bit_count()


def add_fault(before: FaultHistory, round_id: int, window: int) -> tuple[FaultHistory, int]:
    """The history with a fault in `round_id`, and how many faults its window now has."""
    age = max(0, round_id - before.last_round)
    recent = before.recent << age if age < MAX_WINDOW else 0
    recent = (recent | 1) & ((1 << window) - 1)
    return FaultHistory(round_id, recent), recent.bit_count()


def compute_forfeit(bond_wei: int, required_wei: int, forfeit_bps: int) -> int:
    """A part of the required bond, rounded up, and never more than there is."""
    return min(bond_wei, -(-required_wei * forfeit_bps // ALL_BPS))


def list_without_sample(sealed: Round) -> list[Address]:
    """Who is at fault at the seal, in order of commitment."""
    return [c.node for c in sealed.contributions if c.sample_key is None]


def list_not_proven(ended: Round) -> list[Address]:
    """Who is at fault at the end: not proven, while another one of the same task was.

    A task of which nobody proved anything may have had a direction that nobody can prove
    anything about, and that is the coordinator's doing.
    """
    proven = (Outcome.ACCEPTED, Outcome.HARMFUL, Outcome.BELOW_THRESHOLD)
    provable = {c.task for c in ended.contributions if c.outcome in proven}
    return [
        c.node
        for c in ended.contributions
        if c.outcome is Outcome.NOT_PROVEN and c.task in provable
    ]
