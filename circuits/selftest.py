"""What a freshly built circuit has to show before it gets a manifest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from circuits.commitments import compute_commitment
from circuits.field import FIELD_MODULUS
from circuits.manifest import COMPILED, SETTINGS, VERIFYING_KEY
from circuits.proving import RawProof, compute_proof
from circuits.verifier import encode_instances, verify_instances
from zk0.errors import CircuitError, ProverError, ProverTimeoutError
from zk0.protocol.statement import Statement, compute_agreement

_TIME_LIMIT_S = 600.0
_CONTEXT = 2**248 - 1

WRAPPED = FIELD_MODULUS - 2**128 - 5
"""Not in [−127, 127], but EZKL's own arithmetic reads it as −5 and makes a witness; only
the constraints notice."""


def run_selftest(folder: Path, sample_size: int, srs: Path, proving_key: Path) -> int:
    """Prove a wrapped-around sample and an honest one; returns the size of a proof in bytes.

    Raises:
        CircuitError: the honest proof is refused, or the wrapped-around one is accepted.
    """
    rng = np.random.default_rng(0)
    common, task, sample = rng.integers(-127, 128, (3, sample_size)).astype(np.int8)
    settings, verifying_key = folder / SETTINGS, folder / VERIFYING_KEY

    def prove(values: list[int]) -> RawProof:
        return compute_proof(
            (common.tolist(), task.tolist(), values, [_CONTEXT]),
            compiled=folder / COMPILED,
            proving_key=proving_key,
            srs=srs,
            time_limit_s=_TIME_LIMIT_S,
        )

    def is_valid(proof: bytes, instances: Sequence[str]) -> bool:
        try:
            verify_instances(
                proof, instances, settings=settings, verifying_key=verifying_key, srs=srs
            )
        except ProverTimeoutError:
            raise
        except ProverError:
            return False
        return True

    # The forger may declare whatever the circuit made of the value.
    forged = prove([WRAPPED, *sample.tolist()[1:]])
    if is_valid(forged.proof, forged.instances):
        raise CircuitError(
            "a sample that wraps around the field was accepted: the model must take abs of the "
            "sample"
        )
    honest = prove(sample.tolist())
    common_point, task_point, sample_point = (
        compute_commitment(values, settings=settings, verifying_key=verifying_key, srs=srs)
        for values in (common, task, sample)
    )
    head = common_point.point + task_point.point + sample_point.point
    if honest.proof[: len(head)] != head:
        raise CircuitError("the proof does not begin with the commitments to V, T and D")
    agreement = compute_agreement(common, task, sample)
    statement = Statement(common_point, task_point, sample_point, agreement, _CONTEXT)
    if not is_valid(honest.proof, encode_instances(statement)):
        raise CircuitError(
            "an honest proof was refused for the exact sums: the model must output V·D, T·D, "
            "Σ D², Σ |D|, ctx"
        )
    return len(honest.proof)
