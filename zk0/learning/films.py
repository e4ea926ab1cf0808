"""Writes frames as an mp4 file with PyAV, which comes with LeRobot."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zk0.errors import StorageError


def write_film(file: Path, frames: Sequence[NDArray[np.uint8]], fps: int) -> None:
    """An H.264 film, whole or not at all.

    Args:
        frames: uint8[height, width, 3] each, RGB, even edges.

    Raises:
        StorageError: it cannot be written.
    """
    import av

    partial = file.with_name(f".partial-{secrets.token_hex(8)}.mp4")
    try:
        with av.open(str(partial), "w", options={"movflags": "+faststart"}) as container:
            _encode(container, frames, fps)
        partial.replace(file)
    except (OSError, av.FFmpegError) as error:
        raise StorageError(
            f"cannot write {file}: {error}; free some space or choose another folder"
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def _encode(container: Any, frames: Sequence[NDArray[np.uint8]], fps: int) -> None:
    import av

    stream = container.add_stream("libx264", rate=fps)
    stream.height, stream.width = frames[0].shape[:2]
    stream.pix_fmt = "yuv420p"
    for frame in frames:
        for packet in stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")):
            container.mux(packet)
    for packet in stream.encode():
        container.mux(packet)
