"""What a data set must look like to be trained on together with the others."""

from __future__ import annotations

from dataclasses import dataclass

STATE_KEY = "observation.state"
ACTION_KEY = "action"
CAMERA_PREFIX = "observation.images."


@dataclass(frozen=True, slots=True)
class Robot:
    """Joints, cameras and control rate that all nodes of a network share."""

    joints: tuple[str, ...]
    cameras: tuple[str, ...]
    fps: int | None
    """Frames a second; None where the policy does not say, then all data sets must agree."""
    image_size: int
    """Edge of the square camera images in pixels; larger ones are scaled down to fit."""
    needs_all_cameras: bool = True
    """False for SmolVLA as published: it takes one to three cameras."""

    @property
    def camera_keys(self) -> tuple[str, ...]:
        """LeRobot feature names of the cameras, in order."""
        return tuple(CAMERA_PREFIX + camera for camera in self.cameras)


def get_camera_key(name: str) -> str:
    """`camera1` or `observation.images.camera1` → the latter."""
    return name if name.startswith(CAMERA_PREFIX) else CAMERA_PREFIX + name


def simplify_joint(name: str) -> str:
    """`main_shoulder_pan` (older SO-100 sets) and `shoulder_pan.pos` → `shoulder_pan`."""
    return name.removeprefix("main_").removesuffix(".pos")


SO101 = Robot(
    joints=(
        "shoulder_pan.pos",
        "shoulder_lift.pos",
        "elbow_flex.pos",
        "wrist_flex.pos",
        "wrist_roll.pos",
        "gripper.pos",
    ),
    cameras=("overhead", "wrist"),
    fps=10,
    image_size=64,
)
"""The SO-101 arm as recorded in `embedded/`: degrees, and 0–100 for the gripper."""
