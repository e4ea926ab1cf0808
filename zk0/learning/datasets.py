"""Opens LeRobot data sets and decodes them once into memory."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from zk0.learning.augmentation import Augment, build_augmentation
from zk0.learning.decoding import read_camera
from zk0.learning.federation import DatasetSettings, choose_dataset
from zk0.learning.frames import Frames, compute_episode_digests
from zk0.learning.inspection import inspect_dataset
from zk0.learning.integrity import (
    find_camera_sources,
    validate_format,
    validate_joints,
    validate_rate,
)
from zk0.learning.offsets import compute_offsets
from zk0.learning.robot import ACTION_KEY, SO101, STATE_KEY, Robot
from zk0.learning.rows import Rows, read_rows
from zk0.learning.splitting import Split

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Dataset:
    """One node's data: frames to train on, and the last episodes held out."""

    name: str
    train: Frames
    held_out: Frames
    augment: Augment | None = None
    """What is done to training pictures, if anything."""


def load_dataset(dataset: str | DatasetSettings, robot: Robot = SO101) -> Dataset:
    """Open, check, decode and split a data set.

    Args:
        dataset: an address (`zk0.learning.sources`), or that and how it is used.

    Raises:
        DatasetError: unknown, missing, damaged, another robot's, or too few episodes.
    """
    if isinstance(dataset, str):
        dataset = choose_dataset(dataset)
    frames, split = _load(dataset, robot, "client")
    return Dataset(
        name=dataset.label,
        train=frames.select_episodes(split.train),
        held_out=frames.select_episodes(split.held_out),
        augment=build_augmentation(dataset),
    )


def load_evaluation_frames(dataset: DatasetSettings, robot: Robot = SO101) -> Frames:
    """All selected episodes of a set that nobody trains on. Raises as `load_dataset`."""
    frames, split = _load(dataset, robot, "evaluation")
    return frames.select_episodes(split.held_out)


def _load(
    dataset: DatasetSettings, robot: Robot, role: Literal["client", "evaluation"]
) -> tuple[Frames, Split]:
    """Inspected, then decoded."""
    inspection = inspect_dataset(dataset, robot, role)
    inspection.validate()
    for warning in inspection.warnings:
        log.warning("%s", warning.message)
    rows = read_rows(inspection.root)
    frames = _decode(rows, robot, dataset.rename, dataset.tolerance_s)
    offsets = compute_offsets(dataset, rows.metadata.fps, list(frames.images))
    return replace(frames, offsets=offsets), inspection.split


def read_frames(root: Path, robot: Robot = SO101) -> Frames:
    """All episodes of the data set in `root`, decoded.

    Raises:
        DatasetError: missing, damaged, or another robot's.
    """
    return _decode(_open(root, robot), robot, {}, None)


def read_episode_digests(root: Path, robot: Robot = SO101) -> dict[int, bytes]:
    """Episode number → content digest, without decoding a video. Raises DatasetError."""
    columns = _open(root, robot).columns
    return compute_episode_digests(
        columns[STATE_KEY], columns[ACTION_KEY], columns["episode_index"]
    )


def _open(root: Path, robot: Robot) -> Rows:
    info = validate_format(root)
    validate_joints(root, info, robot)
    validate_rate(root, info, robot)
    rows = read_rows(root)
    if rows.doubled:
        log.warning("%s", rows.doubled)
    rows.validate()
    return rows


def _decode(
    rows: Rows, robot: Robot, rename: Mapping[str, str], tolerance_s: float | None
) -> Frames:
    root, metadata, columns = rows.root, rows.metadata, rows.columns
    sources = find_camera_sources(root, {"features": metadata.features}, robot, rename)
    names = {int(row.task_index): str(name) for name, row in metadata.tasks.iterrows()}
    return Frames(
        images={
            key: read_camera(root, metadata, columns, source, tolerance_s, robot.image_size)
            for key, source in sources.items()
        },
        state=columns[STATE_KEY],
        action=columns[ACTION_KEY],
        episode=columns["episode_index"],
        instructions=tuple(names[int(task)] for task in columns["task_index"]),
    )
