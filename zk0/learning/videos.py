"""Looks at a data set's video files without decoding them: codec, size, number of frames."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zk0.errors import DatasetError


@dataclass(frozen=True, slots=True)
class Camera:
    """One camera as it was recorded."""

    name: str
    """The data set's feature name."""
    height: int
    width: int
    codec: str
    """The video's codec, or `image` where pictures lie in the parquet files."""


def inspect_camera(root: Path, metadata: Any, key: str) -> Camera:
    """Open every video file of the camera `key`.

    A codec without a decoder is refused here: PyAV crashes the process when it is asked to
    decode such a stream.

    Raises:
        DatasetError: a file is missing, damaged, too short, or of another codec or size.
    """
    height, width = (int(n) for n in metadata.features[key]["shape"][:2])
    if key in metadata.image_keys:
        return Camera(key, height, width, "image")
    codec = ""
    for file, frames in _count_expected_frames(root, metadata, key).items():
        codec = _inspect_file(root, file, frames, (height, width))
    return Camera(key, height, width, codec)


def _count_expected_frames(root: Path, metadata: Any, key: str) -> dict[Path, int]:
    """Video file → frames of the episodes that lie in it."""
    wanted = [f"videos/{key}/{what}" for what in ("chunk_index", "file_index", "from_timestamp")]
    missing = [name for name in wanted if name not in metadata.episodes.column_names]
    if missing:
        raise DatasetError(
            f"data set {root}: meta/episodes does not say where the videos of {key} are (no "
            f"{missing[0]}): was the camera renamed by hand? Give it its old name and use "
            "`rename` in a federation's file, or fetch the data set again"
        )
    expected: dict[Path, int] = {}
    for number, length in enumerate(metadata.episodes["length"]):
        file = root / metadata.get_video_file_path(number, key)
        expected[file] = expected.get(file, 0) + int(length)
    return expected


def _inspect_file(root: Path, file: Path, frames: int, size: tuple[int, int]) -> str:
    import av

    name = file.relative_to(root)
    if not file.is_file():
        raise DatasetError(f"data set {root} is damaged: {name} is missing; fetch it again")
    try:
        with av.open(str(file)) as container:
            stream = container.streams.video[0]
            context = stream.codec_context
            if context is None:
                raise DatasetError(
                    f"data set {root}: {name} has a codec that this PyAV cannot decode: encode it "
                    "as h264, hevc or av1, or record it again"
                )
            next(container.decode(stream))
            found, codec, count = (context.height, context.width), context.name, stream.frames
    except (av.FFmpegError, IndexError, StopIteration) as error:
        raise DatasetError(
            f"data set {root} is damaged: {name} cannot be read as a video; fetch or record "
            "it again"
        ) from error
    if found != size:
        raise DatasetError(
            f"data set {root}: meta/info.json says {size[1]} x {size[0]} pixels, {name} has "
            f"{found[1]} x {found[0]}: correct meta/info.json or record it again"
        )
    if 0 < count < frames:  # 0: the container does not say
        raise DatasetError(
            f"data set {root} is damaged: expected {frames} frames in {name}, found {count}; "
            "fetch or record it again"
        )
    return str(codec)
