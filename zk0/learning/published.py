"""The frames that a round published, as the pool that its challenge was measured on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zk0.errors import ChallengeError
from zk0.learning.frames import Frames, Indices
from zk0.learning.pool import Pool
from zk0.learning.robot import ACTION_KEY, STATE_KEY
from zk0.protocol.tensorfile import TensorFile, TensorFileError, parse_tensor_file

IMAGE_PREFIX = "observation.images."


@dataclass(frozen=True, slots=True)
class ChunkedFrames(Frames):
    """Single frames without what follows them, so their action chunks come along."""

    chunks: NDArray[np.float32]
    """float32[n, chunk_size, joints]."""
    is_pad: NDArray[np.bool_]
    """bool[n, chunk_size]."""

    def get_chunks(
        self, indices: Indices, chunk_size: int
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Raises ChallengeError for chunks of another size."""
        found = self.chunks.shape[1]
        if found != chunk_size:
            raise ChallengeError(
                f"expected published frames with {chunk_size} actions, the policy's chunk, found "
                f"{found}"
            )
        rows = np.asarray(indices, dtype=np.int64)
        return self.chunks[rows], self.is_pad[rows]


@dataclass(frozen=True, slots=True)
class PublishedPool(Pool):
    """A pool of which only some frames are known."""

    rows: Mapping[str, Mapping[int, int]]
    """Task → frame index → row of `tasks[task]`."""
    counts: Mapping[str, int]
    """Task → how many frames the whole pool has."""

    def count_frames(self) -> dict[str, int]:
        return dict(self.counts)

    def locate(self, task: str, indices: Sequence[int]) -> Sequence[int]:
        """Raises ChallengeError for a frame that was not published."""
        rows = self.rows[task]
        unknown = [i for i in indices if i not in rows]
        if unknown:
            raise ChallengeError(f"task {task}: frames {unknown[:5]} were not published")
        return [rows[i] for i in indices]


def build_published_pool(
    frames: Mapping[str, Mapping[int, bytes]], counts: Mapping[str, int]
) -> PublishedPool:
    """From canonical frame bytes (`Pool.encode_frame`).

    Args:
        frames: task → frame index → bytes.
        counts: task → frames of the whole pool.

    Raises:
        ChallengeError: bytes that are not a frame, or not the one they stand for.
    """
    tasks = {task: _build_frames(task, parts) for task, parts in sorted(frames.items())}
    rows = {task: {index: row for row, index in enumerate(p)} for task, p in frames.items()}
    return PublishedPool(tasks, rows, counts)


def _build_frames(task: str, parts: Mapping[int, bytes]) -> ChunkedFrames:
    try:
        files = [_parse(task, index, data) for index, data in parts.items()]
        return ChunkedFrames(
            images={name: _stack(files, name) for name in files[0].tensors if IMAGE_PREFIX in name},
            state=_stack(files, STATE_KEY),
            action=np.stack([f.tensors[ACTION_KEY][0] for f in files]),
            episode=np.array([f.metadata["episode"] for f in files], dtype=np.int64),
            instructions=tuple(f.metadata["instruction"] for f in files),
            chunks=_stack(files, ACTION_KEY),
            is_pad=_stack(files, "action_is_pad"),
        )
    except (TensorFileError, KeyError, ValueError, IndexError) as error:
        raise ChallengeError(f"task {task}: its published frames are damaged: {error}") from error


def _parse(task: str, index: int, data: bytes) -> TensorFile:
    file = parse_tensor_file(data)
    found = (file.metadata["task"], file.metadata["frame"])
    if found != (task, index):
        raise ValueError(f"expected frame {index} of {task}, found {found[1]} of {found[0]}")
    return file


def _stack(files: Sequence[TensorFile], name: str) -> NDArray[Any]:
    return np.stack([f.tensors[name] for f in files])
