"""The `reach` task: bring the tool to a green ball that hangs somewhere in front of the arm.

so101-nexus has no such task: its Move environment goes a fixed way in a fixed direction, which
a policy without eyes solves from joint positions alone. Here the place is drawn anew in every
episode, the instruction does not name it, and only the cameras show it. The arm starts anywhere,
too (`environment.ANYWHERE`): from one start, its way so far would tell where the expert goes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from so101_nexus.mujoco.move_env import MoveEnv

BALL_RADIUS_M = 0.04
SUCCESS_M = 0.03
"""A success: the tool's centre is this near the ball's. An arm that waves at random meets the
whole ball in almost every second episode."""
RADIUS_M = (0.18, 0.28)
"""Horizontal distance of the ball from the base, lowest and highest."""
ANGLE_RAD = math.radians(60)
"""The ball is at most this far to either side."""
HEIGHT_M = 0.1
"""Always the same: the camera above cannot tell a high ball from one farther out."""
MIN_WAY_M = 0.1
"""The ball hangs at least this far from where the tool starts."""


class ReachEnv(MoveEnv):  # type: ignore[misc]
    """Info: `tcp_to_target_dist` in metres, `success`."""

    @property
    def task_description(self) -> str:
        return "Reach the green ball."

    def _place_target_from_tcp(self) -> None:
        start = self.data.site_xpos[self._tcp_site_id]
        self._target_pos = self._draw_place()
        while np.linalg.norm(self._target_pos - start) < MIN_WAY_M:
            self._target_pos = self._draw_place()
        self.model.site_pos[self._move_target_site_id] = self._target_pos
        self.model.site_size[self._move_target_site_id] = BALL_RADIUS_M
        self.model.site_rgba[self._move_target_site_id] = (0.0, 0.8, 0.2, 1.0)

    def _draw_place(self) -> Any:
        """float64[3], metres."""
        draw = self.np_random.uniform
        radius, angle = draw(*RADIUS_M), draw(-ANGLE_RAD, ANGLE_RAD)
        return np.array([radius * math.cos(angle), radius * math.sin(angle), HEIGHT_M])

    def _get_info(self) -> dict[str, Any]:
        info: dict[str, Any] = super()._get_info()
        info["success"] = info["tcp_to_target_dist"] < SUCCESS_M
        return info
