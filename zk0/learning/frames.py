"""Decoded frames in memory, and batches of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zk0.errors import DatasetError
from zk0.learning.robot import ACTION_KEY, STATE_KEY

Indices = NDArray[np.int64] | Sequence[int]


@dataclass(frozen=True, slots=True)
class Frames:
    """n frames of whole episodes, in order, episode after episode."""

    images: Mapping[str, NDArray[np.uint8]]
    """LeRobot camera key → uint8[n, 3, height, width], RGB."""
    state: NDArray[np.float32]
    """float32[n, joints]."""
    action: NDArray[np.float32]
    """float32[n, joints]."""
    episode: NDArray[np.int64]
    """int64[n], the data set's episode numbers, ascending."""
    instructions: tuple[str, ...]
    """What the robot was told, per frame."""
    offsets: Mapping[str, tuple[int, ...]] = field(default_factory=dict, kw_only=True)
    """LeRobot feature → frames from the current one (`offsets.compute_offsets`)."""

    def __len__(self) -> int:
        return len(self.state)

    @property
    def episodes(self) -> list[int]:
        """Episode numbers, ascending."""
        return [int(number) for number in np.unique(self.episode)]

    def select_episodes(self, numbers: Sequence[int]) -> Frames:
        """Only the frames of these episodes."""
        keep = np.flatnonzero(np.isin(self.episode, list(numbers)))
        return Frames(
            images={key: pixels[keep] for key, pixels in self.images.items()},
            state=self.state[keep],
            action=self.action[keep],
            episode=self.episode[keep],
            instructions=tuple(self.instructions[i] for i in keep),
            offsets=self.offsets,
        )

    def join(self, other: Frames) -> Frames:
        """These and the other's frames of the same cameras, whose episodes are numbered on."""
        number = self.episode[-1] + 1 - other.episode[0]
        return Frames(
            images={
                key: np.concatenate([pixels, other.images[key]])
                for key, pixels in self.images.items()
            },
            state=np.concatenate([self.state, other.state]),
            action=np.concatenate([self.action, other.action]),
            episode=np.concatenate([self.episode, other.episode + number]),
            instructions=self.instructions + other.instructions,
            offsets=self.offsets,
        )

    def validate_chunks(self, chunk_size: int) -> None:
        """Raises DatasetError where the actions' offsets are not those of a chunk."""
        found = len(self.offsets.get(ACTION_KEY, range(chunk_size)))
        if found != chunk_size:
            raise DatasetError(
                f"expected delta_timestamps of {chunk_size} actions, the policy's chunk, found "
                f"{found}"
            )

    def get_window(
        self, indices: Indices, offsets: Sequence[int]
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Rows around each frame, the episode's first or last row in place of those outside.

        Returns:
            int64[b, len(offsets)], and bool of that shape, true where it is padding.
        """
        start = np.asarray(indices, dtype=np.int64)
        wanted = start[:, None] + np.asarray(offsets, dtype=np.int64)
        number = self.episode[start]
        first = np.searchsorted(self.episode, number, side="left")[:, None]
        last = np.searchsorted(self.episode, number, side="right")[:, None] - 1
        return np.clip(wanted, first, last), (wanted < first) | (wanted > last)

    def get_chunks(
        self, indices: Indices, chunk_size: int
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Actions from each frame on, and which of them lie beyond the episode's end.

        Returns:
            float32[b, chunk_size, joints], the last action repeated past the end, and
            bool[b, chunk_size], true where it is padding (as LeRobot does it).
        """
        offsets = self.offsets.get(ACTION_KEY, range(chunk_size))
        rows, is_pad = self.get_window(indices, offsets)
        return self.action[rows], is_pad

    def compute_episode_digests(self) -> dict[int, bytes]:
        """As the function of that name, for these frames."""
        return compute_episode_digests(self.state, self.action, self.episode)


def compute_episode_digests(
    state: NDArray[np.float32], action: NDArray[np.float32], episode: NDArray[np.int64]
) -> dict[int, bytes]:
    """Episode number → SHA-256 of its state rows, then action rows (little-endian float32).

    Two recordings of one episode have the same digest whatever the video encoder did.
    """
    digests = {}
    for number in np.unique(episode):
        rows = episode == number
        hasher = hashlib.sha256(np.ascontiguousarray(state[rows], "<f4").tobytes())
        hasher.update(np.ascontiguousarray(action[rows], "<f4").tobytes())
        digests[int(number)] = hasher.digest()
    return digests


def build_batch(frames: Frames, indices: Indices, chunk_size: int) -> dict[str, Any]:
    """A batch as LeRobot's preprocessor takes it: torch tensors, images float32 in [0, 1]."""
    import torch

    rows = np.asarray(indices, dtype=np.int64)
    action, is_pad = frames.get_chunks(rows, chunk_size)
    batch: dict[str, Any] = {}
    for key, pixels in frames.images.items():
        window = _take(frames, key, pixels, rows, batch)
        batch[key] = torch.from_numpy(window).float() / 255
    batch[STATE_KEY] = torch.from_numpy(_take(frames, STATE_KEY, frames.state, rows, batch))
    batch[ACTION_KEY] = torch.from_numpy(action)
    batch["action_is_pad"] = torch.from_numpy(is_pad)
    batch["task"] = [frames.instructions[i] for i in rows]
    return batch


def _take(
    frames: Frames, key: str, values: NDArray[Any], rows: NDArray[np.int64], batch: dict[str, Any]
) -> NDArray[Any]:
    """`values` at `rows`; with offsets, a window for each, its padding noted in `batch`."""
    if key not in frames.offsets:
        return values[rows]
    import torch

    window, is_pad = frames.get_window(rows, frames.offsets[key])
    batch[f"{key}_is_pad"] = torch.from_numpy(is_pad)
    return values[window]
