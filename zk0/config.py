"""What a network agrees on beyond the contract's parameters: the manifest.

Its digest is fixed by the registry at deployment, its bytes are in the BlobStore, and every
node and coordinator refuses to work with another one.
"""

from __future__ import annotations

import hashlib
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator

from zk0.errors import ConfigError
from zk0.ports import BlobStore, Cid
from zk0.protocol.canonical import decode_canonical, encode_canonical
from zk0.protocol.statement import Digest
from zk0.protocol.strategies import Strategy
from zk0.recipes import (
    CombinationRule,
    Decimal,
    FedAvgRule,
    Frozen,
    MeanCombination,
    ServerRule,
    TrainingRecipe,
)

__all__ = ["NetworkManifest", "TrainingRecipe", "fetch_manifest", "parse_manifest"]

HexDigest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class NetworkManifest(Frozen):
    """The rules that nodes and coordinator share and that an auditor needs."""

    later = frozenset({"combination", "server_rule"})

    version: Literal[1] = 1
    circuit: str
    """Catalog name of the circuit; its id is on chain."""
    model: str
    """`tiny`, a local SmolVLA folder's name or a hub id such as `lerobot/smolvla_base`."""
    scope: Literal["all", "expert"]
    """Which tensors an update may change."""
    statistics: HexDigest
    """SHA-256 of the shared normalisation statistics file."""
    training: TrainingRecipe
    max_norm: Decimal
    """Largest L2 norm that an update counts with."""
    clip_factor: Annotated[int, Field(ge=1)] = 2
    """Largest multiple of the round's median norm that an update counts with."""
    tensor_factor: Annotated[int, Field(ge=1)] = 8
    """Largest multiple of the round's median norm of a tensor; beyond it, refused."""
    near_copy_bps: Annotated[int, Field(ge=1, le=10_000)] = 9_500
    """Cosine, in basis points, from which an update counts as another's copy."""
    own_copy_bps: Annotated[int, Field(ge=1, le=10_000)] = 9_990
    """The same for a node's own earlier updates, which may point the same way."""
    copy_rounds: Annotated[int, Field(ge=0)] = 3
    """How many earlier rounds are searched for copies."""
    combination: CombinationRule = MeanCombination()
    """How the updates of a round become one aggregate."""
    server_rule: ServerRule = FedAvgRule()
    """What the aggregate does to the parameters."""

    @field_validator("max_norm")
    @classmethod
    def _positive(cls, value: str) -> str:
        if Fraction(value) <= 0:
            raise ValueError("max_norm must be above zero")
        return value

    @property
    def max_norm_exact(self) -> Fraction:
        return Fraction(self.max_norm)

    @property
    def strategy(self) -> Strategy:
        """The pure function that makes candidates and checkpoints."""
        return Strategy(self.combination.make(), self.server_rule.make())

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        return encode_canonical(self.model_dump())

    @property
    def digest(self) -> Digest:
        return Digest(hashlib.sha256(self.to_bytes()).digest())


def parse_manifest(data: bytes, expected: Digest | None = None) -> NetworkManifest:
    """Parse a manifest and, when `expected` is given, check its digest.

    Raises:
        ConfigError: not canonical, unknown or missing fields, or another manifest.
    """
    found = hashlib.sha256(data).digest()
    if expected is not None and found != expected:
        raise ConfigError(
            f"network manifest: the registry fixes digest {expected.hex()}, found {found.hex()}; "
            "fetch the manifest that belongs to this registry"
        )
    try:
        manifest = NetworkManifest.model_validate(decode_canonical(data))
    except (ValueError, ValidationError) as error:
        raise ConfigError(f"network manifest is not valid: {error}") from error
    if manifest.to_bytes() != data:
        raise ConfigError(
            "network manifest is not valid: expected the optional rules left out at their "
            f"defaults, found {sorted(decode_canonical(data))}; write it with `to_bytes`"
        )
    return manifest


def fetch_manifest(store: BlobStore, cid: Cid, digest: Digest, to: Path) -> NetworkManifest:
    """The manifest that a registry names, from the BlobStore. Raises ConfigError, StorageError."""
    to.parent.mkdir(parents=True, exist_ok=True)
    store.get(cid, to)
    return parse_manifest(to.read_bytes(), digest)
