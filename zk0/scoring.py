"""What evaluation gives and needs: scores, success rates, and the ports behind them.

Nothing here is part of a verdict: rounds are judged by the protocol alone, and people look at
these figures beside it. Adapters live in `zk0.learning`, doubles in `zk0.testing`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from zk0.ports import Tensors

NORMAL_95 = 1.959964


@dataclass(frozen=True, slots=True)
class Score:
    """How well one model does on one evaluation set."""

    task: str
    unseen: bool
    """Whether nobody trains on this task; otherwise held-out episodes of one that is trained."""
    episodes: int
    frames: int
    """How many frames were looked at for the loss."""
    loss: float
    action_mse: Mapping[str, float]
    """Joint with its unit (`shoulder_pan.pos_deg2`) → mean squared error of predicted actions."""

    @property
    def mean_action_mse(self) -> float:
        """The plain mean over joints, whatever their units."""
        return sum(self.action_mse.values()) / len(self.action_mse)

    def to_json(self) -> dict[str, Any]:
        return {
            "task": self.task,
            "unseen": self.unseen,
            "episodes": self.episodes,
            "frames": self.frames,
            "loss": self.loss,
            "action_mse": dict(self.action_mse),
            "mean_action_mse": self.mean_action_mse,
        }


def compute_wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """The 95 % score interval of a success rate (Wilson 1927, equation as in Agresti & Coull)."""
    if trials == 0:
        return 0.0, 1.0
    rate, square = successes / trials, NORMAL_95**2
    centre = (rate + square / (2 * trials)) / (1 + square / trials)
    spread = NORMAL_95 * math.sqrt(rate * (1 - rate) / trials + square / (4 * trials**2))
    half = spread / (1 + square / trials)
    return max(0.0, centre - half), min(1.0, centre + half)


@dataclass(frozen=True, slots=True)
class RolloutResult:
    """How often a policy solved one task in the simulator."""

    task: str
    first_seed: int
    """Episode i starts from seed `first_seed` + i."""
    successes: tuple[bool, ...]
    """One for each episode."""
    blind: tuple[bool, ...] | None
    """The same episodes with gray images instead of the cameras': the control."""
    seconds: float

    def to_json(self) -> dict[str, Any]:
        return {
            "task": self.task,
            "first_seed": self.first_seed,
            "seconds": round(self.seconds, 1),
            "policy": _describe_rate(self.successes),
            "blind_control": None if self.blind is None else _describe_rate(self.blind),
        }


def _describe_rate(outcomes: tuple[bool, ...]) -> dict[str, Any]:
    count = sum(outcomes)
    low, high = compute_wilson_interval(count, len(outcomes))
    return {
        "episodes": len(outcomes),
        "successes": count,
        "success_rate": count / len(outcomes) if outcomes else None,
        "interval_95": [round(low, 4), round(high, 4)],
        "failed_episodes": [number for number, good in enumerate(outcomes) if not good],
    }


class Evaluator(Protocol):
    """Scores models for people, and saves them for use."""

    @property
    def sets(self) -> Mapping[str, str]:
        """Evaluation set → its task, names sorted."""
        ...

    def evaluate(
        self, parameters: Tensors, sets: Collection[str] | None = None
    ) -> Mapping[str, Score]:
        """Set → score, the same every time; all sets unless `sets` names some.

        Raises CheckpointError.
        """
        ...

    def save_model(self, parameters: Tensors, folder: Path, final: Path) -> None:
        """Write a model folder that others load; `folder` exists and is renamed to `final` later.

        Raises CheckpointError, StorageError.
        """
        ...


class Simulator(Protocol):
    """Lets models act."""

    def roll_out(self, parameters: Tensors, task: str, films: Path | None) -> RolloutResult:
        """Episodes of `task` with their blind control; films as `films/<task>_<episode>.mp4`.

        Raises CheckpointError, ConfigError (no such task), StorageError.
        """
        ...
