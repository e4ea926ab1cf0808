"""The sides of a comparison: each a training run that is measured after every round."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from zk0.errors import ConfigError
from zk0.experiments.measuring import measure
from zk0.experiments.seeds import compute_training_seed
from zk0.experiments.setting import Setting
from zk0.experiments.simulation import Simulation
from zk0.ports import Tensors


@dataclass(frozen=True, slots=True)
class Curve:
    """One arm at one seed."""

    losses: tuple[float, ...]
    """On the whole pool: before the first round, then after each."""
    seconds: float
    """A round's, without the measurement, on average."""


Arm = Callable[[Setting, int, int], Curve]
"""(setting, seed, rounds) → curve."""


def run_verified(setting: Setting, seed: int, rounds: int) -> Curve:
    """The protocol without its chain: int8, clip, challenge, admission, gate."""
    simulation = Simulation(setting, seed)
    losses = [measure(setting, setting.base)]
    seconds = 0.0
    for _ in range(rounds):
        record = simulation.run_round()
        losses.append(record.pool_loss)
        seconds += sum(s for stage, s in record.seconds.items() if stage != "pool")
    return Curve(tuple(losses), seconds / rounds)


def run_flower(setting: Setting, seed: int, rounds: int) -> Curve:
    """The same members with the same draws, averaged by Flower itself: nothing is checked."""
    from zk0.learning.flower_plain import aggregate_plainly

    def advance(parameters: Tensors, round_id: int) -> Tensors:
        share = setting.manifest.training.round_rate.compute_share(round_id)
        results = [
            m.learner.train(parameters, compute_training_seed(seed, round_id, m.name), share)
            for m in setting.members
        ]
        return aggregate_plainly(results)

    return _run(setting, rounds, advance)


def run_central(setting: Setting, seed: int, rounds: int) -> Curve:
    """All data in one place: as many steps as a member takes, each on a batch of everybody's."""
    learner = setting.central()

    def advance(parameters: Tensors, round_id: int) -> Tensors:
        share = setting.manifest.training.round_rate.compute_share(round_id)
        draws = compute_training_seed(seed, round_id, "central")
        return learner.train(parameters, draws, share).parameters

    return _run(setting, rounds, advance)


def _run(setting: Setting, rounds: int, advance: Callable[[Tensors, int], Tensors]) -> Curve:
    parameters, seconds = setting.base, 0.0
    losses = [measure(setting, parameters)]
    for round_id in range(1, rounds + 1):
        start = time.perf_counter()
        parameters = advance(parameters, round_id)
        seconds += time.perf_counter() - start
        losses.append(measure(setting, parameters))
    return Curve(tuple(losses), seconds / rounds)


ARMS: dict[str, Arm] = {
    "verified": run_verified,
    "flower": run_flower,
    "centralised": run_central,
}


def get_arm(name: str) -> Arm:
    """Raises ConfigError for another name."""
    if name not in ARMS:
        raise ConfigError(f"expected one of {', '.join(ARMS)}, found {name!r}")
    return ARMS[name]
