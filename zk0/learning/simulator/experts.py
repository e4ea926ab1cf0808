"""Scripted experts: streams of joint targets from the simulator's privileged state."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zk0.learning.simulator.kinematics import InverseKinematics
from zk0.learning.simulator.lifting import (
    GRASP_HEIGHT_M,
    LIFTED_HEIGHT_M,
    compute_approach_height,
    is_around,
)
from zk0.learning.simulator.placing import (
    OPENED_RAD,
    OPENING_RAD,
    compute_carry_height,
    compute_leave_height,
    is_placed,
)

Vector = NDArray[np.float64]
Targets = Iterator[Vector]
"""Absolute joint targets, float64[6] in radians, one per control step."""

OPEN_RAD = 1.0
SHUT_RAD = -0.15
SPEED_RAD = 0.09
HOVER_M = 0.09
LEAD_RAD = 0.12
"""How far ahead of the arm an approach aims, in any joint."""
GRASP_LEAD_RAD = 0.15
CARRY_LEAD_RAD = 0.2
GRIP_OFFSET_M = 0.02
"""Jaws hold a cube at most this far from its middle."""
CLOSING_RAD = 0.4
"""The jaws of an expert without a plan close by this much a step."""
NEUTRAL_RAD = np.radians([0.0, -45.0, 45.0, 45.0, 0.0, -10.0])
FLAT = np.array([1.0, 1.0, 0.0])


class Expert:
    """Solves one task of `TASKS` from whatever state the simulator is in."""

    def __init__(self, simulator: Any, task: str) -> None:
        self._simulator = simulator
        self._task = task
        self._kinematics = InverseKinematics(simulator)
        self._target: Vector = np.array(simulator._get_current_qpos(), dtype=np.float64)

    def plan(self) -> Targets:
        """Targets until well after the task is solved; the caller stops at success."""
        plans = {
            "touch": self._touch,
            "touch-wide": self._touch_from_anywhere,
            "reach": self._reach,
            "lift": self._lift,
            "lift-anywhere": self._lift_from_anywhere,
            "place": self._place,
            "place-anywhere": self._place_from_anywhere,
            "stack": self._stack,
        }
        yield from plans[self._task]()
        yield from self._hold(200)

    def _touch(self) -> Targets:
        cube = self._simulator._get_target_pose()[:3]
        yield from self._go(raise_point(cube * FLAT, HOVER_M), None, 0.2)
        yield from self._go(raise_point(cube, 0.02), None, 0.2)

    def _touch_from_anywhere(self) -> Targets:
        while True:
            cube = self._simulator._get_target_pose()[:3]
            joints = self._kinematics.solve(raise_point(cube, 0.02), None, NEUTRAL_RAD)
            yield self._aim(np.r_[joints, NEUTRAL_RAD[5]], LEAD_RAD)

    def _reach(self) -> Targets:
        ball = np.array(self._simulator._target_pos, dtype=np.float64)
        joints = self._kinematics.solve(ball, None, NEUTRAL_RAD, down=False)
        while True:
            yield self._aim(np.r_[joints, NEUTRAL_RAD[5]], LEAD_RAD)

    def _lift(self) -> Targets:
        cube = self._simulator._get_target_pose()
        yaw = compute_grasp_yaw(cube)
        yield from self._grasp(cube, yaw)
        yield from self._go(raise_point(self._tool(), HOVER_M), yaw, SHUT_RAD)

    def _lift_from_anywhere(self) -> Targets:
        while True:
            cube = self._simulator._get_target_pose()[:3]
            if self._is_holding():
                yaw = compute_natural_yaw(cube)
                joints = self._kinematics.solve(
                    np.r_[cube[:2], LIFTED_HEIGHT_M], yaw, self._joints()
                )
                yield self._aim_arm(joints, SHUT_RAD, GRASP_LEAD_RAD)
            else:
                yield self._grasp_from_anywhere(cube)

    def _grasp_from_anywhere(self, cube: Vector) -> Vector:
        """The jaw line follows the cube's direction, not its faces: closing jaws turn the cube."""
        tool, now, yaw = self._tool(), self._joints(), compute_natural_yaw(cube)
        off_m, turn_rad = float(np.linalg.norm((cube - tool)[:2])), self._compute_turn(yaw)
        height_m, start, gripper = compute_approach_height(off_m, turn_rad), NEUTRAL_RAD, OPEN_RAD
        if is_around(off_m, turn_rad, float(tool[2])):
            height_m, start, gripper = GRASP_HEIGHT_M, now, max(now[5] - CLOSING_RAD, SHUT_RAD)
        joints = self._kinematics.solve(np.r_[cube[:2], height_m], yaw, start)
        return self._aim_arm(joints, gripper, GRASP_LEAD_RAD)

    def _place_from_anywhere(self) -> Targets:
        rest_m = float(self._simulator._initial_obj_z)
        while True:
            cube, goal = self._simulator._get_object_pose()[:3], self._simulator._get_target_pos()
            far_m, held = float(np.linalg.norm((cube - goal)[:2])), self._is_holding()
            if is_placed(far_m, float(cube[2]) - rest_m, held):
                yield self._leave(held)
            elif held:
                yield self._carry_from_anywhere(cube, goal, far_m)
            else:
                yield self._grasp_from_anywhere(cube)

    def _carry_from_anywhere(self, cube: Vector, goal: Vector, far_m: float) -> Vector:
        """The jaw line stays free: a circle has no faces."""
        offset = (self._tool() - cube)[:2]  # of the jaws on the cube, as far as can be believed
        offset *= min(1.0, GRIP_OFFSET_M / max(float(np.linalg.norm(offset)), 1e-9))
        start = np.r_[NEUTRAL_RAD[:4], self._joints()[4:]]
        point = np.r_[goal[:2] + offset, compute_carry_height(far_m)]
        joints = self._kinematics.solve(point, None, start)
        return self._aim_arm(joints, SHUT_RAD, CARRY_LEAD_RAD)

    def _leave(self, held: bool) -> Vector:
        tool, now = self._tool(), self._joints()
        height_m = compute_leave_height(float(tool[2]), float(now[5]), held)
        joints = self._kinematics.solve(np.r_[tool[:2], height_m], None, now)
        gripper = min(OPENED_RAD, now[5] + OPENING_RAD)
        return self._aim_arm(joints, gripper, GRASP_LEAD_RAD)

    def _place(self) -> Targets:
        cube, goal = self._simulator._get_object_pose(), self._simulator._get_target_pos()
        yield from self._carry(cube, goal, None, 0.0)

    def _stack(self) -> Targets:
        cube, goal = self._simulator._get_cube_a_pose(), self._simulator._get_cube_b_pose()
        cube_m = 2 * self._simulator.config.cube_half_size
        yield from self._carry(cube, goal, compute_grasp_yaw(cube), cube_m)

    def _carry(self, cube: Vector, goal: Vector, goal_yaw: float | None, rise_m: float) -> Targets:
        yaw = compute_grasp_yaw(cube)
        yield from self._grasp(cube, yaw)
        tool = self._tool()
        yield from self._go(raise_point(tool, 0.08), yaw, SHUT_RAD)
        above = np.array([goal[0], goal[1], tool[2] + rise_m])
        yield from self._go(raise_point(above, 0.05), goal_yaw, SHUT_RAD)
        yield from self._go(raise_point(above, 0.004), goal_yaw, SHUT_RAD, 0.6 * SPEED_RAD)
        yield from self._hold(2)
        yield from self._grip(0.6, 0.15)
        yield from self._hold(2)
        yield from self._go(raise_point(above, HOVER_M), goal_yaw, 0.6)

    def _grasp(self, cube: Vector, yaw: float) -> Targets:
        flat = cube[:3] * FLAT
        yield from self._go(raise_point(flat, HOVER_M), yaw, OPEN_RAD)
        yield from self._go(raise_point(flat, GRASP_HEIGHT_M), yaw, OPEN_RAD, 0.7 * SPEED_RAD)
        yield from self._hold(2)
        yield from self._grip(SHUT_RAD, 0.25)
        yield from self._hold(3)

    def _go(
        self, position: Vector, yaw: float | None, gripper: float, speed: float = SPEED_RAD
    ) -> Targets:
        joints = self._kinematics.solve(position, yaw, self._target)
        yield from self._move(np.r_[joints, gripper], speed)

    def _grip(self, gripper: float, speed: float) -> Targets:
        yield from self._move(np.r_[self._target[:5], gripper], speed)

    def _move(self, goal: Vector, speed: float) -> Targets:
        """A straight line in joint space, at most `speed` radians a step in any joint."""
        start = self._target
        steps = max(1, int(np.ceil(np.abs(goal - start).max() / speed)))
        for step in range(1, steps + 1):
            self._target = start + (goal - start) * step / steps
            yield self._target

    def _aim(self, goal: Vector, lead_rad: float) -> Vector:
        """From where the arm is now, so only place and goal decide, and no plan."""
        joints = self._joints()
        way = goal - joints
        return np.asarray(joints + way * min(1.0, lead_rad / max(np.abs(way).max(), 1e-9)))

    def _aim_arm(self, joints: Vector, gripper: float, lead_rad: float) -> Vector:
        """As `_aim` for the arm; the gripper goes where it should at once."""
        self._target = self._aim(np.r_[joints, self._joints()[5]], lead_rad)
        self._target[5] = gripper
        return self._target

    def _hold(self, steps: int) -> Targets:
        for _ in range(steps):
            yield self._target

    def _is_holding(self) -> bool:
        return bool(self._simulator._is_grasping() > 0.5)

    def _joints(self) -> Vector:
        return np.array(self._simulator._get_current_qpos(), dtype=np.float64)

    def _compute_turn(self, yaw: float) -> float:
        """Angle between the jaw line and `yaw`, whose two ends are alike, in radians."""
        jaw = self._simulator.data.site_xmat[self._simulator._tcp_site_id].reshape(3, 3)[:, 0]
        turn = np.arctan2(jaw[1], jaw[0]) - yaw
        return float(abs((turn + np.pi / 2) % np.pi - np.pi / 2))

    def _tool(self) -> Vector:
        return np.array(self._simulator._get_tcp_pose()[:3], dtype=np.float64)


def compute_grasp_yaw(pose: Vector) -> float:
    """The direction of a cube's face nearest to the wrist's natural one, in radians.

    Args:
        pose: float64[7], position and quaternion (w, x, y, z).
    """
    w, x, y, z = pose[3:7]
    cube_yaw = np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
    natural = compute_natural_yaw(pose)
    return float(cube_yaw + np.round((natural - cube_yaw) / (np.pi / 2)) * np.pi / 2)


def compute_natural_yaw(position: Vector) -> float:
    """The wrist's own direction at `position`, float64[≥2] in metres, in radians."""
    return float(np.arctan2(position[1], position[0]) + np.pi / 2)


def raise_point(position: Vector, height_m: float) -> Vector:
    """`position` float64[3] moved up by `height_m` metres."""
    return np.asarray(position + np.array([0.0, 0.0, height_m]))
