"""A Prover without cryptography: same sums, same errors, proofs that prove nothing."""

from __future__ import annotations

import numpy as np
from eth_hash.auto import keccak

from zk0.errors import CircuitError, ProverError
from zk0.ports import ProofResult
from zk0.protocol.statement import (
    MAX_DIGIT,
    Agreement,
    CircuitId,
    Commitment,
    Direction,
    Statement,
    compute_agreement,
)

_POINT = 64
_WORD = 32
_CONTEXT_BITS = 248


class SampleProver:
    """`zk0.ports.Prover` for tests: commitments are digests, a proof is its statement."""

    def __init__(self, sample_size: int = 960) -> None:
        self._sample_size = sample_size

    @property
    def circuit_id(self) -> CircuitId:
        return CircuitId(keccak(f"sample prover {self._sample_size}".encode()))

    @property
    def sample_size(self) -> int:
        return self._sample_size

    def compute_commitment(self, values: Direction) -> Commitment:
        """Two digests of the values in place of a curve point. Raises CircuitError."""
        if values.dtype != np.int8 or values.shape != (self._sample_size,):
            raise CircuitError(
                f"values must be int8[{self._sample_size}], found "
                f"{values.dtype}{list(values.shape)}"
            )
        if values.size and int(values.min()) < -MAX_DIGIT:
            raise CircuitError("values must lie in [-127, 127], found -128")
        data = values.tobytes()
        return Commitment(keccak(b"x" + data) + keccak(b"y" + data))

    def prove(
        self, common: Direction, task: Direction, sample: Direction, context: int
    ) -> ProofResult:
        """The statement itself, as bytes. Raises ProverError."""
        if not 0 <= context < 2**_CONTEXT_BITS:
            raise ProverError(f"ctx must have at most {_CONTEXT_BITS} bits, found {context:#x}")
        try:
            points = [self.compute_commitment(values).point for values in (common, task, sample)]
        except CircuitError as error:
            raise ProverError(str(error)) from error
        if int(np.abs(task).max()) > 1:
            raise ProverError("the task direction must lie in {-1, 0, 1}, found other values")
        agreement = compute_agreement(common, task, sample)
        numbers = (agreement.common, agreement.task, agreement.square, agreement.absolute)
        words = [number.to_bytes(_WORD, "big", signed=True) for number in (*numbers, context)]
        return ProofResult(b"".join([*points, *words]), agreement)


def decode_sample_proof(proof: bytes) -> Statement:
    """The statement of a SampleProver's proof. Raises ValueError for other bytes."""
    if len(proof) != 3 * _POINT + 5 * _WORD:
        raise ValueError(f"a sample proof has {3 * _POINT + 5 * _WORD} bytes, found {len(proof)}")
    common, task, sample = (Commitment(proof[i : i + _POINT]) for i in range(0, 3 * _POINT, _POINT))
    a, t, q, absolute, context = (
        int.from_bytes(proof[i : i + _WORD], "big", signed=True)
        for i in range(3 * _POINT, len(proof), _WORD)
    )
    return Statement(common, task, sample, Agreement(a, t, q, absolute), context)
