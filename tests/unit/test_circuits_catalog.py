"""Circuits are found by name or id, and only with the artifacts that their manifest pins."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from eth_hash.auto import keccak

from circuits.catalog import (
    ARTIFACTS_FOLDER,
    CATALOG,
    CatalogEntry,
    get_circuit,
    get_circuit_by_id,
    load_circuit,
)
from circuits.manifest import ARTIFACTS, MANIFEST, compute_sha256
from circuits.prover import EzklProver
from circuits.solidity import compute_contract_name
from circuits.verifier import ProofVerifier
from zk0.errors import ArtifactError, CircuitError, SrsRefusedError
from zk0.protocol.statement import CircuitId

VERIFIERS = Path(__file__).parents[2] / "contracts" / "verifiers" / "generated"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of alignment-960's folder, to damage."""
    return Path(shutil.copytree(ARTIFACTS_FOLDER / "alignment-960", tmp_path / "alignment-960"))


@pytest.mark.parametrize("entry", CATALOG, ids=lambda entry: entry.name)
def test_a_catalog_circuit_is_what_its_entry_says(entry: CatalogEntry) -> None:
    manifest = get_circuit(entry.name).manifest
    assert (manifest.name, manifest.sample_size, manifest.k) == (
        entry.name,
        entry.sample_size,
        entry.k,
    )
    assert set(manifest.artifacts) == set(ARTIFACTS)


@pytest.mark.parametrize("entry", CATALOG, ids=lambda entry: entry.name)
def test_a_circuit_id_is_the_keccak_of_the_manifests_bytes(entry: CatalogEntry) -> None:
    file = ARTIFACTS_FOLDER / entry.name / MANIFEST
    circuit = get_circuit(entry.name)
    assert circuit.circuit_id == keccak(file.read_bytes())
    assert get_circuit_by_id(circuit.circuit_id).manifest.name == entry.name


@pytest.mark.parametrize("entry", CATALOG, ids=lambda entry: entry.name)
def test_the_committed_verifier_contract_is_the_circuits(entry: CatalogEntry) -> None:
    contract = VERIFIERS / f"{compute_contract_name(entry.name)}.sol"
    assert compute_sha256(contract) == get_circuit(entry.name).manifest.solidity_sha256


def test_no_proving_key_is_shipped() -> None:
    shipped = {path.name for path in ARTIFACTS_FOLDER.rglob("*") if path.is_file()}
    srs = {f"devnet-k{entry.k}.srs" for entry in CATALOG}
    assert shipped == {*ARTIFACTS, MANIFEST} | srs


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(CircuitError, match="'alignment-1': expected one of alignment-960"):
        get_circuit("alignment-1")


def test_an_unknown_id_is_refused_with_the_known_ones() -> None:
    with pytest.raises(CircuitError, match=r"0x0000.*found only alignment-960 0xf"):
        get_circuit_by_id(CircuitId(bytes(32)))


@pytest.mark.parametrize("name", ARTIFACTS)
def test_an_altered_artifact_is_named_with_both_digests(copied: Path, name: str) -> None:
    file = copied / name
    expected = compute_sha256(file)
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(ArtifactError) as caught:
        load_circuit(copied)
    assert all(part in str(caught.value) for part in (name, expected, compute_sha256(file)))


@pytest.mark.parametrize("name", ARTIFACTS)
def test_a_missing_artifact_is_named(copied: Path, name: str) -> None:
    (copied / name).unlink()
    with pytest.raises(ArtifactError, match=rf"{name} with SHA-256 .* \(No such file"):
        load_circuit(copied)


def test_an_artifact_altered_after_loading_is_noticed_before_proving(copied: Path) -> None:
    circuit = load_circuit(copied)
    prover = EzklProver(circuit, 31337, cache=copied)
    circuit.compiled.write_bytes(b"something else")
    with pytest.raises(ArtifactError, match=r"circuit\.ezkl was altered"):
        prover.prepare()


def test_a_manifest_that_is_missing_is_named(copied: Path) -> None:
    (copied / MANIFEST).unlink()
    with pytest.raises(ArtifactError, match=r"manifest\.json cannot be read"):
        load_circuit(copied)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"artifacts":{},"name":"x"}', "\x80"])
def test_a_manifest_that_is_something_else_is_refused(copied: Path, text: str) -> None:
    (copied / MANIFEST).write_text(text, encoding="latin-1")
    with pytest.raises(ArtifactError, match="is not a zk0 circuit manifest"):
        load_circuit(copied)


def test_a_manifest_written_in_another_way_is_refused(copied: Path) -> None:
    record = json.loads((copied / MANIFEST).read_text())
    (copied / MANIFEST).write_text(json.dumps(record, sort_keys=True, indent=1))
    with pytest.raises(ArtifactError, match="not canonical JSON"):
        load_circuit(copied)


def test_a_manifest_that_omits_an_artifact_is_refused(copied: Path) -> None:
    record = json.loads((copied / MANIFEST).read_text())
    del record["artifacts"]["verifying.key"]
    (copied / MANIFEST).write_text(json.dumps(record, sort_keys=True, separators=(",", ":")))
    with pytest.raises(ArtifactError, match="must pin"):
        load_circuit(copied)


def test_a_folder_with_another_circuit_in_it_is_refused(tmp_path: Path) -> None:
    shutil.copytree(ARTIFACTS_FOLDER / "alignment-3840", tmp_path / "alignment-960")
    with pytest.raises(ArtifactError, match="describes circuit 'alignment-3840'"):
        get_circuit("alignment-960", tmp_path)


@pytest.mark.parametrize("chain_id", [1, 10, 8453, 31338, 0])
@pytest.mark.parametrize("user", [EzklProver, ProofVerifier])
def test_the_devnet_srs_is_refused_on_every_other_chain(
    user: type[EzklProver] | type[ProofVerifier], chain_id: int
) -> None:
    circuit = get_circuit("alignment-960")
    srs = ARTIFACTS_FOLDER / "srs" / "devnet-k13.srs"
    with pytest.raises(SrsRefusedError, match=f"expected chain id 31337, found {chain_id}"):
        user(circuit, chain_id)
    with pytest.raises(SrsRefusedError):
        user(circuit, chain_id, srs_file=srs)
