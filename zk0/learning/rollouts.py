"""Success rates in the SO-101 simulator, beside those of the same policy with gray images.

A falling loss is not a working policy: only episodes that the simulator calls a success count.
The blind control solves what can be solved from joint positions alone.
"""

from __future__ import annotations

import importlib.util
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zk0.errors import ConfigError
from zk0.learning.films import write_film
from zk0.learning.pilot import Pilot
from zk0.learning.policy import Policy
from zk0.learning.robot import SO101, Robot
from zk0.ports import Tensors
from zk0.scoring import RolloutResult

if TYPE_CHECKING:
    Image = NDArray[np.uint8]

FIRST_SEED = 1_000_000
"""Far from the seeds of every recorded episode, pools included."""


@dataclass(frozen=True, slots=True)
class RolloutPlan:
    """What to run."""

    episodes: int = 20
    first_seed: int = FIRST_SEED
    blind: bool = True
    filmed: int = 3
    """How many episodes are filmed, the first ones, where a folder is given."""


def is_simulator_installed() -> bool:
    return all(importlib.util.find_spec(name) for name in ("so101_nexus", "trimesh"))


def require_simulator(task: str) -> None:
    """Raises ConfigError when the simulator is not installed or has no such task."""
    if not is_simulator_installed():
        raise ConfigError(
            "rollouts need the simulator, and so101-nexus or trimesh is not installed: run "
            "`uv sync --group simulator` (rendering needs EGL: libegl1, libgl1-mesa-dri)"
        )
    from zk0.learning.simulator.environment import TASKS

    if task not in TASKS:
        raise ConfigError(
            f"expected a task of the simulator, one of {sorted(TASKS)}, found {task!r}"
        )


class SimulatorRollouts:
    """`zk0.scoring.Simulator` for one policy in memory, whose parameters it overwrites."""

    def __init__(self, policy: Policy, plan: RolloutPlan, robot: Robot = SO101) -> None:
        self._policy = policy
        self._plan = plan
        self._robot = robot

    def roll_out(self, parameters: Tensors, task: str, films: Path | None) -> RolloutResult:
        require_simulator(task)
        self._policy.set_parameters(parameters)
        start = time.monotonic()
        with open_environment(task, film=films is not None) as environment:
            seeing = self._run(environment, task, films, blind=False)
            blind = self._run(environment, task, None, blind=True) if self._plan.blind else None
        seconds = time.monotonic() - start
        return RolloutResult(task, self._plan.first_seed, seeing, blind, seconds)

    def _run(
        self, environment: Any, task: str, films: Path | None, *, blind: bool
    ) -> tuple[bool, ...]:
        outcomes = []
        for episode in range(self._plan.episodes):
            frames: list[Image] | None = [] if films and episode < self._plan.filmed else None
            seed = self._plan.first_seed + episode
            outcomes.append(self._run_episode(environment, seed, blind, frames))
            if films and frames:
                write_film(films / f"{task}_{episode}.mp4", frames, self._robot.fps or 10)
        return tuple(outcomes)

    def _run_episode(
        self, environment: Any, seed: int, blind: bool, frames: list[Image] | None
    ) -> bool:
        pilot = Pilot(self._policy, seed, blind=blind, robot=self._robot)
        observation, _ = environment.reset(seed=seed)
        while True:
            action = pilot.choose(environment.unwrapped, observation)
            observation, _, terminated, truncated, info = environment.step(action)
            if frames is not None:
                frames.append(environment.render())
            if terminated or truncated:
                return bool(info["success"])


@contextmanager
def open_environment(task: str, *, film: bool) -> Iterator[Any]:
    """The simulator at `task`, with light meshes that are gone afterwards."""
    from zk0.learning.simulator.environment import make_environment
    from zk0.learning.simulator.meshes import use_light_meshes

    with tempfile.TemporaryDirectory() as scratch:
        use_light_meshes(Path(scratch) / "so101")
        environment = make_environment(task, film=film)
        try:
            yield environment
        finally:
            environment.close()
