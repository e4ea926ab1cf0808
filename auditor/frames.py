"""The frames that a round published (`coordinator.pool_tree.PoolTree.write_frames`), checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditor.findings import Refutation
from zk0.protocol.merkle import compute_leaf, is_included
from zk0.protocol.round import Round
from zk0.protocol.tensorfile import TensorFileError, read_tensor_file


@dataclass(frozen=True, slots=True)
class PublishedFrames:
    """Frames under the pool's root."""

    frames: Mapping[str, Mapping[int, bytes]]
    """Task → frame index → canonical bytes."""
    counts: Mapping[str, int]
    """Task → frames of the whole pool."""

    def __len__(self) -> int:
        return sum(len(parts) for parts in self.frames.values())


def read_frames(path: Path, round_: Round) -> PublishedFrames:
    """Read a frames file and prove every frame's place under the root that the round opened with.

    Raises:
        Refutation: not a frames file, another round's, or a frame that is not in the pool.
    """
    try:
        file = read_tensor_file(path)
        meta = file.metadata
        found = (meta["kind"], meta["round"], meta["pool_root"])
        wanted = ("frames", round_.round_id, round_.pool_root.hex())
        if found != wanted:
            raise Refutation(f"expected {wanted}, the frames file says {found}")
        frames: dict[str, dict[int, bytes]] = {}
        for name, tensor in file.tensors.items():
            data = tensor.tobytes()
            path_ = [bytes.fromhex(sibling) for sibling in meta["paths"][name]]
            position = meta["positions"][name]
            leaf = compute_leaf(data)
            if not is_included(leaf, position, meta["pool_size"], path_, round_.pool_root):
                raise Refutation(f"frame {name} is not in the pool that the round was opened with")
            task, _, index = name.rpartition("/")
            frames.setdefault(task, {})[int(index)] = data
        return PublishedFrames(frames, _count(meta["positions"], meta["pool_size"]))
    except (OSError, TensorFileError, KeyError, TypeError, ValueError) as error:
        raise Refutation(f"it is not a frames file: {error}") from error


def _count(positions: Mapping[str, Any], pool_size: int) -> dict[str, int]:
    """Frames of each task: the tree holds tasks sorted, one after another, frames in order."""
    starts: dict[str, int] = {}
    for name, position in positions.items():
        task, _, index = name.rpartition("/")
        start = position - int(index)
        if starts.setdefault(task, start) != start:
            raise Refutation(f"frame {name} does not stand where its number says")
    tasks = sorted(starts, key=lambda task: starts[task])
    if tasks != sorted(starts) or starts[tasks[0]] != 0:
        raise Refutation(f"the pool's tasks {tasks} do not stand in order")
    ends = [*(starts[task] for task in tasks[1:]), pool_size]
    return {task: end - starts[task] for task, end in zip(tasks, ends, strict=True)}
