"""The starting checkpoint of a network, derived from a model and a scope."""

from __future__ import annotations

from pathlib import Path

from zk0.learning.policy import MODELS, Policy
from zk0.protocol.checkpoint import NO_PARENT, NO_REGISTRY, Checkpoint, CheckpointMetadata
from zk0.protocol.statement import Digest

GENESIS_FILE = MODELS / "tiny" / "genesis.safetensors"
"""The tiny model's starting checkpoint for scope `all`."""


def write_genesis(policy: Policy, model: str, file: Path) -> Digest:
    """Write round 0 of a network: all trainable tensors as they were loaded.

    Scope `expert` of the same model gives the subset of the tensors of scope `all`, in a
    file of its own (another scope is another network).
    """
    metadata = CheckpointMetadata(
        chain_id=0,
        registry=NO_REGISTRY,
        round_id=0,
        parent=NO_PARENT,
        model=model,
        scope=policy.scope,
    )
    return Checkpoint(policy.get_parameters(), metadata).write(file)
