"""What a finished round looks like to a person and to a program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ContributionSummary:
    node: str
    task: str
    alignment_bps: int
    share_nano: int
    exact_share_nano: int | None
    share_error_nano: int | None
    proven: bool
    outcome: str
    reason: str
    weight: int
    clip_shift: int


@dataclass(frozen=True, slots=True)
class RoundSummary:
    """One round: losses are nano-loss."""

    round_id: int
    phase: str
    base_loss_nano: int
    candidate_loss_nano: int
    final_loss_nano: int
    sum_of_shares_nano: int
    pool_base_loss_nano: int
    pool_final_loss_nano: int
    """On the whole pool, comparable from round to round; the others on the round's examples."""
    checkpoint: str
    checkpoint_cid: str
    parent: str
    report_cid: str
    seconds: float
    contributions: tuple[ContributionSummary, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.round_id,
            "phase": self.phase,
            "base_loss": self.base_loss_nano / 1e9,
            "candidate_loss": self.candidate_loss_nano / 1e9,
            "final_loss": self.final_loss_nano / 1e9,
            "sum_of_shares": self.sum_of_shares_nano / 1e9,
            "pool_base_loss": self.pool_base_loss_nano / 1e9,
            "pool_final_loss": self.pool_final_loss_nano / 1e9,
            "checkpoint": {
                "digest": self.checkpoint,
                "cid": self.checkpoint_cid,
                "parent": self.parent,
            },
            "report_cid": self.report_cid,
            "seconds": round(self.seconds, 1),
            "contributions": [
                {
                    "node": c.node,
                    "task": c.task,
                    "alignment_bps": c.alignment_bps,
                    "share_nano": c.share_nano,
                    "exact_share_nano": c.exact_share_nano,
                    "share_error_nano": c.share_error_nano,
                    "proven": c.proven,
                    "outcome": c.outcome,
                    "reason": c.reason,
                    "weight": c.weight,
                    "clip_shift": c.clip_shift,
                }
                for c in self.contributions
            ],
        }
