"""Makes a round's challenge: examples from the pool, path gradient, directions, file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from coordinator.attribution import Attribution
from coordinator.candidate import Weighted
from zk0.ports import Examiner, Network, PathGradient
from zk0.protocol.challenge import (
    Challenge,
    compute_directions,
    compute_mean_nano,
    compute_share_error_nano,
    to_nano,
)
from zk0.protocol.checkpoint import Checkpoint
from zk0.protocol.parameters import ParameterLayout
from zk0.protocol.randomness import draw_frames, draw_sample
from zk0.protocol.round import Round
from zk0.protocol.statement import Address


@dataclass(frozen=True, slots=True)
class Examination:
    """A challenge with what only the coordinator and an auditor compute."""

    challenge: Challenge
    gradient: PathGradient
    attribution: Attribution


def count_draws(
    examiner: Examiner, earlier: Iterable[Mapping[str, Sequence[int]]]
) -> dict[str, list[int]]:
    """For each task and frame, in how many earlier published challenges it stood."""
    times = {task: [0] * count for task, count in examiner.frame_counts.items()}
    for frames in earlier:
        for task, indices in frames.items():
            for index in indices:
                if index < len(times.get(task, ())):
                    times[task][index] += 1
    return times


def examine(
    examiner: Examiner,
    network: Network,
    round_: Round,
    base: Checkpoint,
    candidate: Checkpoint,
    attribution: Attribution,
    times_drawn: Mapping[str, Sequence[int]],
) -> Examination:
    """Draw the examples, take the gradient on the path from base to candidate, and scale it."""
    seed = round_.challenge_seed
    frames = {
        task: draw_frames(seed, task, times_drawn[task], network.parameters.frames_per_task)
        for task in examiner.tasks
    }
    gradient = examiner.compute_path_gradient(base.tensors, candidate.tensors, frames, seed)
    parameter_count = network.parameters.parameter_count
    indices = draw_sample(round_.sample_seed, network.sample_size, parameter_count)
    challenge = Challenge(
        round_id=round_.round_id,
        sample_seed=round_.sample_seed,
        challenge_seed=seed,
        pool_root=round_.pool_root,
        base=round_.base,
        candidate=round_.candidate,
        frames=frames,
        base_loss_nano=_to_nano(gradient.base_loss),
        candidate_loss_nano=_to_nano(gradient.candidate_loss),
        indices=indices,
        directions=compute_directions(
            gradient.gradients,
            indices,
            parameter_count,
            attribution.gather_gain(base.layout, indices),
        ),
    )
    return Examination(challenge, gradient, attribution)


def _to_nano(losses: Mapping[str, float]) -> dict[str, int]:
    return {task: to_nano(loss) for task, loss in losses.items()}


def compute_losses_nano(
    examiner: Examiner, parameters: Checkpoint, challenge: Challenge
) -> dict[str, int]:
    """Losses of a checkpoint on the challenge's examples, nano-loss per task."""
    losses = examiner.compute_losses(parameters.tensors, challenge.frames, challenge.challenge_seed)
    return _to_nano(losses)


def compute_pool_loss_nano(examiner: Examiner, checkpoint: Checkpoint, pool_root: bytes) -> int:
    """Mean loss over tasks on every frame, always with the same noise and times: comparable
    from round to round."""
    frames = {task: list(range(count)) for task, count in examiner.frame_counts.items()}
    return compute_mean_nano(
        _to_nano(examiner.compute_losses(checkpoint.tensors, frames, pool_root))
    )


def compute_share_errors_nano(
    examination: Examination,
    layout: ParameterLayout,
    round_: Round,
    network: Network,
    members: Sequence[Weighted],
) -> dict[Address, int]:
    """Node → predicted standard error of its proven share, nano-loss."""
    parameter_count = network.parameters.parameter_count
    indices = draw_sample(round_.sample_seed, network.sample_size, parameter_count)
    gradients = examination.gradient.gradients.values()
    mean = np.mean([g[indices].astype(np.float64) for g in gradients], axis=0)
    mean = mean * examination.attribution.gather_gain(layout, indices)
    return {
        m.update.entry.node: compute_share_error_nano(
            mean,
            m.update.tensors.layout.gather(m.update.tensors, indices),
            m.weight,
            round_.total_weight,
            m.effective_exponent,
            parameter_count,
        )
        for m in members
    }
