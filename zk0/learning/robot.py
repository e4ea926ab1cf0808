"""What a data set must look like to be trained on together with the others."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zk0.errors import ConfigError

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

SMOLVLA_BASE = Robot(
    joints=SO101.joints,
    cameras=("camera1", "camera2", "camera3"),
    fps=None,
    image_size=256,
    needs_all_cameras=False,
)
"""What `lerobot/smolvla_base` was published for: an SO-100/101 and up to three cameras."""
KNOWN_ROBOTS = {"tiny": SO101, "lerobot/smolvla_base": SMOLVLA_BASE}


def describe_robot(model: str) -> Robot:
    """What a policy needs from a data set, without loading it.

    Args:
        model: `tiny`, a folder that LeRobot saved a policy to, or a hub id.

    Raises:
        ConfigError: no such policy, or one for another arm than an SO-100/101.
    """
    if model in KNOWN_ROBOTS:
        return KNOWN_ROBOTS[model]
    try:
        config: dict[str, Any] = json.loads(_find_config(model).read_text())
        inputs, outputs = config["input_features"], config["output_features"]
        cameras = [key for key, f in inputs.items() if f["type"] == "VISUAL"]
        edges = [int(edge) for key in cameras for edge in inputs[key]["shape"][1:]]
        joints = int(outputs[ACTION_KEY]["shape"][0])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"expected a policy in {model}, found no config.json that describes its features: give "
            f"{' or '.join(KNOWN_ROBOTS)}, or a folder that LeRobot saved a policy to"
        ) from error
    if joints != len(SO101.joints):
        raise ConfigError(
            f"the policy in {model} has {joints} action dimensions, expected the "
            f"{len(SO101.joints)} of an SO-100/101"
        )
    return Robot(
        joints=SO101.joints,
        cameras=tuple(key.removeprefix(CAMERA_PREFIX) for key in cameras),
        fps=None,
        image_size=max(edges, default=SMOLVLA_BASE.image_size),
        needs_all_cameras=config.get("type") != "smolvla" or len(cameras) < 3,
    )


def _find_config(model: str) -> Path:
    """`config.json` of a folder, or of the hub's repository where there is no such folder."""
    if Path(model).is_dir() or not re.fullmatch(r"[\w.-]+/[\w.-]+", model):
        return Path(model) / "config.json"
    from huggingface_hub import hf_hub_download

    return Path(hf_hub_download(model, "config.json"))
