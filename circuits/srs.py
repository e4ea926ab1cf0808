"""Which structured reference string a circuit may be used with."""

from __future__ import annotations

from pathlib import Path

from circuits.manifest import Manifest, validate_digest
from zk0.errors import ArtifactError, SrsRefusedError

DEVNET_CHAIN_ID = 31337
SRS_FOLDER = Path(__file__).parent / "artifacts" / "srs"


def get_devnet_srs(k: int, folder: Path = SRS_FOLDER) -> Path:
    """Where the development SRS for 2^k rows lives."""
    return folder / f"devnet-k{k}.srs"


def open_srs(
    manifest: Manifest, chain_id: int, srs_file: Path | None = None, folder: Path = SRS_FOLDER
) -> Path:
    """The SRS file of a circuit, checked against the manifest's pin.

    A development SRS comes with the package and is good for chain id 31337 only: whoever
    generated it can forge proofs. Every other circuit needs `srs_file`, the public
    perpetual-powers-of-tau file that its manifest pins.

    Raises:
        SrsRefusedError: a development SRS on another chain.
        ArtifactError: the file is missing or is not the pinned one.
    """
    if manifest.srs == "devnet":
        if chain_id != DEVNET_CHAIN_ID:
            raise SrsRefusedError(
                f"circuit {manifest.name} uses a development SRS, whose maker can forge proofs: "
                f"expected chain id {DEVNET_CHAIN_ID}, found {chain_id}; use a circuit built on "
                "the perpetual-powers-of-tau SRS"
            )
        file = get_devnet_srs(manifest.k, folder)
    elif srs_file is None:
        raise ArtifactError(
            f"circuit {manifest.name} needs the perpetual-powers-of-tau file for k={manifest.k} "
            f"with SHA-256 {manifest.srs_sha256}: download it and pass its path"
        )
    else:
        file = srs_file
    validate_digest(file, manifest.srs_sha256)
    return file
