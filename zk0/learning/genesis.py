"""The starting checkpoint of a network, derived from a model and a scope."""

from __future__ import annotations

from pathlib import Path

from zk0.learning.policy import MODELS, Policy
from zk0.protocol.statement import Digest
from zk0.protocol.tensorfile import write_tensor_file

GENESIS_FILE = MODELS / "tiny" / "genesis.safetensors"
"""The tiny model's starting checkpoint for scope `all`."""


def write_genesis(policy: Policy, model: str, file: Path) -> Digest:
    """Write round 0 of a network: all trainable tensors as they were loaded.

    Scope `expert` of the same model gives the subset of the tensors of scope `all`, in a
    file of its own (another scope is another network).
    """
    metadata = {
        "chain_id": 0,
        "kind": "checkpoint",
        "model": model,
        "parent": "00" * 32,
        "registry": "0x" + "00" * 20,
        "round": 0,
        "scope": policy.scope,
        "version": 1,
    }
    return write_tensor_file(file, policy.get_parameters(), metadata)
