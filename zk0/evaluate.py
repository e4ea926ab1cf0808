"""`zk0 evaluate`: how good a saved model is, by numbers and in the simulator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zk0.console import json_option, print_json
from zk0.errors import ConfigError
from zk0.scoring import RolloutResult, Score

if TYPE_CHECKING:
    from zk0.learning.policy import Policy


@dataclass(frozen=True, slots=True)
class Assessment:
    """What was found out about one model."""

    scores: Mapping[str, Score]
    rollouts: Sequence[RolloutResult]

    def to_json(self) -> dict[str, Any]:
        return {
            "sets": {name: score.to_json() for name, score in self.scores.items()},
            "rollouts": [result.to_json() for result in self.rollouts],
        }


@click.command()
@click.argument("model")
@click.option("--task", "tasks", multiple=True, help="Roll out in the simulator; repeatable.")
@click.option("--episodes", type=click.IntRange(1), default=20, show_default=True)
@click.option(
    "--action-steps",
    type=click.IntRange(1),
    help="Actions executed before the policy looks again.  [default: the model's own]",
)
@click.option("--seed", type=click.IntRange(0), help="Of the first episode.  [default: 1000000]")
@click.option("--video", type=click.Path(path_type=Path), help="Folder for mp4 films.")
@click.option(
    "--filmed", type=click.IntRange(0), default=3, show_default=True, help="Films a task."
)
@click.option("--blind/--no-blind", default=True, show_default=True, help="Gray-image control.")
@click.option("--scores/--no-scores", default=True, show_default=True, help="Loss, action error.")
@click.option(
    "--unseen",
    multiple=True,
    help="Data set, or federation's TOML file, to score on beside the pool.",
)
@click.option("--pool", type=click.Path(path_type=Path), help="Held-out episodes, one set a task.")
@json_option
def evaluate(
    model: str,
    tasks: tuple[str, ...],
    episodes: int,
    action_steps: int | None,
    seed: int | None,
    video: Path | None,
    filmed: int,
    blind: bool,
    scores: bool,
    unseen: tuple[str, ...],
    pool: Path | None,
    as_json: bool,
) -> None:
    """Evaluate MODEL: a folder that zk0 or LeRobot saved, a checkpoint file, or `tiny`.

    Loss and action error on held-out episodes; with --task, success rates in the simulator
    beside those of the same policy with gray images (the blind control).
    """
    from zk0.learning.rollouts import FIRST_SEED, RolloutPlan, require_simulator

    for task in tasks:
        require_simulator(task)
    plan = RolloutPlan(episodes, FIRST_SEED if seed is None else seed, blind, filmed)
    policy = load_model(model)
    if action_steps is not None:
        set_action_steps(policy, action_steps)
    found = Assessment(
        _score(policy, pool, unseen) if scores else {}, _roll_out(policy, tasks, plan, video)
    )
    if as_json:
        print_json({"model": model, **found.to_json()})
    else:
        click.echo(format_assessment(found))


def load_model(model: str) -> Policy:
    """A policy from a folder, a hub id, `tiny`, or a checkpoint file of a model known here.

    Raises:
        ConfigError: no such model. CheckpointError: a damaged checkpoint file.
    """
    from zk0.learning.policy import load_policy
    from zk0.protocol.checkpoint import read_checkpoint

    if not Path(model).is_file():
        return load_policy(model, "all")
    checkpoint = read_checkpoint(Path(model))
    policy = load_policy(checkpoint.metadata.model, checkpoint.metadata.scope)
    policy.set_parameters(checkpoint.tensors)
    return policy


def set_action_steps(policy: Policy, count: int) -> None:
    """Raises ConfigError for more actions than a chunk has."""
    if count > policy.chunk_size:
        raise ConfigError(
            f"expected --action-steps of at most {policy.chunk_size}, the model's chunk, "
            f"found {count}"
        )
    policy.module.config.n_action_steps = count


def _score(policy: Policy, pool: Path | None, unseen: Sequence[str]) -> Mapping[str, Score]:
    from zk0.learning.evaluator import PolicyEvaluator, gather_sets
    from zk0.learning.pool import EMBEDDED_POOL, load_pool

    sets = gather_sets(load_pool(pool or EMBEDDED_POOL), unseen)
    return PolicyEvaluator(policy, sets).evaluate(policy.get_parameters())


def _roll_out(
    policy: Policy, tasks: Sequence[str], plan: Any, video: Path | None
) -> list[RolloutResult]:
    from zk0.learning.rollouts import SimulatorRollouts

    if video is not None:
        try:
            video.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"cannot make --video {video}: {error.strerror}") from error
    simulator = SimulatorRollouts(policy, plan)
    return [simulator.roll_out(policy.get_parameters(), task, video) for task in tasks]


def format_assessment(found: Assessment) -> str:
    """One line a set with the error of every joint, one line a rolled out task."""
    lines = []
    for name, score in found.scores.items():
        kind = "unseen" if score.unseen else "held out"
        lines.append(f"{name} ({kind}, {score.frames} frames): loss {score.loss:.4f}")
        lines += [f"    {joint:<28} {error:>12.3f}" for joint, error in score.action_mse.items()]
    for result in found.rollouts:
        entry = result.to_json()
        lines.append(f"{result.task}: {_format_rate(entry['policy'])}")
        if entry["blind_control"]:
            lines.append(f"    blind control: {_format_rate(entry['blind_control'])}")
    return "\n".join(lines)


def _format_rate(rate: Mapping[str, Any]) -> str:
    low, high = rate["interval_95"]
    return (
        f"{rate['successes']} of {rate['episodes']} episodes succeeded "
        f"({rate['success_rate']:.0%}, 95 % interval {low:.0%}-{high:.0%})"
    )
