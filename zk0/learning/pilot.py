"""A policy at the controls of a simulated arm."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from zk0.learning.policy import Policy
from zk0.learning.robot import CAMERA_PREFIX, SO101, STATE_KEY, Robot

GRAY = 0.5


class Pilot:
    """One episode's; the policy's noise comes from the episode's seed."""

    def __init__(
        self, policy: Policy, seed: int, *, blind: bool = False, robot: Robot = SO101
    ) -> None:
        policy.module.reset()
        self._policy = policy
        self._blind = blind
        self._robot = robot
        self._generator = torch.Generator().manual_seed(seed)

    def choose(self, simulator: Any, observation: dict[str, Any]) -> NDArray[np.float32]:
        """The next joint targets, float32[6] in radians, within the actuators' limits."""
        from zk0.learning.simulator.environment import to_joint_targets

        policy = self._policy
        batch = self._build_batch(simulator, observation)
        size = 1, policy.chunk_size, policy.max_action_dim
        noise = torch.randn(*size, generator=self._generator)
        given = {"noise": noise.to(policy.module.config.device)} if policy.is_flow else {}
        action = policy.module.select_action(policy.preprocess(batch), **given)
        return to_joint_targets(simulator, policy.postprocess(action)[0].float().cpu().numpy())

    def _build_batch(self, simulator: Any, observation: dict[str, Any]) -> dict[str, Any]:
        from zk0.learning.simulator.environment import to_dataset_row

        state = torch.from_numpy(to_dataset_row(simulator, observation["state"]))
        batch: dict[str, Any] = {STATE_KEY: state[None], "task": [simulator.task_description]}
        for camera in self._robot.cameras:
            pixels = torch.from_numpy(observation[f"{camera}_camera"].copy())
            image = pixels.permute(2, 0, 1)[None].float() / 255
            batch[CAMERA_PREFIX + camera] = torch.full_like(image, GRAY) if self._blind else image
        return batch
