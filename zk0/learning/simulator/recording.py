"""Records successful expert episodes as LeRobot v3 data sets."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from datasets import disable_progress_bars
from lerobot.configs.video import RGBEncoderConfig
from lerobot.datasets.lerobot_dataset import LeRobotDataset
from numpy.typing import NDArray

from zk0.learning.simulator.environment import (
    CONTROL_HZ,
    IMAGE_SIZE,
    TASKS,
    make_environment,
    to_dataset_row,
)
from zk0.learning.simulator.experts import Expert
from zk0.learning.simulator.leads import Lead

log = logging.getLogger(__name__)

CAMERAS = ("overhead", "wrist")
JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
ACTION_NOISE_RAD = 0.01
"""Spread of the noise on what the arm executes; the recorded action is the expert's own."""
LOG_EVERY = 50
"""Episodes."""
LEAST_ROWS = 2
"""LeRobot cannot append the video of a single frame to that of other episodes."""
DRIFT_MEMORY = 0.7
"""Share of a step's drift that the next one keeps, and the weight of what is new in it."""


@dataclass(frozen=True, slots=True)
class RecordedSet:
    """What was recorded, for the provenance file."""

    task: str
    first_seed: int
    seeds_tried: int
    seeds_kept: tuple[int, ...]
    frames: int


def record_dataset(
    folder: Path,
    task: str,
    episodes: int,
    first_seed: int,
    lead: Lead | None = None,
    *,
    lossless: bool = False,
) -> RecordedSet:
    """Write `episodes` successful episodes of `task` to `folder`, which must not exist.

    Seeds count up from `first_seed`; an episode that the simulator does not call a
    success, or of less than `LEAST_ROWS`, is dropped. `lead` comes before the expert, in place
    of the task's own. `lossless` keeps pictures in place of video, which takes about three
    times the room: at 64 pixels a codec halves the colours of a cube that is four pixels wide.
    """
    disable_progress_bars()  # one for each episode otherwise
    dataset = LeRobotDataset.create(
        repo_id=f"zk0/{folder.name}",
        root=folder,
        fps=CONTROL_HZ,
        robot_type="so101_follower",
        features=_describe_features("image" if lossless else "video"),
        use_videos=not lossless,
        video_backend="pyav",
        rgb_encoder=RGBEncoderConfig(vcodec="h264", crf=23),
    )
    environment = make_environment(task)
    kept: list[int] = []
    seed = first_seed
    while len(kept) < episodes:
        rows = list(run_expert(environment, task, seed, lead))
        if len(rows) >= LEAST_ROWS and rows[-1]["success"]:
            for row in rows:
                row.pop("success")
                dataset.add_frame(row)
            dataset.save_episode()
            kept.append(seed)
            if len(kept) % LOG_EVERY == 0:
                log.info("%d of %d episodes of %s", len(kept), episodes, task)
        seed += 1
    dataset.finalize()
    environment.close()
    return RecordedSet(task, first_seed, seed - first_seed, tuple(kept), dataset.meta.total_frames)


def run_expert(
    environment: Any, task: str, seed: int, lead: Lead | None = None
) -> Iterator[dict[str, Any]]:
    """One episode as data set rows; `success` tells what the step after the row led to.

    No row where the episode was over before the expert's turn.
    """
    observation, _ = environment.reset(seed=seed)
    simulator = environment.unwrapped
    low, high = environment.action_space.low, environment.action_space.high
    noise, spec = np.random.default_rng(seed), TASKS[task]
    lead = lead or spec.lead
    if lead is not None:
        observation = lead(environment, observation, noise)
        if observation is None:
            return
    arm: NDArray[np.float64] = np.array([1.0, 1, 1, 1, 1, 0])
    drift: NDArray[np.float64] = np.zeros(6)
    for target in Expert(simulator, task).plan():
        action = np.clip(target, low, high).astype(np.float32)
        row: dict[str, Any] = {
            "observation.state": to_dataset_row(simulator, observation["state"]),
            "action": to_dataset_row(simulator, action),
            "task": simulator.task_description,
        }
        for camera in CAMERAS:
            row[f"observation.images.{camera}"] = observation[f"{camera}_camera"]
        error = noise.normal(0, 1, 6) * ACTION_NOISE_RAD
        if spec.drift_rad:
            drift = DRIFT_MEMORY * (drift + noise.normal(0, spec.drift_rad, 6))
            error = error + drift
        executed = np.clip(action + error * arm, low, high).astype(np.float32)
        observation, _, terminated, truncated, info = environment.step(executed)
        row["success"] = bool(info["success"])
        yield row
        if truncated or (terminated and is_near(info, spec.near_m)):
            return


def is_near(info: Mapping[str, Any], near_m: float | None) -> bool:
    """Whether the tool is within `near_m` metres of its goal; always where that is None."""
    if near_m is None:
        return True
    found = info["tcp_to_target_dist"] if "tcp_to_target_dist" in info else info["tcp_to_obj_dist"]
    return bool(found < near_m)


def _describe_features(pictures: str) -> dict[str, dict[str, Any]]:
    joints = [f"{joint}.pos" for joint in JOINTS]
    vector = {"dtype": "float32", "shape": (6,), "names": joints}
    features: dict[str, dict[str, Any]] = {
        "observation.state": dict(vector),
        "action": dict(vector),
    }
    for camera in CAMERAS:
        features[f"observation.images.{camera}"] = {
            "dtype": pictures,
            "shape": (IMAGE_SIZE, IMAGE_SIZE, 3),
            "names": ["height", "width", "channels"],
        }
    return features
