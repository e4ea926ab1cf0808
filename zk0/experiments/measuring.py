"""What a simulated round measures and computes from its members' updates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zk0.experiments.setting import Setting
from zk0.experiments.updates import Submission
from zk0.ports import PathGradient, Tensors
from zk0.protocol.aggregation import compute_clip_shifts
from zk0.protocol.challenge import Challenge, compute_mean_nano, to_nano
from zk0.protocol.parameters import ParameterLayout
from zk0.protocol.statement import Direction, compute_agreement, is_admitted
from zk0.protocol.strategies import ServerState, Strategy

POOL_SEED = bytes(32)
"""Of the whole pool's loss: the same noise and times in every round."""


def measure(setting: Setting, parameters: Tensors) -> float:
    """Mean loss over tasks on the whole pool, fixed noise and times."""
    frames = {task: range(n) for task, n in setting.examiner.frame_counts.items()}
    losses = setting.examiner.compute_losses(parameters, frames, POOL_SEED)
    return float(np.mean(list(losses.values())))


def compute_shifts(
    setting: Setting, submissions: Sequence[Submission], weights: Sequence[int]
) -> list[int]:
    """The clip shifts that a coordinator would seal."""
    return compute_clip_shifts(
        [s.square for s in submissions],
        [s.exponent for s in submissions],
        weights,
        max_norm=setting.manifest.max_norm_exact,
        clip_factor=setting.manifest.clip_factor,
        min_exponent=setting.parameters.min_exponent,
    )


def attribute(
    strategy: Strategy,
    gradient: PathGradient,
    submissions: Sequence[Submission],
    factors: Sequence[float],
    before: ServerState,
    after: ServerState,
) -> tuple[list[float], float]:
    """Every member's exact share, and what the server state has of the drop.

    Args:
        factors: (w/Σw)·2^e of each member, its exponent with the clip.
        after: of the candidate.
    """
    layout = ParameterLayout.of(submissions[0].digits)
    mean = np.mean([g.astype(np.float64) for g in gradient.gradients.values()], axis=0)
    shares, history = [0.0] * len(submissions), 0.0
    for name, tensor in layout.unflatten(mean).items():
        slope = tensor.reshape(-1)
        scaled = slope * strategy.compute_gain(name, after)
        for i, (s, factor) in enumerate(zip(submissions, factors, strict=True)):
            shares[i] -= float(scaled @ s.digits[name].reshape(-1).astype(np.float64)) * factor
        if strategy.has_state:
            history -= float(np.sum(slope * strategy.compute_history(name, before, after)))
    return shares, history


def admits(challenge: Challenge, submission: Submission, sample: Direction, z_min: int) -> bool:
    """Whether a proof about this sample would have been admitted."""
    directions = challenge.directions
    task = directions.tasks[submission.task]
    return is_admitted(compute_agreement(directions.common, task, sample), z_min)


def compute_loss_nano(setting: Setting, parameters: Tensors, challenge: Challenge) -> int:
    """Mean over tasks on a challenge's examples, nano-loss."""
    losses = setting.examiner.compute_losses(parameters, challenge.frames, challenge.challenge_seed)
    return compute_mean_nano({task: to_nano(loss) for task, loss in losses.items()})
