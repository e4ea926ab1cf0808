"""Everything that can be said about a data set before training: facts, warnings, errors."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from zk0.errors import DatasetError
from zk0.learning.augmentation import build_augmentation
from zk0.learning.decoding import compute_fit
from zk0.learning.federation import DatasetSettings
from zk0.learning.frames import compute_episode_digests
from zk0.learning.integrity import (
    find_camera_sources,
    get_joint_names,
    validate_format,
    validate_joints,
    validate_lengths,
    validate_rate,
    validate_timestamps,
    validate_values,
)
from zk0.learning.offsets import compute_offsets
from zk0.learning.robot import ACTION_KEY, STATE_KEY, Robot
from zk0.learning.rows import Rows, read_rows
from zk0.learning.sources import resolve_source
from zk0.learning.splitting import Split, split_episodes
from zk0.learning.videos import Camera, inspect_camera

NOTHING = Split((), ())
MEMORY_SHARE = 0.5
RADIANS = 2 * np.pi + 0.01


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong, or may be."""

    level: Literal["warning", "error"]
    check: str
    """Which check: format, fps, cameras, actions …"""
    message: str


@dataclass(frozen=True, slots=True)
class JointRange:
    """What one joint's action was over all frames, in the data set's unit."""

    name: str
    low: float
    high: float
    mean: float
    std: float


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found in one data set; facts stay empty where an error came first."""

    settings: DatasetSettings
    role: Literal["client", "evaluation"]
    findings: tuple[Finding, ...]
    root: Path = Path()
    """Where the data set lies on this machine."""
    format: str = ""
    fps: float = 0
    frames: int = 0
    split: Split = NOTHING
    cameras: dict[str, Camera] = field(default_factory=dict)
    """The policy's camera → the data set's."""
    actions: tuple[JointRange, ...] = ()
    digests: dict[int, bytes] = field(default_factory=dict)
    """Selected episodes by content (`frames.compute_episode_digests`)."""

    @property
    def errors(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.level == "error"]

    @property
    def warnings(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.level == "warning"]

    def validate(self) -> None:
        """Raises DatasetError with the first error, and how many more there are."""
        if not self.errors:
            return
        more = len(self.errors) - 1
        raise DatasetError(
            self.errors[0].message
            + (f" (and {more} more: `zk0 datasets check {self.settings.address}`)" if more else "")
        )


class _Report:
    """Collects what checks raise, so that one error does not hide the next."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []

    def run[T](self, check: str, function: Callable[..., T], *arguments: Any) -> T | None:
        try:
            return function(*arguments)
        except DatasetError as error:
            self.findings.append(Finding("error", check, str(error)))
            return None

    def warn(self, check: str, message: str | None) -> None:
        if message:
            self.findings.append(Finding("warning", check, message))


def inspect_dataset(
    settings: DatasetSettings,
    robot: Robot | None = None,
    role: Literal["client", "evaluation"] = "client",
) -> Inspection:
    """Look at one data set. Nothing is decoded beyond a frame of each video, nothing written.

    Args:
        robot: what the network's policy needs; without it, only the data set itself is judged.
    """
    report = _Report()
    root = report.run("address", resolve_source, settings.source)
    info = report.run("format", validate_format, root) if root else None
    if root is None or info is None:
        return Inspection(settings, role, tuple(report.findings))
    if robot is not None:
        report.run("joints", validate_joints, root, info, robot)
        report.run("fps", validate_rate, root, info, robot)
    rows = report.run("files", read_rows, root)
    sources = report.run("cameras", find_camera_sources, root, info, robot, settings.rename)
    if rows is None:
        return Inspection(settings, role, tuple(report.findings), root)
    cameras = _inspect_cameras(report, root, rows, sources or {})
    report.run("delta_timestamps", compute_offsets, settings, int(info["fps"]), sources or {})
    report.run("image_transforms", build_augmentation, settings)
    split = _check_rows(report, rows, settings, role)
    report.warn("memory", _estimate_memory(settings, cameras, rows, robot))
    kept = np.isin(rows.columns["episode_index"], split.train + split.held_out)
    digests = _compute_digests(report, rows, kept, split)
    return Inspection(
        settings,
        role,
        tuple(report.findings),
        root,
        format=str(info["codebase_version"]),
        fps=float(info["fps"]),
        frames=int(kept.sum()),
        split=split,
        cameras=cameras,
        actions=_describe_actions(get_joint_names(info, ACTION_KEY), rows.columns[ACTION_KEY]),
        digests=digests,
    )


def _inspect_cameras(
    report: _Report, root: Path, rows: Rows, sources: dict[str, str]
) -> dict[str, Camera]:
    found = {}
    for key, source in sources.items():
        camera = report.run("cameras", inspect_camera, root, rows.metadata, source)
        if camera is not None:
            found[key] = camera
    return found


def _estimate_memory(
    settings: DatasetSettings, cameras: dict[str, Camera], rows: Rows, robot: Robot | None
) -> str | None:
    """Training decodes everything into memory once: say when that is most of the machine's."""
    edge = robot.image_size if robot else None
    sizes = [compute_fit(camera.height, camera.width, edge) for camera in cameras.values()]
    needed = sum(3 * height * width for height, width in sizes) * len(rows.columns["index"])
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed <= MEMORY_SHARE * there:
        return None
    return (
        f"data set {settings.label}: its decoded pictures take {needed / 1e9:.1f} GB of this "
        f"machine's {there / 1e9:.1f} GB: use some of its episodes with `episodes`"
    )


def _check_rows(
    report: _Report, rows: Rows, settings: DatasetSettings, role: Literal["client", "evaluation"]
) -> Split:
    root, columns, metadata = rows.root, rows.columns, rows.metadata
    report.warn("doubled", rows.doubled)
    for key in (STATE_KEY, ACTION_KEY):
        report.run("values", validate_values, root, key, columns[key])
    report.run("episodes", rows.validate_references)
    lengths = [int(length) for length in metadata.episodes["length"]]
    report.run("episodes", validate_lengths, root, columns, lengths)
    report.run("timestamps", validate_timestamps, root, columns, metadata.fps, settings.tolerance_s)
    report.warn("statistics", _compare_statistics(rows))
    report.warn("actions", _judge_units(rows))
    split = report.run("split", split_episodes, settings, columns["episode_index"], role)
    return split or NOTHING


def _describe_actions(
    names: tuple[str, ...], actions: NDArray[np.float32]
) -> tuple[JointRange, ...]:
    values = actions[np.isfinite(actions).all(axis=1)].astype(np.float64)
    if not len(values):
        return ()
    names = names if len(names) == values.shape[1] else tuple(map(str, range(values.shape[1])))
    columns = (values.min(axis=0), values.max(axis=0), values.mean(axis=0), values.std(axis=0))
    return tuple(
        JointRange(name, *(float(column[i]) for column in columns)) for i, name in enumerate(names)
    )


def _compare_statistics(rows: Rows) -> str | None:
    """zk0 never uses `meta/stats.json`, LeRobot does: say when it describes other data."""
    for key in (STATE_KEY, ACTION_KEY):
        written = (rows.metadata.stats or {}).get(key, {}).get("mean")
        values = rows.columns[key].astype(np.float64)
        values = values[np.isfinite(values).all(axis=1)]
        if written is None or np.shape(written) != values.shape[1:]:
            return f"data set {rows.root}: meta/stats.json has no mean of {key} for its joints"
        if not len(values):
            continue
        allowed = 0.01 * values.std(axis=0) + 1e-3
        if not (np.abs(np.asarray(written) - values.mean(axis=0)) <= allowed).all():
            return (
                f"data set {rows.root}: meta/stats.json has another mean of {key} than the frames; "
                "zk0 uses the network's statistics, other tools will be misled"
            )
    return None


def _judge_units(rows: Rows) -> str | None:
    """SO-100/101 sets are in degrees or per cent; values like radians are a likely mistake."""
    actions = rows.columns[ACTION_KEY]
    actions = actions[np.isfinite(actions).all(axis=1)]
    if not len(actions):
        return None
    constant = np.flatnonzero(np.ptp(actions, axis=0) == 0)
    if len(constant):
        return f"data set {rows.root}: action {constant.tolist()} never changes"
    if float(np.abs(actions[:, :-1]).max(initial=0)) <= RADIANS:
        return (
            f"data set {rows.root}: all actions lie within ±{RADIANS:.2f}, which looks like "
            "radians: expected LeRobot's degrees or per cent"
        )
    return None


def _compute_digests(
    report: _Report, rows: Rows, kept: NDArray[np.bool_], split: Split
) -> dict[int, bytes]:
    columns = rows.columns
    digests = compute_episode_digests(
        columns[STATE_KEY][kept], columns[ACTION_KEY][kept], columns["episode_index"][kept]
    )
    first: dict[bytes, int] = {}
    for number, digest in digests.items():
        original = first.setdefault(digest, number)
        if original != number:
            _report_copy(report, rows.root, number, original, split)
    return digests


def _report_copy(report: _Report, root: Path, number: int, original: int, split: Split) -> None:
    if (original in split.train) == (number in split.train):
        report.warn(
            "duplicates",
            f"data set {root}: episode {number} has the states and actions of episode {original}",
        )
        return
    message = (
        f"data set {root}: episode {number}, which is held out, has the states and actions of "
        f"episode {original}, which is trained on: expected no episode in training and "
        "evaluation; remove one of them"
    )
    report.findings.append(Finding("error", "duplicates", message))
