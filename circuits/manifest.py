"""A circuit's manifest: the one file whose keccak256 is the CircuitId."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from eth_hash.auto import keccak

from zk0.errors import ArtifactError
from zk0.protocol.statement import CircuitId

MANIFEST = "manifest.json"
ONNX = "model.onnx"
SETTINGS = "settings.json"
COMPILED = "circuit.ezkl"
VERIFYING_KEY = "verifying.key"
ARTIFACTS = (COMPILED, ONNX, SETTINGS, VERIFYING_KEY)

SrsKind = Literal["devnet", "ceremony"]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a circuit is made of. Digests are SHA-256, lowercase hexadecimal."""

    name: str
    sample_size: int
    k: int
    """The circuit has 2^k rows."""
    proof_size: int
    """Bytes of a proof; other lengths are refused."""
    ezkl: str
    srs: SrsKind
    srs_sha256: str
    solidity_sha256: str
    """The generated verifier contract's source."""
    artifacts: Mapping[str, str]
    """file name → digest, for each of ARTIFACTS."""

    def encode(self) -> bytes:
        """Canonical JSON: sorted keys, no spaces, ASCII, no final newline."""
        record = {item.name: getattr(self, item.name) for item in fields(self)}
        record["artifacts"] = dict(self.artifacts)
        return json.dumps(record, sort_keys=True, separators=(",", ":")).encode("ascii")

    @property
    def circuit_id(self) -> CircuitId:
        return CircuitId(keccak(self.encode()))


def read_manifest(folder: Path) -> Manifest:
    """Parse `folder`/manifest.json.

    Raises:
        ArtifactError: missing, not canonical JSON, or with other fields.
    """
    file = folder / MANIFEST
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ArtifactError(
            f"circuit manifest {file} cannot be read ({error.strerror}): reinstall zk0"
        ) from error
    try:
        record: dict[str, Any] = json.loads(data)
        record["artifacts"] = MappingProxyType(dict(record["artifacts"]))
        manifest = Manifest(**record)
    except (ValueError, TypeError, KeyError) as error:
        raise ArtifactError(
            f"circuit manifest {file} is not a zk0 circuit manifest ({error}): reinstall zk0"
        ) from error
    if manifest.encode() != data:
        raise ArtifactError(
            f"circuit manifest {file} is not canonical JSON, so its CircuitId is ambiguous: "
            "reinstall zk0"
        )
    if set(manifest.artifacts) != set(ARTIFACTS):
        raise ArtifactError(
            f"circuit manifest {file} must pin {', '.join(ARTIFACTS)}, found "
            f"{', '.join(sorted(manifest.artifacts))}: reinstall zk0"
        )
    return manifest


def compute_sha256(file: Path) -> str:
    """SHA-256 of a file, lowercase hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def validate_digest(file: Path, expected: str) -> None:
    """Compare a file with its pinned SHA-256.

    Raises:
        ArtifactError: naming file, expected and found digest.
    """
    try:
        found = compute_sha256(file)
    except OSError as error:
        raise ArtifactError(
            f"circuit artifact {file} with SHA-256 {expected} cannot be read "
            f"({error.strerror}): reinstall zk0 or restore the file"
        ) from error
    if found != expected:
        raise ArtifactError(
            f"circuit artifact {file} was altered: expected SHA-256 {expected}, found {found}; "
            "reinstall zk0 or restore the file"
        )
