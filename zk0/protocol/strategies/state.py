"""Server state: what a rule keeps per parameter, a canonical file beside the checkpoint.

Its digest stands in the checkpoint's metadata, and the checkpoint's digest on chain: the next
round can start from no other state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zk0.errors import CheckpointError
from zk0.protocol.parameters import ParameterLayout
from zk0.protocol.statement import Address, Digest
from zk0.protocol.strategies.rules import Rule
from zk0.protocol.tensorfile import (
    TensorFileError,
    compute_file_digest,
    read_tensor_file,
    write_tensor_file,
)

VERSION = 1


@dataclass(frozen=True, slots=True)
class StateMetadata:
    """Where a state comes from: the round that made it and the base it started from."""

    chain_id: int
    registry: Address
    round_id: int
    parent: Digest

    def to_json(self) -> dict[str, Any]:
        return {
            "chain_id": self.chain_id,
            "kind": "server-state",
            "parent": self.parent.hex(),
            "registry": self.registry,
            "round": self.round_id,
            "version": VERSION,
        }


@dataclass(frozen=True, slots=True)
class ServerState:
    """float32 per slot and parameter: slot → tensor name → tensor."""

    slots: Mapping[str, Mapping[str, NDArray[np.float32]]]

    def get(self, rule: Rule, name: str) -> tuple[NDArray[np.float32], ...]:
        """A tensor's numbers, flat, in the rule's order of slots."""
        return tuple(self.slots[slot][name].reshape(-1) for slot in rule.slots)

    def write(self, path: Path, metadata: StateMetadata) -> Digest:
        """Write the canonical file, tensors named `<slot>/<tensor>`. Raises StorageError."""
        tensors = {
            f"{slot}/{name}": tensor
            for slot, named in self.slots.items()
            for name, tensor in named.items()
        }
        return write_tensor_file(path, tensors, metadata.to_json())


def make_initial_state(rule: Rule, layout: ParameterLayout) -> ServerState:
    """What the slots hold before a network's first round."""
    return ServerState(
        {
            slot: {name: np.full(shape, value, np.float32) for name, shape in layout.shapes}
            for slot, value in zip(rule.slots, rule.initial, strict=True)
        }
    )


def read_server_state(
    path: Path, expected: Digest, rule: Rule, layout: ParameterLayout
) -> ServerState:
    """Read the state whose digest a checkpoint names.

    Raises:
        CheckpointError: missing, damaged, another state, or of another rule or policy.
    """
    try:
        if (found := compute_file_digest(path)) != expected:
            raise CheckpointError(
                f"server state {path.name}: the checkpoint names digest {expected.hex()}, found "
                f"{found.hex()}; fetch the state of that checkpoint again"
            )
        file = read_tensor_file(path)
    except FileNotFoundError as error:
        raise CheckpointError(
            f"server state {path} is missing; fetch it by the CID in its round's report"
        ) from error
    except (OSError, TensorFileError) as error:
        raise CheckpointError(f"{path} is not a server state: {error}") from error
    slots: dict[str, dict[str, NDArray[np.float32]]] = {}
    for name, tensor in file.tensors.items():
        slot, _, parameter = name.partition("/")
        slots.setdefault(slot, {})[parameter] = tensor
        if tensor.dtype != np.float32 or not np.isfinite(tensor).all():
            raise CheckpointError(f"{path}: tensor {name} is not float32 with finite values")
    layouts = [ParameterLayout.of(named) for named in slots.values()]
    if set(slots) != set(rule.slots) or any(found != layout for found in layouts):
        raise CheckpointError(
            f"server state {path.name}: expected {list(rule.slots)} of every tensor, found "
            f"{sorted(slots)}; the network's strategy and policy made another state"
        )
    return ServerState(slots)
