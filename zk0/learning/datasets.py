"""Opens LeRobot data sets and decodes them once into memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zk0.errors import DatasetError
from zk0.learning.frames import Frames
from zk0.learning.integrity import (
    count_usable_rows,
    validate_features,
    validate_format,
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

    # RuntimeError and BackwardCompatibilityError are how LeRobot reports other versions
    try:
        return Path(LeRobotDataset(repo_id=repository, video_backend="pyav").root)
    except (
        OSError,
        HfHubHTTPError,
        HFValidationError,
        httpx.HTTPError,
        RuntimeError,
        ValueError,
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
    info = validate_format(root)
    validate_features(root, info, robot)
    metadata = _read_metadata(root)
    rows = _read_rows(root, metadata)
    state = np.stack(rows[STATE_KEY]).astype(np.float32)
    action = np.stack(rows[ACTION_KEY]).astype(np.float32)
    validate_values(root, STATE_KEY, state)
    validate_values(root, ACTION_KEY, action)
    names = {int(row.task_index): str(name) for name, row in metadata.tasks.iterrows()}
    return Frames(
        images={key: _read_camera(root, metadata, rows, key) for key in robot.camera_keys},
        state=state,
        action=action,
        episode=rows["episode_index"].astype(np.int64),
        instructions=tuple(names[int(task)] for task in rows["task_index"]),
    )


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


def _read_camera(root: Path, metadata: Any, rows: dict[str, Any], key: str) -> Any:
    """uint8[n, 3, height, width] of one camera, from video or from embedded images."""
    if key in metadata.image_keys:
        return np.stack([_decode_image(root, key, cell) for cell in rows[key]])
    parts = []
    for number in np.unique(rows["episode_index"]):
        stamps = rows["timestamp"][rows["episode_index"] == number]
        parts.append(_decode_episode(root, metadata, int(number), key, stamps))
    return np.concatenate(parts)


def _decode_image(root: Path, key: str, cell: Any) -> Any:
    import io

    from PIL import Image, UnidentifiedImageError

    try:
        pixels = np.asarray(Image.open(io.BytesIO(cell["bytes"])).convert("RGB"))
    except (UnidentifiedImageError, OSError, TypeError, KeyError) as error:
        raise DatasetError(
            f"data set {root} is damaged: an image of {key} is unreadable; record it again"
        ) from error
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _decode_episode(root: Path, metadata: Any, number: int, key: str, stamps: Any) -> Any:
    import av
    from lerobot.datasets.video_utils import decode_video_frames

    file = root / metadata.get_video_file_path(number, key)
    if not file.is_file():
        raise DatasetError(
            f"data set {root} is damaged: {file.relative_to(root)} is missing; fetch it again"
        )
    start = float(metadata.episodes[number][f"videos/{key}/from_timestamp"])
    times = [start + float(stamp) for stamp in stamps]
    try:
        pixels = decode_video_frames(
            file, times, 0.5 / metadata.fps, backend="pyav", return_uint8=True
        )
    except (av.FFmpegError, ValueError, IndexError) as error:
        raise DatasetError(
            f"data set {root} is damaged: episode {number} of {file.relative_to(root)} cannot "
            "be decoded; fetch or record it again"
        ) from error
    return pixels.numpy()
