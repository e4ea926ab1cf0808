"""What an arm does before its expert takes over; none of it is recorded.

Demonstrations that start where an arm has wandered, or where a policy took it (Ross et al. 2011),
show what to do in places that an expert on its own never gets to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zk0.learning.pilot import Pilot
from zk0.learning.policy import Policy

Observation = dict[str, Any]
Lead = Callable[[Any, Observation, np.random.Generator], Observation | None]
"""Environment, what is seen and the episode's generator → what is seen at the expert's turn; None
when the episode ended meanwhile."""
WANDER_LEAD_RAD = (0.1, 0.3)
"""How far ahead of itself a wandering arm aims, in any joint; drawn once an episode."""


@dataclass(frozen=True, slots=True)
class Wander:
    """Towards a pose drawn at random."""

    low_deg: tuple[float, ...]
    high_deg: tuple[float, ...]
    """Of the pose: the five joints of the arm and the gripper."""
    most_steps: int = 12
    share: float = 0.7
    """Of the episodes; in the others the expert's turn is at once."""

    def __call__(
        self, environment: Any, observation: Observation, draw: np.random.Generator
    ) -> Observation | None:
        if draw.random() >= self.share:
            return observation
        goal = np.radians(draw.uniform(self.low_deg, self.high_deg))
        lead_rad = draw.uniform(*WANDER_LEAD_RAD)

        def choose(simulator: Any, _: Observation) -> NDArray[np.float64]:
            joints = np.array(simulator._get_current_qpos(), dtype=np.float64)
            way = goal - joints
            return np.asarray(joints + way * min(1.0, lead_rad / max(np.abs(way).max(), 1e-9)))

        steps = int(draw.integers(1, self.most_steps + 1))
        return _act(environment, observation, choose, steps)


@dataclass(frozen=True, slots=True)
class Takeover:
    """As a policy acts, for at most `most_steps` steps."""

    policy: Policy
    most_steps: int

    def __call__(
        self, environment: Any, observation: Observation, draw: np.random.Generator
    ) -> Observation | None:
        pilot = Pilot(self.policy, int(draw.integers(2**31)))
        steps = int(draw.integers(1, self.most_steps + 1))
        return _act(environment, observation, pilot.choose, steps)


def _act(
    environment: Any,
    observation: Observation,
    choose: Callable[[Any, Observation], NDArray[Any]],
    steps: int,
) -> Observation | None:
    low, high = environment.action_space.low, environment.action_space.high
    for _ in range(steps):
        action = choose(environment.unwrapped, observation)
        action = np.clip(action, low, high).astype(np.float32)
        observation, _, terminated, truncated, _ = environment.step(action)
        if terminated or truncated:
            return None
    return observation
