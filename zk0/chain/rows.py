"""A network's history as rows: one for each round, and in it one for each contribution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from zk0.protocol.contribution import MissingReason, Outcome
from zk0.protocol.payout import Settlement
from zk0.protocol.round import Phase
from zk0.protocol.statement import Address


@dataclass(frozen=True, slots=True)
class ContributionRow:
    """One node in one round. What has not happened is None or empty."""

    node: Address
    task: int
    task_name: str
    digest: bytes
    num_examples: int
    exponent: int
    clip_shift: int = 0
    weight: int | None = None
    """None before the seal; 0 when missing."""
    alignment_bps: int | None = None
    share_nano: int | None = None
    """Proven improvement share in nano-loss; 0 below the threshold, None without a proof."""
    common: int | None = None
    task_agreement: int | None = None
    square: int | None = None
    absolute: int | None = None
    outcome: Outcome = Outcome.NONE
    reason: MissingReason = MissingReason.NONE
    credit_nano: int | None = None
    """What the share earned once debts are paid off; None before the end."""
    debt_nano: int | None = None
    """What negative shares left to pay off at the end of this round; None if it changed nothing."""
    owed_wei: int | None = None
    """What a claim would bring now, of the vault's asset; None before the round is settled."""
    claimed_wei: int | None = None
    """None before the claim."""
    gas: int = 0
    """Of the transactions below, as far as their receipts were given."""
    transactions: Mapping[str, bytes] = field(default_factory=dict)
    """`commit`, `sample`, `prove` → transaction hash."""

    @property
    def is_proven(self) -> bool:
        return self.common is not None


@dataclass(frozen=True, slots=True)
class RoundRow:
    """One round. Losses are on the challenge's examples, in nano-loss; digests are bytes."""

    round_id: int
    phase: Phase
    base: bytes
    block: int
    pool_root: bytes
    parameters_version: int = 0
    """Of the rules that it was opened with."""
    changed_parameters: Mapping[str, Any] = field(default_factory=dict)
    """What these rules have other than those of the round before, under the contract's names."""
    sample_seed: bytes | None = None
    candidate: bytes | None = None
    total_weight: int | None = None
    challenge_seed: bytes | None = None
    challenge: bytes | None = None
    challenge_cid: str | None = None
    unit: int | None = None
    base_loss_nano: int | None = None
    candidate_loss_nano: int | None = None
    aggregate_loss_nano: int | None = None
    final_loss_nano: int | None = None
    base_kept: bool | None = None
    checkpoint: bytes | None = None
    """The new checkpoint; None unless the round published one."""
    checkpoint_cid: str | None = None
    parent: bytes | None = None
    report: bytes | None = None
    report_cid: str | None = None
    settlement: Settlement | None = None
    """What the vault pays; None before it is settled, or without a vault."""
    contributions: tuple[ContributionRow, ...] = ()
    """In order of commitment."""

    @property
    def sum_of_shares_nano(self) -> int:
        """Of the proven shares of accepted contributions."""
        accepted = (c for c in self.contributions if c.outcome is Outcome.ACCEPTED)
        return sum(c.share_nano or 0 for c in accepted)


def to_json(value: Any) -> Any:
    """Rows as JSON values: bytes as `0x…`, enums as their labels, snake_case names."""
    if isinstance(value, Phase | Outcome | MissingReason):
        return value.label
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if is_dataclass(value) and not isinstance(value, type):
        entry = {f.name: to_json(getattr(value, f.name)) for f in fields(value)}
        if isinstance(value, RoundRow):
            entry["sum_of_shares_nano"] = value.sum_of_shares_nano
        return entry
    if isinstance(value, Mapping):
        return {str(key): to_json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(inner) for inner in value]
    return value
