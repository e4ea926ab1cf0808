"""Inverse kinematics of the SO-101 arm by damped least squares."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

ROTATION_SCALE_M = 0.06
"""Weight of one radian of orientation error, in metres."""
ITERATIONS = 60
MAX_STEP_RAD = 0.3
DAMPING = 1e-5


class InverseKinematics:
    """Solves on a scratch copy of the simulation, which it never advances."""

    def __init__(self, simulator: Any) -> None:
        self._simulator = simulator
        self._scratch = mujoco.MjData(simulator.model)

    def solve(
        self, position: Vector, yaw: float | None, start: Vector, *, down: bool = True
    ) -> Vector:
        """Five joint angles that put the tool at `position`.

        Args:
            position: float64[3], metres.
            yaw: direction of the jaw line in radians; None leaves it free.
            start: float64[≥5], joint angles to start from.
            down: whether the tool is to point down; otherwise it may point anywhere.
        """
        simulator = self._simulator
        self._scratch.qpos[:] = simulator.data.qpos
        low, high = simulator._target_low[:5], simulator._target_high[:5]
        joints = np.asarray(start, np.float64)[:5].copy()
        for _ in range(ITERATIONS):
            jacobian, error = self._linearise(position, yaw, joints, down)
            step = np.linalg.solve(jacobian.T @ jacobian + DAMPING * np.eye(5), jacobian.T @ error)
            joints = np.clip(joints + np.clip(step, -MAX_STEP_RAD, MAX_STEP_RAD), low, high)
        return joints

    def _linearise(
        self, position: Vector, yaw: float | None, joints: Vector, down: bool
    ) -> tuple[Vector, Vector]:
        model, data, simulator = self._simulator.model, self._scratch, self._simulator
        data.qpos[simulator._arm_qpos_addrs[:5]] = joints
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        translation, rotation = np.zeros((3, model.nv)), np.zeros((3, model.nv))
        site = simulator._tcp_site_id
        mujoco.mj_jacSite(model, data, translation, rotation, site)
        columns = simulator._arm_qvel_addrs[:5]
        translation, rotation = translation[:, columns], ROTATION_SCALE_M * rotation[:, columns]
        axes = data.site_xmat[site].reshape(3, 3)
        errors, rows = [position - data.site_xpos[site]], [translation]
        if down:
            errors.append(ROTATION_SCALE_M * np.cross(axes[:, 2], [0, 0, -1.0]))
            rows.append(rotation)
        if yaw is not None:
            jaw = np.array([np.cos(yaw), np.sin(yaw), 0])
            jaw = jaw if axes[:, 0] @ jaw >= 0 else -jaw
            errors.append(ROTATION_SCALE_M * np.cross(axes[:, 0], jaw))
            rows.append(rotation)
        return np.vstack(rows), np.concatenate(errors)
