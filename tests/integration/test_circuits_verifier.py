"""A committed real proof is accepted for its own statement and for nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuits.catalog import get_circuit
from circuits.field import FIELD_MODULUS
from circuits.prover import EzklProver
from circuits.rebuild import verify_rebuild
from circuits.srs import open_srs
from circuits.verifier import ProofVerifier
from zk0.errors import ArtifactError, ProverError
from zk0.protocol.statement import (
    Agreement,
    Commitment,
    Statement,
    compute_agreement,
    compute_context,
)

ROOT = Path(__file__).parents[2]
CASES = [
    ("alignment-960", "honest"),
    ("alignment-960", "noise"),
    ("alignment-960", "opposed"),
    ("alignment-3840", "honest"),
]


def read_vector(circuit: str) -> dict[str, Any]:
    return json.loads((ROOT / "tests" / "vectors" / f"proof-{circuit}.json").read_text())


def decode_hex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def read_case(circuit: str, case: str) -> tuple[bytes, Statement]:
    vector = read_vector(circuit)
    values = vector[case]
    statement = Statement(
        common=Commitment(decode_hex(values["commonCommitment"])),
        task=Commitment(decode_hex(values["taskCommitment"])),
        sample=Commitment(decode_hex(values["sampleCommitment"])),
        agreement=Agreement(*(int(values[name]) for name in "ATQL")),
        context=int(vector["ctx"], 16),
    )
    return decode_hex(values["proof"]), statement


@pytest.fixture(scope="module")
def verifier() -> ProofVerifier:
    return ProofVerifier(get_circuit("alignment-960"), 31337)


@pytest.fixture(scope="module")
def honest() -> tuple[bytes, Statement]:
    return read_case("alignment-960", "honest")


@pytest.mark.parametrize(("circuit", "case"), CASES)
def test_a_committed_proof_is_accepted(circuit: str, case: str) -> None:
    ProofVerifier(get_circuit(circuit), 31337).verify_proof(*read_case(circuit, case))


@pytest.mark.parametrize(("name", "case"), CASES)
def test_a_committed_statement_follows_from_its_arrays(name: str, case: str) -> None:
    vector, circuit = read_vector(name), get_circuit(name)
    assert vector["circuitId"] == "0x" + circuit.circuit_id.hex()
    arrays = [
        np.frombuffer(decode_hex(vector[case][f"{kind}Values"]), np.int8)
        for kind in ("common", "task", "sample")
    ]
    prover = EzklProver(circuit, vector["chainId"])
    _, statement = read_case(name, case)
    assert [prover.compute_commitment(values) for values in arrays] == [
        statement.common,
        statement.task,
        statement.sample,
    ]
    assert statement.agreement == compute_agreement(*arrays)
    assert statement.context == compute_context(
        vector["chainId"], vector["registry"], vector["roundId"], vector["node"]
    )


@pytest.mark.parametrize(("field", "name"), [("common", "C_v"), ("task", "C_t"), ("sample", "C_d")])
def test_another_commitment_is_refused(
    verifier: ProofVerifier, honest: tuple[bytes, Statement], field: str, name: str
) -> None:
    proof, statement = honest
    _, other = read_case("alignment-3840", "honest")
    with pytest.raises(ProverError, match=f"about another {name}"):
        verifier.verify_proof(proof, replace(statement, **{field: getattr(other, field)}))


def test_swapped_commitments_are_refused(
    verifier: ProofVerifier, honest: tuple[bytes, Statement]
) -> None:
    proof, statement = honest
    swapped = replace(statement, common=statement.task, task=statement.common)
    with pytest.raises(ProverError, match="about another C_v"):
        verifier.verify_proof(proof, swapped)


@pytest.mark.parametrize("field", ["common", "task", "square", "absolute"])
@pytest.mark.parametrize("change", [-1, 1])
def test_another_sum_is_refused(
    verifier: ProofVerifier, honest: tuple[bytes, Statement], field: str, change: int
) -> None:
    proof, statement = honest
    wrong = replace(statement.agreement, **{field: getattr(statement.agreement, field) + change})
    with pytest.raises(ProverError, match="constraint system is not satisfied"):
        verifier.verify_proof(proof, replace(statement, agreement=wrong))


@pytest.mark.parametrize("field", ["common", "task", "square", "absolute"])
@pytest.mark.parametrize("turn", [-FIELD_MODULUS, FIELD_MODULUS])
def test_an_integer_for_the_same_field_element_is_refused(
    verifier: ProofVerifier, honest: tuple[bytes, Statement], field: str, turn: int
) -> None:
    proof, statement = honest
    alias = replace(statement.agreement, **{field: getattr(statement.agreement, field) + turn})
    with pytest.raises(ProverError, match="must lie in"):
        verifier.verify_proof(proof, replace(statement, agreement=alias))


@pytest.mark.parametrize(
    ("chain_id", "registry", "round_id", "node"),
    [
        (1, "0x" + "5a4b30" * 6 + "5a4b", 1, "0x" + "a11ce".zfill(40)),
        (31337, "0x" + "5a4b31" * 6 + "5a4b", 1, "0x" + "a11ce".zfill(40)),
        (31337, "0x" + "5a4b30" * 6 + "5a4b", 2, "0x" + "a11ce".zfill(40)),
        (31337, "0x" + "5a4b30" * 6 + "5a4b", 1, "0x" + "b0b".zfill(40)),
    ],
    ids=["chain", "registry", "round", "node"],
)
def test_another_context_is_refused(
    verifier: ProofVerifier,
    honest: tuple[bytes, Statement],
    chain_id: int,
    registry: Any,
    round_id: int,
    node: Any,
) -> None:
    proof, statement = honest
    context = compute_context(chain_id, registry, round_id, node)
    with pytest.raises(ProverError, match="constraint system is not satisfied"):
        verifier.verify_proof(proof, replace(statement, context=context))


@pytest.mark.parametrize("position", range(0, 3744, 288))
def test_an_altered_byte_is_refused(
    verifier: ProofVerifier, honest: tuple[bytes, Statement], position: int
) -> None:
    proof, statement = honest
    altered = bytearray(proof)
    altered[position] ^= 1
    with pytest.raises(ProverError):
        verifier.verify_proof(bytes(altered), statement)


@pytest.mark.parametrize("change", ["longer", "shorter", "empty"])
def test_a_proof_of_another_length_is_refused(
    verifier: ProofVerifier, honest: tuple[bytes, Statement], change: str
) -> None:
    # EZKL accepts the longer one.
    proof, statement = honest
    other = {"longer": proof + bytes(32), "shorter": proof[:-32], "empty": b""}[change]
    with pytest.raises(ProverError, match="has 3744 bytes"):
        verifier.verify_proof(other, statement)


def test_a_proof_of_another_circuit_is_refused(honest: tuple[bytes, Statement]) -> None:
    with pytest.raises(ProverError):
        ProofVerifier(get_circuit("alignment-3840"), 31337).verify_proof(*honest)


@pytest.mark.parametrize("name", ["alignment-960", "alignment-3840"])
def test_the_shipped_key_and_contract_come_from_the_model_in_this_repository(name: str) -> None:
    circuit = get_circuit(name)
    verify_rebuild(circuit, open_srs(circuit.manifest, 31337))


def test_an_altered_srs_is_named_with_both_digests(tmp_path: Path) -> None:
    manifest = get_circuit("alignment-960").manifest
    data = bytearray(open_srs(manifest, 31337).read_bytes())
    data[-1] ^= 1
    altered = tmp_path / "devnet-k13.srs"
    altered.write_bytes(data)
    with pytest.raises(ArtifactError, match=f"expected SHA-256 {manifest.srs_sha256}, found"):
        open_srs(manifest, 31337, folder=tmp_path)
    altered.unlink()
    with pytest.raises(ArtifactError, match=r"devnet-k13\.srs with SHA-256 .* cannot be read"):
        open_srs(manifest, 31337, folder=tmp_path)
