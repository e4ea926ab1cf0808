"""The recorded tasks as gymnasium environments, and joint units."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

os.environ.setdefault("MUJOCO_GL", "egl")  # read by mujoco when it is imported

import gymnasium
import so101_nexus.mujoco  # noqa: F401 - registers the environments
from so101_nexus.config import (
    MoveConfig,
    PhysicsConfig,
    PickAndPlaceConfig,
    PickConfig,
    Pose,
    RenderConfig,
    RobotConfig,
    StackCubeConfig,
    TouchConfig,
)
from so101_nexus.lerobot_dataset import dataset_row_to_sim_qpos, sim_qpos_to_dataset_row
from so101_nexus.objects import CubeObject
from so101_nexus.observations import JointPositions, OverheadCamera, WristCamera
from so101_nexus.rendering import RenderingQuality

from zk0.learning.simulator.leads import Lead, Wander
from zk0.learning.simulator.reach import ReachEnv

CONTROL_HZ = 10
IMAGE_SIZE = 64
SPAWN: dict[str, Any] = {
    "spawn_center": (0.15, 0.0),
    "spawn_min_radius": 0.07,
    "spawn_max_radius": 0.13,
    "spawn_angle_half_range_deg": 50.0,
}
WIDE: dict[str, Any] = {
    "spawn_center": (0.1, 0.0),
    "spawn_min_radius": 0.1,
    "spawn_max_radius": 0.2,
    "spawn_angle_half_range_deg": 80.0,
}
"""An area that no single movement sweeps: a blind arm meets every third cube of `SPAWN`."""
ANYWHERE = Pose(
    name="anywhere",
    shoulder_pan_deg=(-60.0, 60.0),
    shoulder_lift_deg=(-90.0, -20.0),
    elbow_flex_deg=(20.0, 90.0),
    wrist_flex_deg=(0.0, 75.0),
    wrist_roll_deg=0.0,
    gripper_deg=-10.0,
)
"""A start drawn anew for every episode, so that joint positions do not give the goal away."""
WANDER_ABOVE = Wander((-45, -100, -10, 10, -110, -10), (45, 20, 90, 90, 20, 60))
"""Before a demonstration of lifting or placing."""
REACH = "zk0/Reach-v0"
gymnasium.register(REACH, entry_point=ReachEnv)


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """One task: environment id, its config class and settings, longest episode in steps."""

    environment: str
    config: type
    settings: dict[str, Any]
    max_steps: int
    near_m: float | None = None
    """A demonstration goes on past success until the tool is this near its goal, if set."""
    drift_rad: float = 0.0
    """Spread of a slowly changing error on what the arm of a demonstration executes."""
    lead: Lead | None = None
    """What a demonstration's arm does before the expert takes over, if anything."""
    height_m: float = 0.07
    """About how high arm and goal are, for turning pictures (`turning.py`)."""


TASKS = {
    "touch": TaskSpec(
        "MuJoCoTouch-v1", TouchConfig, {"objects": [CubeObject(color="green")], **SPAWN}, 40
    ),
    "touch-wide": TaskSpec(
        "MuJoCoTouch-v1",
        TouchConfig,
        {
            "objects": [CubeObject(color="green")],
            "robot": RobotConfig(init_pose=ANYWHERE),
            "touch_margin": 0.012,
            **WIDE,
        },
        30,
        near_m=0.03,
        drift_rad=0.03,
        lead=Wander((-60, -90, 20, 0, 0, -10), (60, -20, 90, 75, 0, -10)),
        height_m=0.02,
    ),
    "reach": TaskSpec(
        REACH,
        MoveConfig,
        {
            "spawn_center": (0.15, 0.0),  # what the camera above is framed on
            "spawn_max_radius": 0.2,
            "robot": RobotConfig(init_pose=ANYWHERE),
        },
        30,
        near_m=0.02,
        drift_rad=0.03,
        height_m=0.1,
    ),
    "lift": TaskSpec(
        "MuJoCoPickLift-v1", PickConfig, {"objects": [CubeObject(color="red")], **SPAWN}, 90
    ),
    "lift-anywhere": TaskSpec(
        "MuJoCoPickLift-v1",
        PickConfig,
        {"objects": [CubeObject(color="red")], **SPAWN},
        90,
        drift_rad=0.012,
        lead=WANDER_ABOVE,
        height_m=0.02,
    ),
    "place": TaskSpec(
        "MuJoCoPickAndPlace-v1",
        PickAndPlaceConfig,
        {"cube_colors": "red", "target_colors": "blue", **SPAWN},
        130,
    ),
    "place-anywhere": TaskSpec(
        "MuJoCoPickAndPlace-v1",
        PickAndPlaceConfig,
        {"cube_colors": "red", "target_colors": "blue", **SPAWN},
        130,
        drift_rad=0.012,
        lead=WANDER_ABOVE,
        height_m=0.02,
    ),
    "stack": TaskSpec("MuJoCoStackCube-v1", StackCubeConfig, SPAWN, 130),
}


def make_environment(task: str, *, film: bool = False) -> Any:
    """The environment of `task` with joint positions and two 64-pixel cameras at 10 Hz.

    With `film`, `render()` gives a view from the side, uint8[256, 256, 3].
    """
    spec = TASKS[task]
    quality = RenderingQuality("reproducible", msaa_samples=0, shadows=False, shadow_map_size=256)
    wrist = WristCamera(
        IMAGE_SIZE,
        IMAGE_SIZE,
        fov_deg_range=(75, 75),
        pitch_deg_range=(-17, -17),
        pos_x_noise=0,
        pos_y_noise=0,
        pos_z_noise=0,
    )
    config = spec.config(
        **spec.settings,
        physics=PhysicsConfig(
            control_period_s=1 / CONTROL_HZ, integrator="implicitfast", noslip_iterations=3
        ),
        render=RenderConfig(256, 256, camera="side", quality=quality),
        observations=[JointPositions(), OverheadCamera(IMAGE_SIZE, IMAGE_SIZE), wrist],
        obs_mode="visual",
    )
    return gymnasium.make(
        spec.environment,
        config=config,
        render_mode="rgb_array" if film else None,
        max_episode_steps=spec.max_steps,
    )


def to_dataset_row(simulator: Any, joints_rad: NDArray[Any]) -> NDArray[np.float32]:
    """Joint angles in radians → LeRobot's SO-101 units (degrees; gripper 0–100), float32[6]."""
    joints = np.array(joints_rad, dtype=np.float64)
    row = sim_qpos_to_dataset_row(joints, gripper_limits_rad=_get_gripper_limits(simulator))
    return np.asarray(row, dtype=np.float32)


def to_joint_targets(simulator: Any, row: NDArray[Any]) -> NDArray[np.float32]:
    """The inverse: LeRobot's SO-101 units → radians, float32[6], within the actuators' limits."""
    units = np.array(row, dtype=np.float64)
    joints = dataset_row_to_sim_qpos(units, gripper_limits_rad=_get_gripper_limits(simulator))
    low, high = simulator.action_space.low, simulator.action_space.high
    return np.asarray(np.clip(joints, low, high), dtype=np.float32)


def _get_gripper_limits(simulator: Any) -> tuple[float, float]:
    return float(simulator._target_low[-1]), float(simulator._target_high[-1])
