"""The Prover port: one suite for EZKL (alignment-960) and for the double."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from circuits.catalog import get_circuit
from circuits.prover import EzklProver
from zk0.errors import CircuitError, ProverError
from zk0.ports import Prover
from zk0.protocol.statement import Direction, compute_agreement, compute_context
from zk0.testing.prover import SampleProver, decode_sample_proof

CONTEXT = compute_context(31337, "0x" + "5a" * 20, 3, "0x" + "11" * 20)


@pytest.fixture(scope="module")
def provers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Prover]:
    cache: Path = tmp_path_factory.mktemp("cache")
    circuit = get_circuit("alignment-960")
    return {"ezkl": EzklProver(circuit, 31337, cache=cache), "double": SampleProver(960)}


@pytest.fixture(params=["ezkl", "double"])
def prover(request: pytest.FixtureRequest, provers: dict[str, Prover]) -> Prover:
    return provers[request.param]


def make_arrays(size: int) -> tuple[Direction, Direction, Direction]:
    rng = np.random.default_rng(4)
    common, sample = rng.integers(-127, 128, (2, size)).astype(np.int8)
    return common, rng.integers(-1, 2, size).astype(np.int8), sample


def test_a_proof_begins_with_its_commitments_and_declares_the_exact_sums(prover: Prover) -> None:
    common, task, sample = make_arrays(prover.sample_size)
    result = prover.prove(common, task, sample, CONTEXT)
    points = [prover.compute_commitment(values).point for values in (common, task, sample)]
    assert result.proof.startswith(b"".join(points))
    assert result.agreement == compute_agreement(common, task, sample)


def test_a_commitment_depends_on_every_value_and_on_nothing_else(prover: Prover) -> None:
    values, _, _ = make_arrays(prover.sample_size)
    changed = values.copy()
    changed[-1] = 5 if values[-1] != 5 else 6
    assert prover.compute_commitment(values) == prover.compute_commitment(values.copy())
    assert prover.compute_commitment(values) != prover.compute_commitment(changed)


def test_a_circuit_id_is_thirty_two_bytes(prover: Prover) -> None:
    assert len(prover.circuit_id) == 32


BAD_VALUES = {
    "one value short": lambda good: good[:-1],
    "two-dimensional": lambda good: good.reshape(2, -1),
    "int16": lambda good: good.astype(np.int16),
    "float32": lambda good: good.astype(np.float32),
    "-128": lambda good: np.full_like(good, -128),
}


@pytest.mark.parametrize("bad", BAD_VALUES)
def test_bad_values_are_neither_committed_to_nor_proven(prover: Prover, bad: str) -> None:
    arrays = list(make_arrays(prover.sample_size))
    with pytest.raises(CircuitError, match=r"int8\[960\]|-128"):
        prover.compute_commitment(BAD_VALUES[bad](arrays[0]))
    for position in range(3):
        spoiled = list(arrays)
        spoiled[position] = BAD_VALUES[bad](arrays[position])
        with pytest.raises(ProverError, match=r"int8\[960\]|-128"):
            prover.prove(*spoiled, CONTEXT)


@pytest.mark.parametrize("entry", [2, -127])
def test_a_task_direction_has_no_magnitudes(prover: Prover, entry: int) -> None:
    common, task, sample = make_arrays(prover.sample_size)
    task[0] = entry
    with pytest.raises(ProverError, match=r"must lie in \{-1, 0, 1\}"):
        prover.prove(common, task, sample, CONTEXT)


@pytest.mark.parametrize("context", [-1, 2**248])
def test_a_context_beyond_248_bits_is_refused(prover: Prover, context: int) -> None:
    with pytest.raises(ProverError, match="248 bits"):
        prover.prove(*make_arrays(prover.sample_size), context)


def test_a_doubles_proof_can_be_read_back() -> None:
    double = SampleProver(12)
    common, task, sample = make_arrays(12)
    statement = decode_sample_proof(double.prove(common, task, sample, CONTEXT).proof)
    assert statement.sample == double.compute_commitment(sample)
    assert statement.agreement == compute_agreement(common, task, sample)
    assert statement.context == CONTEXT
