"""Checks of a LeRobot data set before anything is trained on it."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zk0.errors import DatasetError
from zk0.learning.robot import ACTION_KEY, STATE_KEY, Robot

logger = logging.getLogger(__name__)

CONVERTER = "python -m lerobot.scripts.convert_dataset_v21_to_v30"


def validate_format(root: Path) -> dict[str, Any]:
    """`meta/info.json` of a v3 data set.

    Raises:
        DatasetError: missing, unreadable, or recorded in an older format.
    """
    file = root / "meta" / "info.json"
    if not file.is_file():
        raise DatasetError(
            f"expected a LeRobot data set in {root}, found no meta/info.json: check the path"
        )
    try:
        info = json.loads(file.read_text())
        if not isinstance(info, dict) or not isinstance(info.get("features"), dict):
            raise ValueError("expected an object with features")
    except (OSError, ValueError) as error:
        raise DatasetError(
            f"data set {root} is damaged: meta/info.json cannot be read as JSON with features; "
            "fetch or record it again"
        ) from error
    version = str(info.get("codebase_version", "none"))
    if not version.startswith("v3."):
        raise DatasetError(
            f"expected data set format v3.0 in {root}, found {version}: convert it with "
            f"`{CONVERTER} --repo-id=<name> --root={root}`"
        )
    return info


def validate_features(root: Path, info: dict[str, Any], robot: Robot) -> None:
    """The cameras, joint names and rate of the network's robot.

    Raises:
        DatasetError: another robot's data set.
    """
    features = info["features"]
    for key in (STATE_KEY, ACTION_KEY):
        names = tuple(features.get(key, {}).get("names") or ())
        if names != robot.joints:
            raise DatasetError(
                f"data set {root}: expected {key} with joints {list(robot.joints)}, found "
                f"{list(names)}: record it with the network's robot"
            )
    cameras = sorted(key for key, f in features.items() if f.get("dtype") in ("video", "image"))
    missing = sorted(set(robot.camera_keys) - set(cameras))
    if missing:
        raise DatasetError(
            f"data set {root}: expected cameras {list(robot.camera_keys)}, found {cameras}: "
            f"rename or record {missing}"
        )
    if info.get("fps") != robot.fps:
        raise DatasetError(
            f"data set {root}: expected {robot.fps} frames a second, found {info.get('fps')}: "
            "record it at the network's rate"
        )


def count_usable_rows(root: Path, index: NDArray[np.int64], total_frames: int) -> int:
    """How many leading rows belong to the data set: `total_frames`.

    A doubled data set (LeRobot issue 1875) holds every row twice and still says
    `total_frames`; it is a warning, and the first `total_frames` rows are used.

    Args:
        index: int64[rows], the `index` column.

    Raises:
        DatasetError: rows are missing or out of order.
    """
    rows = len(index)
    if rows < total_frames or not np.array_equal(index[:total_frames], np.arange(total_frames)):
        raise DatasetError(
            f"data set {root} is damaged: expected frames 0 to {total_frames - 1} in order, "
            f"found {rows} rows; fetch or record it again"
        )
    if rows > total_frames:
        logger.warning(
            "data set %s holds %d rows but says %d frames (doubled?): using the first %d",
            root,
            rows,
            total_frames,
            total_frames,
        )
    return total_frames


def validate_values(root: Path, name: str, values: NDArray[np.float32]) -> None:
    """Every value finite. Raises DatasetError naming the first bad frame."""
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(bad):
        raise DatasetError(
            f"data set {root}: {name} of frame {bad[0]} is not finite ({len(bad)} such frames): "
            "remove those episodes"
        )


def validate_references(
    root: Path, rows: dict[str, Any], episode_count: int, tasks: Collection[int]
) -> None:
    """Frames point to episodes and tasks that the metadata describes, episodes in order.

    Args:
        rows: `episode_index` and `task_index`, int64[n] each.

    Raises:
        DatasetError: metadata and rows do not belong together.
    """
    episode, task = rows["episode_index"], rows["task_index"]
    in_order = bool((np.diff(episode) >= 0).all())
    if not in_order or int(episode.max(initial=-1)) >= episode_count:
        raise DatasetError(
            f"data set {root} is damaged: expected its frames in {episode_count} episodes in "
            f"order, found episodes up to {int(episode.max(initial=-1))}; fetch or record it again"
        )
    unknown = sorted(set(task.tolist()) - set(tasks))
    if unknown:
        raise DatasetError(
            f"data set {root} is damaged: frames name tasks {unknown} that meta/tasks.parquet "
            "does not hold; fetch or record it again"
        )
