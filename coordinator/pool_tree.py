"""The examiner's pool as the Merkle tree whose root every round is opened with.

The first leaf says how many frames each task has: the draw of the examples depends on it, and a
tree's root alone fits several sizes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zk0.ports import Examiner
from zk0.protocol.canonical import encode_canonical
from zk0.protocol.merkle import compute_leaf, compute_path, compute_root
from zk0.protocol.statement import Digest
from zk0.protocol.tensorfile import write_tensor_file


def locate_frame(counts: Mapping[str, int], task: str, index: int) -> int:
    """The position of a frame's leaf: tasks sorted, frames in order, after the counts."""
    return 1 + sum(count for name, count in counts.items() if name < task) + index


class PoolTree:
    """The counts, then all frames; a frame's leaf is of its bytes."""

    def __init__(self, examiner: Examiner) -> None:
        self._examiner = examiner
        self._counts = {task: examiner.frame_counts[task] for task in sorted(examiner.frame_counts)}
        self._leaves = [compute_leaf(encode_canonical(self._counts))]
        self._leaves += [
            compute_leaf(examiner.get_frame_bytes(task, index))
            for task, count in self._counts.items()
            for index in range(count)
        ]
        self.root = compute_root(self._leaves)

    def write_frames(
        self, path: Path, round_id: int, frames: Mapping[str, Sequence[int]]
    ) -> Digest:
        """The drawn frames with their Merkle paths and the counts', as they are published."""
        tensors: dict[str, NDArray[Any]] = {}
        paths: dict[str, list[str]] = {}
        for task, indices in frames.items():
            for index in indices:
                name = f"{task}/{index}"
                data = self._examiner.get_frame_bytes(task, index)
                tensors[name] = np.frombuffer(data, dtype=np.uint8)
                paths[name] = self._compute_path(locate_frame(self._counts, task, index))
        metadata = {
            "counts": self._counts,
            "counts_path": self._compute_path(0),
            "kind": "frames",
            "paths": paths,
            "pool_root": self.root.hex(),
            "round": round_id,
            "version": 1,
        }
        return write_tensor_file(path, tensors, metadata)

    def _compute_path(self, position: int) -> list[str]:
        return [digest.hex() for digest in compute_path(self._leaves, position)]
