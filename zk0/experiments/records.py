"""What a simulated round came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class RoundRecord:
    """One finished round. Losses and shares as floats; digests in hexadecimal."""

    round_id: int
    base_loss: float
    candidate_loss: float
    final_loss: float
    pool_loss: float
    """Of the new checkpoint, on the whole pool: comparable from round to round."""
    shares: Mapping[str, float]
    """Member → exact share of the candidate's drop."""
    history: float
    accepted: tuple[str, ...]
    base_kept: bool
    checkpoint: str
    seconds: Mapping[str, float]

    @property
    def sum_of_shares(self) -> float:
        return sum(self.shares.values())

    def to_json(self) -> dict[str, Any]:
        return {
            "round": self.round_id,
            "base_loss": self.base_loss,
            "candidate_loss": self.candidate_loss,
            "final_loss": self.final_loss,
            "pool_loss": self.pool_loss,
            "sum_of_shares": self.sum_of_shares,
            "history": self.history,
            "shares": dict(self.shares),
            "accepted": list(self.accepted),
            "base_kept": self.base_kept,
            "checkpoint": self.checkpoint,
            "seconds": {stage: round(s, 4) for stage, s in self.seconds.items()},
        }
