"""Opens LeRobot data sets and decodes them once into memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zk0.errors import DatasetError
from zk0.learning.decoding import read_camera
from zk0.learning.frames import Frames, compute_episode_digests
from zk0.learning.integrity import (
    count_usable_rows,
    validate_features,
    validate_format,
    validate_references,
    validate_values,
)
from zk0.learning.robot import ACTION_KEY, SO101, STATE_KEY, Robot

EMBEDDED = Path(__file__).parent / "embedded"
HELD_OUT_SHARE = 5
"""One episode in five is held out, the last ones, at least one."""
MIN_EPISODES = 2


@dataclass(frozen=True, slots=True)
class Dataset:
    """One node's data: frames to train on, and the last episodes held out."""

    name: str
    train: Frames
    held_out: Frames


def list_embedded() -> list[str]:
    """Names of the data sets that ship with zk0, sorted."""
    return sorted(folder.name for folder in (EMBEDDED / "datasets").iterdir())


def load_dataset(reference: str, robot: Robot = SO101) -> Dataset:
    """Open, check, decode and split a data set.

    Args:
        reference: an embedded name (`touch`), `local:<folder>` or `hf:<owner>/<name>`.

    Raises:
        DatasetError: unknown, missing, damaged, another robot's, or too few episodes.
    """
    frames = read_frames(resolve_reference(reference), robot)
    episodes = frames.episodes
    if len(episodes) < MIN_EPISODES:
        raise DatasetError(
            f"data set {reference} has {len(episodes)} episode(s) and none to hold out: "
            f"expected at least {MIN_EPISODES}, record more"
        )
    cut = len(episodes) - max(1, len(episodes) // HELD_OUT_SHARE)
    return Dataset(
        name=reference,
        train=frames.select_episodes(episodes[:cut]),
        held_out=frames.select_episodes(episodes[cut:]),
    )


def resolve_reference(reference: str) -> Path:
    """The folder that a reference names; `hf:` ones are downloaded. Raises DatasetError."""
    scheme, colon, rest = reference.partition(":")
    if scheme == "local" and rest:
        return Path(rest).expanduser()
    if scheme == "hf" and rest:
        return _download(rest)
    if not colon and reference in list_embedded():
        return EMBEDDED / "datasets" / reference
    raise DatasetError(
        f"expected a data set as local:<folder>, hf:<owner>/<name> or one of "
        f"{list_embedded()}, found {reference!r}"
    )


def _download(repository: str) -> Path:
    import httpx
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError
    from lerobot.datasets.lerobot_dataset import LeRobotDataset
    from lerobot.datasets.utils import CompatibilityError

    try:
        return Path(LeRobotDataset(repo_id=repository, video_backend="pyav").root)
    except (
        OSError,
        HfHubHTTPError,
        HFValidationError,
        httpx.HTTPError,
        CompatibilityError,  # other format versions
        RuntimeError,  # a client that was closed, a repository without a version tag
        ValueError,  # a damaged file
    ) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DatasetError(
            f"data set hf:{repository} cannot be had from the Hugging Face hub ({reason}): "
            "check the name and the connection, or use local:<folder>"
        ) from error


def read_frames(root: Path, robot: Robot = SO101) -> Frames:
    """All episodes of the data set in `root`, decoded.

    Raises:
        DatasetError: missing, damaged, or another robot's.
    """
    metadata, rows = _open(root, robot)
    names = {int(row.task_index): str(name) for name, row in metadata.tasks.iterrows()}
    return Frames(
        images={key: read_camera(root, metadata, rows, key) for key in robot.camera_keys},
        state=rows[STATE_KEY],
        action=rows[ACTION_KEY],
        episode=rows["episode_index"],
        instructions=tuple(names[int(task)] for task in rows["task_index"]),
    )


def read_episode_digests(root: Path, robot: Robot = SO101) -> dict[int, bytes]:
    """Episode number → content digest, without decoding a video. Raises DatasetError."""
    _, rows = _open(root, robot)
    return compute_episode_digests(rows[STATE_KEY], rows[ACTION_KEY], rows["episode_index"])


def _open(root: Path, robot: Robot) -> tuple[Any, dict[str, Any]]:
    """LeRobot's metadata and all checked columns but the cameras'."""
    validate_features(root, validate_format(root), robot)
    metadata = _read_metadata(root)
    rows = _read_rows(root, metadata)
    for key in (STATE_KEY, ACTION_KEY):
        rows[key] = np.stack(rows[key]).astype(np.float32)
        validate_values(root, key, rows[key])
    tasks = [int(index) for index in metadata.tasks["task_index"]]
    validate_references(root, rows, len(metadata.episodes), tasks)
    return metadata, rows


def _read_metadata(root: Path) -> Any:
    import pyarrow as pa
    from lerobot.datasets.dataset_metadata import LeRobotDatasetMetadata

    for part in ("tasks.parquet", "stats.json", "episodes"):
        if not (root / "meta" / part).exists():
            raise DatasetError(
                f"data set {root} is damaged: meta/{part} is missing; fetch or record it again"
            )
    try:
        return LeRobotDatasetMetadata(repo_id=f"local/{root.name}", root=root)
    except (pa.ArrowException, ValueError, KeyError, OSError) as error:
        raise DatasetError(
            f"data set {root} is damaged: its meta folder is unreadable; fetch or record it again"
        ) from error


def _read_rows(root: Path, metadata: Any) -> dict[str, Any]:
    """Columns of all parquet files as numpy arrays, cut to the frames that count."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = sorted((root / "data").glob("*/*.parquet"))
    if not files:
        raise DatasetError(f"data set {root} is damaged: no parquet file under data; fetch again")
    columns = [STATE_KEY, ACTION_KEY, "index", "episode_index", "task_index", "timestamp"]
    columns += list(metadata.image_keys)
    try:
        table = pa.concat_tables([pq.read_table(file, columns=columns) for file in files])
    except (pa.ArrowException, OSError) as error:
        raise DatasetError(
            f"data set {root} is damaged: {len(files)} parquet file(s) under data, one is "
            "unreadable; fetch or record it again"
        ) from error
    index = table.column("index").to_numpy()
    usable = count_usable_rows(root, index, int(metadata.total_frames))
    return {
        name: table.column(name).slice(0, usable).to_numpy(zero_copy_only=False)
        for name in table.column_names
    }
