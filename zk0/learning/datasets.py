"""Opens LeRobot data sets and decodes them once into memory."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from zk0.learning.decoding import read_camera
from zk0.learning.federation import DatasetSettings
from zk0.learning.frames import Frames, compute_episode_digests
from zk0.learning.inspection import inspect_dataset
from zk0.learning.integrity import (
    find_camera_sources,
    validate_format,
    validate_joints,
    validate_rate,
)
from zk0.learning.robot import ACTION_KEY, SO101, STATE_KEY, Robot
from zk0.learning.rows import Rows, read_rows
from zk0.learning.sources import parse_source, resolve_source

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Dataset:
    """One node's data: frames to train on, and the last episodes held out."""

    name: str
    train: Frames
    held_out: Frames


def load_dataset(dataset: str | DatasetSettings, robot: Robot = SO101) -> Dataset:
    """Open, check, decode and split a data set.

    Args:
        dataset: an address (`zk0.learning.sources`), or that and how it is used.

    Raises:
        DatasetError: unknown, missing, damaged, another robot's, or too few episodes.
    """
    if isinstance(dataset, str):
        parse_source(dataset)
        dataset = DatasetSettings(address=dataset)
    inspection = inspect_dataset(dataset, robot)
    inspection.validate()
    for warning in inspection.warnings:
        log.warning("%s", warning.message)
    root = resolve_source(dataset.source)
    frames = _decode(read_rows(root), robot, dataset.rename, dataset.tolerance_s)
    return Dataset(
        name=dataset.address,
        train=frames.select_episodes(inspection.split.train),
        held_out=frames.select_episodes(inspection.split.held_out),
    )


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
            key: read_camera(root, metadata, columns, source, tolerance_s)
            for key, source in sources.items()
        },
        state=columns[STATE_KEY],
        action=columns[ACTION_KEY],
        episode=columns["episode_index"],
        instructions=tuple(names[int(task)] for task in columns["task_index"]),
    )
