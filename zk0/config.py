"""What a network agrees on beyond the contract's parameters: the manifest.

Its digest is fixed by the registry at deployment, its bytes are in the BlobStore, and every
node and coordinator refuses to work with another one.
"""

from __future__ import annotations

import hashlib
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from zk0.errors import ConfigError
from zk0.ports import BlobStore, Cid
from zk0.protocol.canonical import decode_canonical, encode_canonical
from zk0.protocol.statement import Digest

HexDigest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Decimal = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class TrainingRecipe(_Frozen):
    """How every node trains in one round."""

    steps: Annotated[int, Field(ge=1)]
    """Optimiser steps."""
    batch_size: Annotated[int, Field(ge=1)]
    """Frames a step."""
    learning_rate: Decimal
    """AdamW's peak learning rate, a decimal string so that the manifest stays exact."""


class NetworkManifest(_Frozen):
    """The rules that nodes and coordinator share and that an auditor needs."""

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

    @field_validator("max_norm")
    @classmethod
    def _positive(cls, value: str) -> str:
        if Fraction(value) <= 0:
            raise ValueError("max_norm must be above zero")
        return value

    @property
    def max_norm_exact(self) -> Fraction:
        return Fraction(self.max_norm)

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
        return NetworkManifest.model_validate(decode_canonical(data))
    except (ValueError, ValidationError) as error:
        raise ConfigError(f"network manifest is not valid: {error}") from error


def fetch_manifest(store: BlobStore, cid: Cid, digest: Digest, to: Path) -> NetworkManifest:
    """The manifest that a registry names, from the BlobStore. Raises ConfigError, StorageError."""
    to.parent.mkdir(parents=True, exist_ok=True)
    store.get(cid, to)
    return parse_manifest(to.read_bytes(), digest)
