"""Checks of a LeRobot data set before anything is trained on it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zk0.errors import DatasetError
from zk0.learning.robot import ACTION_KEY, STATE_KEY, Robot, get_camera_key, simplify_joint

CONVERTER = "python -m lerobot.scripts.convert_dataset_v21_to_v30"


def describe_conversion(version: str, name: str, root: Path | None = None) -> str:
    """What to do about a data set in an older format than v3.0.

    LeRobot's converter works in place and pushes to the hub unless told not to.
    """
    if version != "v2.1":
        return (
            f"expected format v3.0, found {version}, which no converter of this LeRobot reads: "
            "bring it to v2.1 with the LeRobot version that wrote it, then to v3.0"
        )
    where = f" --root={root}" if root else ""
    command = f"{CONVERTER} --repo-id={name}{where} --push-to-hub=false"
    instead = f", or `zk0 datasets check local:{root} --convert NEW_FOLDER`" if root else ""
    return f"expected format v3.0, found {version}: convert it with `{command}`{instead}"


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
        raise DatasetError(f"data set {root}: {describe_conversion(version, root.name, root)}")
    return info


def validate_joints(root: Path, info: dict[str, Any], robot: Robot) -> None:
    """State and action of the network's robot, joint for joint.

    Raises:
        DatasetError: another number, order or name of joints.
    """
    for key in (STATE_KEY, ACTION_KEY):
        names = get_joint_names(info, key)
        if [simplify_joint(n) for n in names] != [simplify_joint(n) for n in robot.joints]:
            raise DatasetError(
                f"data set {root}: expected {key} with joints {list(robot.joints)} "
                f"({len(robot.joints)}), found {list(names)} ({len(names)}): record it with the "
                "network's robot"
            )


def get_joint_names(info: dict[str, Any], key: str) -> tuple[str, ...]:
    """Names of a vector feature; some older sets keep them as {"motors": [...]}."""
    names = info["features"].get(key, {}).get("names") or ()
    if isinstance(names, dict):
        names = next(iter(names.values()), ())
    return tuple(str(name) for name in names)


def get_cameras(info: dict[str, Any]) -> list[str]:
    """Feature names of all cameras, sorted."""
    features = info["features"].items()
    return sorted(key for key, f in features if f.get("dtype") in ("video", "image"))


def find_camera_sources(
    root: Path, info: dict[str, Any], robot: Robot | None, rename: Mapping[str, str]
) -> dict[str, str]:
    """The policy's camera → the data set's; without a robot, every camera.

    Args:
        rename: the data set's camera → the policy's, with or without `observation.images.`.

    Raises:
        DatasetError: a camera is missing, renamed from nowhere, or two become one.
    """
    found = get_cameras(info)
    names = {get_camera_key(old): get_camera_key(new) for old, new in rename.items()}
    strange = sorted(set(names) - set(found))
    if strange:
        raise DatasetError(
            f"data set {root}: rename names cameras {strange}, found {found}: correct rename"
        )
    sources: dict[str, str] = {}
    for old in found:
        new = names.get(old, old)
        if new in sources:
            raise DatasetError(
                f"data set {root}: cameras {sources[new]} and {old} would both be {new}: "
                "correct rename"
            )
        sources[new] = old
    if robot is None:
        return sources
    missing = sorted(set(robot.camera_keys) - set(sources))
    if missing and (robot.needs_all_cameras or len(missing) == len(robot.camera_keys)):
        raise DatasetError(
            f"data set {root}: expected cameras {list(robot.camera_keys)}, found "
            f"{sorted(sources)}: rename or record {missing}"
        )
    return {key: sources[key] for key in robot.camera_keys if key in sources}


def validate_rate(root: Path, info: dict[str, Any], robot: Robot) -> None:
    """Frames a second. Raises DatasetError for another rate than the network's."""
    if robot.fps is not None and info.get("fps") != robot.fps:
        raise DatasetError(
            f"data set {root}: expected {robot.fps} frames a second, found {info.get('fps')}: "
            "record it at the network's rate"
        )


def count_usable_rows(root: Path, index: NDArray[np.int64], total_frames: int) -> int:
    """How many leading rows belong to the data set: `total_frames`.

    A doubled data set (LeRobot issue 1875) holds every row twice and still says
    `total_frames`: its first `total_frames` rows are the data set.

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
    return total_frames


def describe_doubling(root: Path, rows: int, total_frames: int) -> str | None:
    """The warning about a doubled data set, if it is one."""
    if rows <= total_frames:
        return None
    return (
        f"data set {root} holds {rows} rows but says {total_frames} frames (doubled?): using the "
        f"first {total_frames}"
    )


def validate_timestamps(
    root: Path, rows: dict[str, Any], fps: float, tolerance_s: float | None
) -> None:
    """Within an episode, frames follow each other after 1/fps, give or take `tolerance_s`.

    Args:
        rows: `timestamp` float[n] in seconds and `episode_index` int64[n].
        tolerance_s: by default 1/fps.

    Raises:
        DatasetError: naming the first frame that comes too early or too late.
    """
    step_s = 1 / fps
    allowed_s = step_s if tolerance_s is None else tolerance_s
    stamps = np.asarray(rows["timestamp"], np.float64)
    gaps = np.diff(stamps)
    inside = np.diff(rows["episode_index"]) == 0
    # float32 stamps of an hour-long episode are 0.0002 s apart at best
    slack_s = float(np.spacing(np.float32(max(1.0, stamps.max(initial=0.0))))) * 2
    bad = np.flatnonzero(inside & ((np.abs(gaps - step_s) > allowed_s + slack_s) | ~(gaps > 0)))
    if len(bad):
        raise DatasetError(
            f"data set {root}: frame {bad[0] + 1} comes {gaps[bad[0]]:.4f} s after the one before "
            f"it ({len(bad)} such frames), expected {step_s:.4f} s within tolerance_s = "
            f"{allowed_s:.4f}: remove those episodes or allow more with tolerance_s"
        )


def validate_lengths(root: Path, rows: dict[str, Any], lengths: Sequence[int]) -> None:
    """Every episode has as many frames as the metadata says. Raises DatasetError."""
    numbers, counts = np.unique(rows["episode_index"], return_counts=True)
    for number, count in zip(numbers.tolist(), counts.tolist(), strict=True):
        if number < len(lengths) and lengths[number] != count:
            raise DatasetError(
                f"data set {root} is damaged: meta/episodes says {lengths[number]} frames for "
                f"episode {number}, found {count}; fetch or record it again"
            )


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
