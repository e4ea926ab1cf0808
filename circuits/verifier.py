"""Check a proof against a statement, as the contract does, without a chain."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from circuits.catalog import Circuit
from circuits.field import encode_felts
from circuits.process import open_workspace, run_worker
from circuits.srs import open_srs
from zk0.errors import ProverError
from zk0.protocol.statement import MAX_DIGIT, Agreement, Statement

VERIFY_TIME_LIMIT_S = 60.0
CONTEXT_BITS = 248
_POINT = 64


class ProofVerifier:
    """Verifies proofs of one circuit on one chain.

    Raises:
        SrsRefusedError: a development circuit off the devnet.
        ArtifactError: the SRS is missing or is not the pinned one.
    """

    def __init__(self, circuit: Circuit, chain_id: int, srs_file: Path | None = None) -> None:
        self._circuit = circuit
        self._srs = open_srs(circuit.manifest, chain_id, srs_file)

    def verify_proof(self, proof: bytes, statement: Statement) -> None:
        """Accept only a valid proof of exactly this statement.

        Raises:
            ProverError: saying which part of the statement the proof is not about.
            ArtifactError: an artifact was altered since the circuit was loaded.
        """
        self._circuit.validate()
        manifest = self._circuit.manifest
        validate_ranges(statement.agreement, statement.context, manifest.sample_size)
        # EZKL itself ignores trailing bytes.
        if len(proof) != manifest.proof_size:
            raise ProverError(
                f"a proof of {manifest.name} has {manifest.proof_size} bytes, found {len(proof)}"
            )
        _compare_commitments(proof, statement)
        verify_instances(
            proof,
            encode_instances(statement),
            settings=self._circuit.settings,
            verifying_key=self._circuit.verifying_key,
            srs=self._srs,
        )


def validate_ranges(agreement: Agreement, context: int, sample_size: int) -> None:
    """The contract's bounds: outside them an integer could stand for another field element.

    Raises:
        ProverError: naming the value that is out of range.
    """
    line, square = MAX_DIGIT * sample_size, MAX_DIGIT**2 * sample_size
    ranges = {
        "A": (-square, agreement.common, square),
        "T": (-line, agreement.task, line),
        "Q": (0, agreement.square, square),
        "L": (0, agreement.absolute, line),
        "ctx": (0, context, 2**CONTEXT_BITS - 1),
    }
    for name, (low, value, high) in ranges.items():
        if not low <= value <= high:
            raise ProverError(f"{name} must lie in [{low}, {high}], found {value}")


def _compare_commitments(proof: bytes, statement: Statement) -> None:
    """The proof begins with the commitments to V, T and D. Raises ProverError."""
    expected = {"C_v": statement.common, "C_t": statement.task, "C_d": statement.sample}
    for position, (name, commitment) in enumerate(expected.items()):
        found = proof[position * _POINT : (position + 1) * _POINT]
        if found != commitment.point:
            raise ProverError(
                f"the proof is about another {name}: expected 0x{commitment.point.hex()}, "
                f"found 0x{found.hex()}"
            )


def encode_instances(statement: Statement) -> tuple[str, ...]:
    """Public values in the circuit's order: A, T, Q, L, ctx, as field elements."""
    a = statement.agreement
    values = (a.common, a.task, a.square, a.absolute, statement.context)
    return tuple(encode_felts(values))


def verify_instances(
    proof: bytes, instances: Sequence[str], *, settings: Path, verifying_key: Path, srs: Path
) -> None:
    """Run EZKL's verifier on `proof` and the public values. Raises ProverError."""
    record = {"instances": [list(instances)], "proof": list(proof)}
    with open_workspace() as workspace:
        file = workspace / "proof.json"
        file.write_text(json.dumps(record), encoding="ascii")
        run_worker(
            "verify",
            VERIFY_TIME_LIMIT_S,
            proof=file,
            settings=settings,
            verifying_key=verifying_key,
            srs=srs,
        )
