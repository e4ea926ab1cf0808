"""The examiner's pool as the Merkle tree whose root every round is opened with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zk0.ports import Examiner
from zk0.protocol.merkle import compute_leaf, compute_path, compute_root
from zk0.protocol.statement import Digest
from zk0.protocol.tensorfile import write_tensor_file


class PoolTree:
    """Tasks sorted, frames in order; a leaf is one frame's bytes."""

    def __init__(self, examiner: Examiner) -> None:
        self._examiner = examiner
        self._positions: dict[tuple[str, int], int] = {}
        self._leaves: list[bytes] = []
        for task in sorted(examiner.frame_counts):
            for index in range(examiner.frame_counts[task]):
                self._positions[task, index] = len(self._leaves)
                self._leaves.append(compute_leaf(examiner.get_frame_bytes(task, index)))
        self.root = compute_root(self._leaves)

    def write_frames(
        self, path: Path, round_id: int, frames: Mapping[str, Sequence[int]]
    ) -> Digest:
        """The drawn frames with their Merkle paths, as they are published."""
        tensors: dict[str, NDArray[Any]] = {}
        paths: dict[str, list[str]] = {}
        positions: dict[str, int] = {}
        for task, indices in frames.items():
            for index in indices:
                name = f"{task}/{index}"
                data = self._examiner.get_frame_bytes(task, index)
                tensors[name] = np.frombuffer(data, dtype=np.uint8)
                positions[name] = self._positions[task, index]
                merkle = compute_path(self._leaves, positions[name])
                paths[name] = [digest.hex() for digest in merkle]
        metadata = {
            "kind": "frames",
            "paths": paths,
            "pool_root": self.root.hex(),
            "pool_size": len(self._leaves),
            "positions": positions,
            "round": round_id,
            "version": 1,
        }
        return write_tensor_file(path, tensors, metadata)
