"""The frames that a round published (`coordinator.pool_tree.PoolTree.write_frames`), checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from auditor.findings import Refutation
from coordinator.pool_tree import locate_frame
from zk0.protocol.canonical import encode_canonical
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
        counts = {str(task): int(count) for task, count in meta["counts"].items()}
        pool = _Pool(counts, round_.pool_root)
        if not pool.holds(encode_canonical(counts), 0, meta["counts_path"]):
            raise Refutation(f"the pool that the round was opened with has not {counts} frames")
        frames: dict[str, dict[int, bytes]] = {}
        for name, tensor in file.tensors.items():
            task, _, index = name.rpartition("/")
            data = tensor.tobytes()
            position = locate_frame(counts, task, int(index))
            if not 0 <= int(index) < counts[task] or not pool.holds(
                data, position, meta["paths"][name]
            ):
                raise Refutation(f"frame {name} is not in the pool that the round was opened with")
            frames.setdefault(task, {})[int(index)] = data
        return PublishedFrames(frames, counts)
    except (OSError, TensorFileError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise Refutation(f"it is not a frames file: {error!r}") from error


@dataclass(frozen=True, slots=True)
class _Pool:
    counts: Mapping[str, int]
    root: bytes

    def holds(self, data: bytes, position: int, path: Sequence[str]) -> bool:
        """Whether the leaf of `data` stands there."""
        siblings = [bytes.fromhex(sibling) for sibling in path]
        size = 1 + sum(self.counts.values())
        return is_included(compute_leaf(data), position, size, siblings, self.root)
