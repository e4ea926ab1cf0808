"""The contracts' ABIs as this package ships them, and their digest."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib.resources import files
from typing import Any

CONTRACTS = (
    "AlignmentVerifier",
    "ContributionGovernor",
    "ContributionRegistry",
    "ContributionVotes",
    "CoordinatorSet",
    "NetworkParameters",
    "NodeRegistry",
    "RewardVault",
    "TimelockController",
    "VerifierRouter",
)
_FOLDER = files("zk0.chain") / "abi"


@cache
def load_abi(contract: str) -> list[dict[str, Any]]:
    """The ABI of one of CONTRACTS. Raises OSError when the installation is incomplete."""
    abi: list[dict[str, Any]] = json.loads((_FOLDER / f"{contract}.json").read_bytes())
    return abi


@cache
def compute_abi_digest() -> str:
    """SHA-256 of the ABI files in the order of their names, as `scripts/export-abi` has it."""
    content = b"".join((_FOLDER / f"{name}.json").read_bytes() for name in sorted(CONTRACTS))
    return hashlib.sha256(content).hexdigest()


def get_type(entry: dict[str, Any]) -> str:
    """The ABI type of an input, with tuples spelled out."""
    kind: str = entry["type"]
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(get_type(c) for c in entry['components'])}){kind[len('tuple') :]}"


def compute_signature(entry: dict[str, Any]) -> str:
    """`Name(type,type)` of an error, event or function."""
    return f"{entry['name']}({','.join(get_type(i) for i in entry['inputs'])})"
