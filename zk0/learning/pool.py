"""The pool: held-out episodes of every task that challenges are drawn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zk0.errors import DatasetError
from zk0.learning.datasets import read_frames
from zk0.learning.frames import Frames
from zk0.learning.robot import SO101, Robot
from zk0.learning.sources import EMBEDDED
from zk0.protocol.tensorfile import encode_tensor_file

EMBEDDED_POOL = EMBEDDED / "pool"


@dataclass(frozen=True, slots=True)
class Pool:
    """Frames by task; a frame's index is its position within its task."""

    tasks: Mapping[str, Frames]
    """Task name → frames, names sorted."""

    def count_frames(self) -> dict[str, int]:
        """Task → number of frames."""
        return {task: len(frames) for task, frames in self.tasks.items()}

    def locate(self, task: str, indices: Sequence[int]) -> Sequence[int]:
        """Rows of `tasks[task]` at which these frames stand."""
        return indices

    def encode_frame(self, task: str, index: int, chunk_size: int) -> bytes:
        """Canonical bytes of one frame, the data of its Merkle leaf.

        A canonical tensor file: `action` float32[chunk_size, joints], `action_is_pad`
        bool[chunk_size], `observation.images.<camera>` uint8[3, height, width] each,
        `observation.state` float32[joints]; metadata: task, episode, frame, instruction.
        """
        frames = self.tasks[task]
        (row,) = self.locate(task, [index])
        action, is_pad = frames.get_chunks([row], chunk_size)
        tensors = {key: np.ascontiguousarray(pixels[row]) for key, pixels in frames.images.items()}
        tensors |= {
            "action": action[0],
            "action_is_pad": is_pad[0],
            "observation.state": frames.state[row],
        }
        metadata = {
            "task": task,
            "episode": int(frames.episode[row]),
            "frame": index,
            "instruction": frames.instructions[row],
        }
        return encode_tensor_file(tensors, metadata)


def load_pool(folder: Path = EMBEDDED_POOL, robot: Robot = SO101) -> Pool:
    """Decode every data set `folder/<task>`.

    Raises:
        DatasetError: no data set there, or a damaged one.
    """
    return Pool({path.name: read_frames(path, robot) for path in find_tasks(folder)})


def find_tasks(folder: Path) -> list[Path]:
    """A pool's data sets, by name. Raises DatasetError where there is none."""
    tasks = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    if not tasks:
        raise DatasetError(
            f"expected a pool in {folder} (one data set per task), found none: check the path"
        )
    return tasks


def validate_disjoint(pool: Pool, others: Mapping[str, Mapping[int, bytes]]) -> None:
    """No pool episode is in another data set, compared by content.

    Args:
        others: data set name → episode number → digest (`datasets.read_episode_digests`).

    Raises:
        DatasetError: naming the first episode that both hold.
    """
    known = {
        digest: f"episode {number} of data set {name}"
        for name, digests in others.items()
        for number, digest in digests.items()
    }
    for task, frames in pool.tasks.items():
        for number, digest in frames.compute_episode_digests().items():
            if digest in known:
                raise DatasetError(
                    f"expected no episode in the pool and elsewhere, found episode {number} of "
                    f"pool task {task} to be {known[digest]}: leave it out of one of them, or "
                    "record it with another seed"
                )
