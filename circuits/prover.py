"""`zk0.ports.Prover` with EZKL."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from circuits.catalog import Circuit
from circuits.commitments import compute_commitment, validate_values
from circuits.keys import get_cache_folder, get_proving_key
from circuits.proving import compute_proof
from circuits.srs import open_srs
from circuits.verifier import CONTEXT_BITS, ProofVerifier, encode_instances
from zk0.errors import CircuitError, ProverError
from zk0.ports import ProofResult
from zk0.protocol.statement import (
    CircuitId,
    Commitment,
    Direction,
    Statement,
    compute_agreement,
)

DEFAULT_TIME_LIMIT_S = 300.0


class EzklProver:
    """Proves for one circuit on one chain; each proof is made in a child process.

    `srs_file` is needed by circuits off the devnet only. `time_limit_s` holds for each
    of: deriving the key, waiting for another process that does, and proving.

    Raises:
        SrsRefusedError: a development circuit on a chain other than the devnet.
        ArtifactError: an artifact or the SRS is missing or altered.
    """

    def __init__(
        self,
        circuit: Circuit,
        chain_id: int,
        *,
        srs_file: Path | None = None,
        cache: Path | None = None,
        time_limit_s: float = DEFAULT_TIME_LIMIT_S,
    ) -> None:
        self._circuit = circuit
        self._srs = open_srs(circuit.manifest, chain_id, srs_file)
        self._verifier = ProofVerifier(circuit, chain_id, srs_file)
        self._cache = cache or get_cache_folder()
        self._time_limit_s = time_limit_s

    @property
    def circuit_id(self) -> CircuitId:
        return self._circuit.circuit_id

    @property
    def sample_size(self) -> int:
        return self._circuit.manifest.sample_size

    def prepare(self) -> Path:
        """Derive the proving key now rather than under a round's deadline; returns its path.

        Raises:
            ProverError, ProverTimeoutError, ArtifactError.
        """
        self._circuit.validate()
        return get_proving_key(self._circuit, self._srs, self._cache, self._time_limit_s)

    def compute_commitment(self, values: Direction) -> Commitment:
        """The commitment to int8[m] values. Raises CircuitError."""
        validate_values("values", values, self.sample_size)
        return compute_commitment(
            values,
            settings=self._circuit.settings,
            verifying_key=self._circuit.verifying_key,
            srs=self._srs,
        )

    def prove(
        self, common: Direction, task: Direction, sample: Direction, context: int
    ) -> ProofResult:
        """Prove, then verify against commitments and sums computed outside the circuit.

        Raises:
            ProverError: bad inputs, or EZKL's proof is not valid for them.
            ProverTimeoutError: not done in time; the child was killed.
            ArtifactError: an artifact is missing or altered.
        """
        statement = self._compute_statement(common, task, sample, context)
        inputs = (common.tolist(), task.tolist(), sample.tolist(), [context])
        made = compute_proof(
            inputs,
            compiled=self._circuit.compiled,
            proving_key=self.prepare(),
            srs=self._srs,
            time_limit_s=self._time_limit_s,
        )
        if made.instances != encode_instances(statement):
            raise ProverError(
                f"the circuit's public values differ from the exact ones: expected "
                f"{encode_instances(statement)}, found {made.instances}"
            )
        self._verifier.verify_proof(made.proof, statement)
        return ProofResult(made.proof, statement.agreement)

    def _compute_statement(
        self, common: Direction, task: Direction, sample: Direction, context: int
    ) -> Statement:
        """The public values, exactly, without the circuit. Raises ProverError."""
        named = {"common direction": common, "task direction": task, "sample": sample}
        try:
            for name, values in named.items():
                validate_values(name, values, self.sample_size)
        except CircuitError as error:
            raise ProverError(str(error)) from error
        if int(np.abs(task).max()) > 1:
            raise ProverError("the task direction must lie in {-1, 0, 1}, found other values")
        if not 0 <= context < 2**CONTEXT_BITS:
            raise ProverError(f"ctx must have at most {CONTEXT_BITS} bits, found {context:#x}")
        return Statement(
            common=self.compute_commitment(common),
            task=self.compute_commitment(task),
            sample=self.compute_commitment(sample),
            agreement=compute_agreement(common, task, sample),
            context=context,
        )
