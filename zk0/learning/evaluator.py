"""Scores a network's models on held-out episodes and on tasks that nobody trains on."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zk0.errors import ConfigError
from zk0.learning.action_error import compute_action_mse, name_error
from zk0.learning.datasets import load_dataset, load_evaluation_frames
from zk0.learning.evaluation import compute_task_loss
from zk0.learning.export import export_policy
from zk0.learning.federation import TABLE, load_federation
from zk0.learning.frames import Frames
from zk0.learning.policy import Policy
from zk0.learning.pool import Pool, validate_disjoint
from zk0.learning.robot import SO101, Robot
from zk0.ports import Tensors
from zk0.scoring import Score

EVALUATION_SEED = hashlib.sha256(b"zk0 evaluation").digest()
LOSS_FRAMES = 64
ACTION_FRAMES = 16
"""Fewer than for losses: predicting a chunk takes ten passes."""


@dataclass(frozen=True, slots=True)
class EvaluationSet:
    """Whole episodes of one task that no node trains on."""

    task: str
    unseen: bool
    frames: Frames


def gather_sets(
    pool: Pool, references: Sequence[str], robot: Robot = SO101
) -> dict[str, EvaluationSet]:
    """The pool's sets and the unseen ones, by name.

    Raises:
        DatasetError: an unseen set is missing, damaged or another robot's, or holds an episode
            that the pool has.
        ConfigError: two sets have the same name; a file that is not valid or has no such set.
    """
    known, unseen = make_pool_sets(pool), load_unseen_sets(references, robot)
    for name in unseen:
        if name in known:
            raise ConfigError(
                f"an unseen evaluation set is called {name!r} like a task of the pool: expected "
                "data that the pool does not have; rename it or leave it out"
            )
    validate_disjoint(pool, {n: s.frames.compute_episode_digests() for n, s in unseen.items()})
    return known | unseen


def make_pool_sets(pool: Pool) -> dict[str, EvaluationSet]:
    """One set for each of the pool's tasks, named like it."""
    return {task: EvaluationSet(task, False, frames) for task, frames in pool.tasks.items()}


def load_unseen_sets(references: Sequence[str], robot: Robot = SO101) -> dict[str, EvaluationSet]:
    """Data sets of other tasks, by name.

    Args:
        references: addresses as a node's `--dataset` takes them, of which the held-out episodes
            are used, or federation files (*.toml), of whose `evaluation` sets all are.

    Raises:
        DatasetError: one of them is missing, damaged or another robot's.
        ConfigError: two of them have the same name; a file that is not valid or has no such set.
    """
    sets: dict[str, EvaluationSet] = {}
    for reference in references:
        for name, frames in _load_unseen(reference, robot):
            if name in sets:
                raise ConfigError(
                    f"two unseen evaluation sets are called {name!r}, the last is in {reference}: "
                    "rename one of them"
                )
            sets[name] = EvaluationSet(name, True, frames)
    return sets


def _load_unseen(reference: str, robot: Robot) -> Iterator[tuple[str, Frames]]:
    file = Path(reference)
    if file.suffix != ".toml":
        name = Path(reference.rpartition(":")[2]).name
        yield name, load_dataset(reference, robot).held_out
        return
    settings = load_federation(file).evaluation
    if not settings:
        raise ConfigError(
            f"{file}: expected [[{TABLE}.evaluation]] sets to evaluate on, none found"
        )
    for entry in settings:
        yield entry.name, load_evaluation_frames(entry, robot)


def space_evenly(length: int, count: int) -> list[int]:
    """At most `count` indices below `length`, evenly spaced, first and last among them."""
    return np.linspace(0, length - 1, min(count, length)).round().astype(np.int64).tolist()  # type: ignore[no-any-return]


class PolicyEvaluator:
    """`zk0.scoring.Evaluator` on one policy in memory, whose parameters it overwrites."""

    def __init__(
        self, policy: Policy, sets: Mapping[str, EvaluationSet], robot: Robot = SO101
    ) -> None:
        self._policy = policy
        self._sets = {name: sets[name] for name in sorted(sets)}
        self._robot = robot

    @property
    def sets(self) -> Mapping[str, str]:
        return {name: entry.task for name, entry in self._sets.items()}

    def evaluate(
        self, parameters: Tensors, sets: Collection[str] | None = None
    ) -> Mapping[str, Score]:
        self._policy.set_parameters(parameters)
        return {
            name: self._score(name, entry)
            for name, entry in self._sets.items()
            if sets is None or name in sets
        }

    def save_model(self, parameters: Tensors, folder: Path, final: Path) -> None:
        self._policy.set_parameters(parameters)
        export_policy(self._policy, folder, final)

    def _score(self, name: str, entry: EvaluationSet) -> Score:
        frames = entry.frames
        for_loss = space_evenly(len(frames), LOSS_FRAMES)
        for_actions = space_evenly(len(frames), ACTION_FRAMES)
        errors = compute_action_mse(self._policy, frames, for_actions, name, EVALUATION_SEED)
        return Score(
            task=entry.task,
            unseen=entry.unseen,
            episodes=len(frames.episodes),
            frames=len(for_loss),
            loss=compute_task_loss(self._policy, frames, for_loss, name, EVALUATION_SEED),
            action_mse={
                name_error(joint): float(error)
                for joint, error in zip(self._robot.joints, errors, strict=True)
            },
        )
