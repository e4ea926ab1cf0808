"""Checkpoints: canonical float32 tensors that form a chain by parent digest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from zk0.errors import CheckpointError
from zk0.protocol.parameters import ParameterLayout
from zk0.protocol.statement import Address, Digest
from zk0.protocol.tensorfile import (
    TensorFileError,
    compute_file_digest,
    read_tensor_file,
    write_tensor_file,
)

VERSION = 1
NO_PARENT = Digest(bytes(32))
NO_REGISTRY = Address("0x" + "0" * 40)


@dataclass(frozen=True, slots=True)
class CheckpointMetadata:
    """Where a checkpoint comes from. A starting checkpoint has round 0 and no parent."""

    chain_id: int
    registry: Address
    round_id: int
    parent: Digest
    model: str
    scope: str
    state: Digest | None = None
    """Of the server state that belongs to it, where the network's strategy keeps one."""

    def to_json(self) -> dict[str, Any]:
        value = {
            "chain_id": self.chain_id,
            "kind": "checkpoint",
            "model": self.model,
            "parent": self.parent.hex(),
            "registry": self.registry,
            "round": self.round_id,
            "scope": self.scope,
            "version": VERSION,
        }
        return value if self.state is None else value | {"state": self.state.hex()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Raises ValueError when keys or types are not exactly those of `to_json`."""
        expected = {
            "chain_id": int, "kind": str, "model": str, "parent": str,
            "registry": str, "round": int, "scope": str, "version": int,
        }  # fmt: skip
        if "state" in value:
            expected["state"] = str
        found = {key: type(inner) for key, inner in value.items()}
        if found != expected or value["kind"] != "checkpoint" or value["version"] != VERSION:
            raise ValueError(f"expected the metadata of a checkpoint, found {dict(value)}")
        return cls(
            chain_id=value["chain_id"],
            registry=Address(value["registry"]),
            round_id=value["round"],
            parent=Digest(bytes.fromhex(value["parent"])),
            model=value["model"],
            scope=value["scope"],
            state=Digest(bytes.fromhex(value["state"])) if "state" in value else None,
        )


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """All trainable parameters, float32, with where they come from."""

    tensors: Mapping[str, NDArray[np.float32]]
    metadata: CheckpointMetadata

    @property
    def layout(self) -> ParameterLayout:
        return ParameterLayout.of(self.tensors)

    def write(self, path: Path) -> Digest:
        """Write the canonical file; returns its digest. Raises StorageError."""
        return write_tensor_file(path, self.tensors, self.metadata.to_json())


def read_checkpoint(path: Path, expected: Digest | None = None) -> Checkpoint:
    """Read a checkpoint and, when `expected` is given, check its digest first.

    Raises:
        CheckpointError: missing, damaged, another file, or parameters that are not finite.
    """
    try:
        if expected is not None and (found := compute_file_digest(path)) != expected:
            raise CheckpointError(
                f"checkpoint {path.name}: expected digest {expected.hex()}, found {found.hex()}; "
                "fetch it again by its CID"
            )
        file = read_tensor_file(path)
        metadata = CheckpointMetadata.from_json(file.metadata)
    except FileNotFoundError as error:
        raise CheckpointError(f"checkpoint {path} is missing") from error
    except (OSError, TensorFileError, ValueError) as error:
        raise CheckpointError(f"{path} is not a checkpoint: {error}") from error
    for name, tensor in file.tensors.items():
        if tensor.dtype != np.float32 or not np.isfinite(tensor).all():
            raise CheckpointError(f"{path}: tensor {name} is not float32 with finite values")
    return Checkpoint(file.tensors, metadata)
