"""Decodes a data set's cameras with PyAV, which needs no FFmpeg on the system."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from zk0.errors import DatasetError


def read_camera(
    root: Path,
    metadata: Any,
    rows: dict[str, Any],
    key: str,
    tolerance_s: float | None = None,
) -> Any:
    """All frames of one camera, from video or from images in the parquet files.

    Args:
        metadata: LeRobot's metadata object of the data set in `root`.
        rows: column name → numpy array; `episode_index`, `timestamp`, and `key` for images.
        tolerance_s: how far a picture's time may be off; by default half a frame.

    Returns:
        uint8[n, 3, height, width], RGB.

    Raises:
        DatasetError: a file is missing or cannot be decoded.
    """
    if key in metadata.image_keys:
        return np.stack([_decode_image(root, key, cell) for cell in rows[key]])
    parts = []
    allowed_s = tolerance_s or 0.5 / metadata.fps
    for number in np.unique(rows["episode_index"]):
        stamps = rows["timestamp"][rows["episode_index"] == number]
        parts.append(_decode_episode(root, metadata, int(number), key, stamps, allowed_s))
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


def _decode_episode(
    root: Path, metadata: Any, number: int, key: str, stamps: Any, tolerance_s: float
) -> Any:
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
        pixels = decode_video_frames(file, times, tolerance_s, backend="pyav", return_uint8=True)
    except (av.FFmpegError, ValueError, IndexError) as error:
        raise DatasetError(
            f"data set {root} is damaged: episode {number} of {file.relative_to(root)} cannot "
            "be decoded; fetch or record it again"
        ) from error
    return pixels.numpy()
