"""What an experiment runs on: members, examiner, start, rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zk0.config import NetworkManifest
from zk0.errors import ConfigError
from zk0.learning.linear import (
    TASKS,
    CentralLinearLearner,
    LinearExaminer,
    LinearLearner,
    LinearShape,
)
from zk0.networks import make_devnet_manifest, make_devnet_parameters
from zk0.ports import Examiner, Learner, Tensors, TrainingResult
from zk0.protocol.round import Parameters
from zk0.recipes import TrainingRecipe
from zk0.strategy_names import apply_preset

POLICIES = ("toy", "tiny")
TOY_SHAPE = LinearShape(inputs=128, outputs=16, frames=256)
TOY_RECIPE = TrainingRecipe(steps=20, batch_size=128, learning_rate="0.2")
TOY_RULES: Mapping[str, Mapping[str, str]] = {
    "fedavgm": {"learning_rate": "0.8", "momentum": "0.3"},
    "fedadam": {"learning_rate": "0.1", "beta1": "0.3", "beta2": "0.9", "tau": "0.02"},
    "fedyogi": {"learning_rate": "0.1", "beta1": "0.3", "beta2": "0.9", "tau": "0.02"},
}
"""The toy's updates are larger than SmolVLA's, and so are its rates: picked on seed 0."""
POISON_FACTOR = 3.0


@dataclass(frozen=True, slots=True)
class Member:
    """One simulated node."""

    name: str
    task: str
    learner: Learner


@dataclass(frozen=True, slots=True)
class Setting:
    """Everything that a run depends on, but its seed."""

    policy: str
    strategy: str
    members: Sequence[Member]
    examiner: Examiner
    base: Tensors
    manifest: NetworkManifest
    parameters: Parameters
    sample_size: int
    central: Callable[[], Learner]
    """Makes the learner that has all members' data."""


class SignFlip:
    """A poisoned node: honest training, sent with the opposite sign and enlarged."""

    def __init__(self, honest: Learner, factor: float = POISON_FACTOR) -> None:
        self._honest = honest
        self._factor = factor

    @property
    def num_examples(self) -> int:
        return self._honest.num_examples

    def train(self, base: Tensors, seed: int, rate_share: float = 1.0) -> TrainingResult:
        result = self._honest.train(base, seed, rate_share)
        turned: dict[str, NDArray[Any]] = {
            name: (tensor - self._factor * (result.parameters[name] - tensor)).astype(np.float32)
            for name, tensor in base.items()
        }
        return replace(result, parameters=turned)


def make_setting(
    policy: str, *, nodes: int, strategy: str = "fedavg", poisoned: int = 0
) -> Setting:
    """A federation of `nodes`, the last `poisoned` of which are poisoned.

    Raises:
        ConfigError: an unknown policy or strategy, or no honest node.
    """
    if not 0 <= poisoned < nodes:
        raise ConfigError(f"expected fewer poisoned nodes than the {nodes} nodes, found {poisoned}")
    if policy == "toy":
        setting = _make_toy(nodes, strategy)
    elif policy == "tiny":
        setting = _make_tiny(nodes, strategy)
    else:
        raise ConfigError(f"expected one of the policies {', '.join(POLICIES)}, found {policy!r}")
    honest = len(setting.members) - poisoned
    members = [
        m if i < honest else replace(m, learner=SignFlip(m.learner))
        for i, m in enumerate(setting.members)
    ]
    return replace(setting, members=members)


def _name(number: int, task: str) -> str:
    return f"{task}-{number}"


def _make_toy(nodes: int, strategy: str) -> Setting:
    manifest = apply_preset(
        NetworkManifest(
            circuit="alignment-960",
            model="linear",
            scope="all",
            statistics="00" * 32,
            training=TOY_RECIPE,
            max_norm="100",
        ),
        strategy,
    )
    if strategy in TOY_RULES:
        rule = manifest.server_rule.model_copy(update=TOY_RULES[strategy])
        manifest = manifest.model_copy(update={"server_rule": rule})
    recipe = manifest.training
    toys = [
        (
            task := TASKS[number % len(TASKS)],
            LinearLearner(
                task,
                TOY_SHAPE,
                steps=recipe.steps,
                learning_rate=float(recipe.learning_rate),
                proximal_mu=float(recipe.proximal_mu),
                shard=f"/{number}",
            ),
        )
        for number in range(nodes)
    ]
    examiner = LinearExaminer(TASKS, TOY_SHAPE)
    parameters = make_devnet_parameters(examiner.layout.parameter_count)
    return Setting(
        "toy",
        strategy,
        [Member(_name(number, task), task, toy) for number, (task, toy) in enumerate(toys)],
        examiner,
        TOY_SHAPE.make_base(),
        manifest,
        parameters,
        960,
        lambda: CentralLinearLearner([toy for _, toy in toys]),
    )


def _make_tiny(nodes: int, strategy: str) -> Setting:
    """Nodes share the embedded data sets; every node of a task has its own draws."""
    from zk0.learning.central import CentralLearner
    from zk0.learning.datasets import load_dataset
    from zk0.learning.examination import PoolExaminer
    from zk0.learning.policy import load_policy
    from zk0.learning.pool import load_pool
    from zk0.learning.training import SmolVlaLearner
    from zk0.learning.training import TrainingRecipe as LocalRecipe

    manifest = make_devnet_manifest("alignment-3840", strategy)
    policy = load_policy(manifest.model, manifest.scope)
    rules = manifest.training
    recipe = LocalRecipe(
        steps=rules.steps,
        learning_rate=float(rules.learning_rate),
        batch_size=rules.batch_size,
        warmup_steps=rules.warmup_steps,
        scheduler=rules.scheduler,
        proximal_mu=float(rules.proximal_mu),
    )
    datasets = {task: load_dataset(task) for task in TASKS[: min(nodes, len(TASKS))]}
    members = [
        Member(
            _name(number, task := TASKS[number % len(TASKS)]),
            task,
            SmolVlaLearner(policy, datasets[task], recipe),
        )
        for number in range(nodes)
    ]
    return Setting(
        "tiny",
        strategy,
        members,
        PoolExaminer(policy, load_pool()),
        policy.get_parameters(),
        manifest,
        make_devnet_parameters(policy.layout.parameter_count),
        3840,
        lambda: CentralLearner(policy, [datasets[m.task] for m in members], recipe),
    )
