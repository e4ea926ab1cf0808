"""The circuits that come with zk0, found by name or by CircuitId."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from circuits.manifest import (
    COMPILED,
    MANIFEST,
    SETTINGS,
    VERIFYING_KEY,
    Manifest,
    read_manifest,
    validate_digest,
)
from circuits.rules import validate_settings
from zk0.errors import ArtifactError, CircuitError
from zk0.protocol.statement import CircuitId

ARTIFACTS_FOLDER = Path(__file__).parent / "artifacts"


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """A circuit that zk0 ships: m sampled coordinates in 2^k rows."""

    name: str
    sample_size: int
    k: int


CATALOG = (
    CatalogEntry("alignment-960", sample_size=960, k=13),
    CatalogEntry("alignment-3840", sample_size=3840, k=15),
)


@dataclass(frozen=True, slots=True)
class Circuit:
    """A folder of artifacts and the manifest that pins them."""

    folder: Path
    manifest: Manifest

    @property
    def circuit_id(self) -> CircuitId:
        return self.manifest.circuit_id

    @property
    def compiled(self) -> Path:
        return self.folder / COMPILED

    @property
    def settings(self) -> Path:
        return self.folder / SETTINGS

    @property
    def verifying_key(self) -> Path:
        return self.folder / VERIFYING_KEY

    def validate(self) -> None:
        """Compare every artifact with the manifest. Raises ArtifactError."""
        for name, digest in self.manifest.artifacts.items():
            validate_digest(self.folder / name, digest)


def load_circuit(folder: Path) -> Circuit:
    """A circuit from its folder, every artifact checked.

    Raises:
        ArtifactError: an artifact is missing or altered.
        CircuitError: it was built against the EZKL rules.
    """
    circuit = Circuit(folder, read_manifest(folder))
    circuit.validate()
    settings = json.loads(circuit.settings.read_text(encoding="ascii"))
    validate_settings(settings, circuit.manifest.sample_size, circuit.manifest.k)
    return circuit


def get_circuit(name: str, artifacts: Path = ARTIFACTS_FOLDER) -> Circuit:
    """A catalog circuit by name, e.g. `alignment-3840`.

    Raises:
        CircuitError: no such name in the catalog.
        ArtifactError: its artifacts are missing or altered.
    """
    names = [entry.name for entry in CATALOG]
    if name not in names:
        raise CircuitError(f"unknown circuit {name!r}: expected one of {', '.join(names)}")
    circuit = load_circuit(artifacts / name)
    if circuit.manifest.name != name:
        raise ArtifactError(
            f"{artifacts / name / MANIFEST} describes circuit {circuit.manifest.name!r}, "
            f"expected {name!r}: reinstall zk0"
        )
    return circuit


def get_circuit_by_id(circuit_id: CircuitId, artifacts: Path = ARTIFACTS_FOLDER) -> Circuit:
    """The catalog circuit that a network has pinned.

    Raises:
        CircuitError: this version of zk0 does not have that circuit.
        ArtifactError: its artifacts are missing or altered.
    """
    known = {entry.name: read_manifest(artifacts / entry.name).circuit_id for entry in CATALOG}
    for name, known_id in known.items():
        if known_id == circuit_id:
            return get_circuit(name, artifacts)
    listed = ", ".join(f"{name} 0x{known_id.hex()}" for name, known_id in known.items())
    raise CircuitError(
        f"the network uses circuit 0x{circuit_id.hex()}, found only {listed}: install the zk0 "
        "version that the network names"
    )
