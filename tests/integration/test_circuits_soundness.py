"""What a cheating prover gets from a circuit that breaks an EZKL rule, and not from ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import ezkl
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from circuits.build import Plan, build_circuit, compile_circuit
from circuits.catalog import get_circuit
from circuits.field import FIELD_MODULUS, encode_felt
from circuits.keys import get_proving_key
from circuits.manifest import COMPILED, SETTINGS, VERIFYING_KEY
from circuits.model import Alignment, export_model
from circuits.process import run_worker
from circuits.proving import RawProof, compute_proof
from circuits.rules import RUN_ARGS
from circuits.selftest import WRAPPED, run_selftest
from circuits.srs import open_srs
from circuits.verifier import verify_instances
from zk0.errors import CircuitError, ProverError

M, K = 16, 9
CONTEXT = 12345


class WithoutAbs(Alignment):
    """L = Σ d: nothing checks the range of d."""

    def forward(self, common: Tensor, task: Tensor, sample: Tensor, context: Tensor) -> Any:
        a, t, q, _, ctx = super().forward(common, task, sample, context)
        return a, t, q, torch.sum(sample, dim=(0, 1)).reshape(1), ctx


class AbsOfTheWrongInput(Alignment):
    """L = Σ |v|: its settings look exactly like the sound ones."""

    def forward(self, common: Tensor, task: Tensor, sample: Tensor, context: Tensor) -> Any:
        a, t, q, _, ctx = super().forward(common, task, sample, context)
        return a, t, q, torch.sum(torch.abs(common), dim=(0, 1)).reshape(1), ctx


class SquaresOfTheWrongInput(Alignment):
    """Q = Σ v²: a sound circuit for another statement."""

    def forward(self, common: Tensor, task: Tensor, sample: Tensor, context: Tensor) -> Any:
        a, t, _, absolute, ctx = super().forward(common, task, sample, context)
        return a, t, torch.sum(common * common, dim=(0, 1)).reshape(1), absolute, ctx


class WithMatrixProduct(Alignment):
    """Has a product of two matrices, which is what EZKL leaves to Freivalds' check."""

    def forward(self, common: Tensor, task: Tensor, sample: Tensor, context: Tensor) -> Any:
        a, t, q, absolute, ctx = super().forward(common, task, sample, context)
        product = torch.matmul(common.reshape(4, -1), sample.reshape(4, -1).t())
        return a + torch.sum(product, dim=(0, 1)).reshape(1), t, q, absolute, ctx


@dataclass(frozen=True, slots=True)
class Keys:
    """A circuit with both keys, whether it keeps the rules or not."""

    folder: Path
    srs: Path

    def prove(self, common: list[int], task: list[int], sample: list[int]) -> RawProof:
        return compute_proof(
            (common, task, sample, [CONTEXT]),
            compiled=self.folder / COMPILED,
            proving_key=self.folder / "proving.key",
            srs=self.srs,
            time_limit_s=60,
        )

    def verify(self, made: RawProof) -> None:
        verify_instances(
            made.proof,
            made.instances,
            settings=self.folder / SETTINGS,
            verifying_key=self.folder / VERIFYING_KEY,
            srs=self.srs,
        )


@pytest.fixture(scope="module")
def srs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file: Path = tmp_path_factory.mktemp("srs") / f"k{K}.srs"
    ezkl.gen_srs(str(file), K)
    return file


def make_plan(
    srs: Path, module: type[nn.Module] = Alignment, run_args: Mapping[str, Any] = RUN_ARGS
) -> Plan:
    export: Callable[[int, Path], None] = partial(export_model, module=module())
    return Plan(f"alignment-{M}", M, K, srs, export=export, run_args=run_args)


def build_without_checks(folder: Path, plan: Plan) -> Keys:
    folder.mkdir()
    compile_circuit(plan, folder)
    run_worker(
        "setup",
        60,
        compiled=folder / COMPILED,
        srs=plan.srs,
        verifying_key=folder / VERIFYING_KEY,
        proving_key=folder / "proving.key",
    )
    return Keys(folder, plan.srs)


@pytest.fixture(scope="module")
def sound(srs: Path, tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return build_without_checks(tmp_path_factory.mktemp("sound") / "circuit", make_plan(srs))


@pytest.fixture(scope="module")
def without_abs(srs: Path, tmp_path_factory: pytest.TempPathFactory) -> Keys:
    plan = make_plan(srs, WithoutAbs)
    return build_without_checks(tmp_path_factory.mktemp("unsound") / "circuit", plan)


def make_arrays() -> tuple[list[int], list[int], list[int]]:
    rng = np.random.default_rng(1)
    common, sample = rng.integers(-127, 128, (2, M)).tolist()
    return common, [1 if value > 0 else -1 for value in sample], sample


def compute_square_root(value: int) -> int | None:
    """A square root modulo the field's order (Tonelli–Shanks), if there is one."""
    p = FIELD_MODULUS
    if pow(value, (p - 1) // 2, p) != 1:
        return None
    odd, twos = p - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    # 5 generates the field's multiplicative group.
    c, t, root = pow(5, odd, p), pow(value, odd, p), pow(value, (odd + 1) // 2, p)
    while t != 1:
        order, power = 0, t
        while power != 1:
            order, power = order + 1, power * power % p
        step = pow(c, 1 << (twos - order - 1), p)
        twos, c = order, step * step % p
        t, root = t * c % p, root * step % p
    return root


def forge_pair() -> tuple[list[int], list[int], list[int], int]:
    """Two huge equal entries whose squares cancel all others': T is perfect and Q tiny."""
    common, task, sample = make_arrays()
    task[:2], common[:2] = [1, -1], [5, -5]
    rest = sum(value * value for value in sample[2:])
    for square in range(1, 100):
        root = compute_square_root((square - rest) * pow(2, -1, FIELD_MODULUS) % FIELD_MODULUS)
        if root is not None:
            return common, task, [root, root, *sample[2:]], square
    raise AssertionError("half of all field elements are squares")


def test_a_sound_circuit_proves_the_extremes(sound: Keys) -> None:
    for sample in ([127] * M, [-127] * M, [0] * M):
        sound.verify(sound.prove([-127] * M, [1] * M, sample))


@pytest.mark.parametrize("entry", [128, -128, 2**64])
def test_a_sample_out_of_range_has_no_proof(sound: Keys, entry: int) -> None:
    common, task, sample = make_arrays()
    with pytest.raises(ProverError, match="too large to be represented by base 128"):
        sound.prove(common, task, [entry, *sample[1:]])


def test_without_abs_a_wrapped_pair_makes_a_perfect_score(without_abs: Keys) -> None:
    common, task, sample, square = forge_pair()
    made = without_abs.prove(common, task, sample)
    without_abs.verify(made)
    assert made.instances[2] == encode_felt(square)
    honest = sum(t * d for t, d in zip(task[2:], sample[2:], strict=True))
    assert made.instances[1] == encode_felt(honest)
    assert honest**2 > 16 * square * M**2


def test_with_abs_a_wrapped_pair_has_no_proof(sound: Keys) -> None:
    common, task, sample, _ = forge_pair()
    with pytest.raises(ProverError, match="too large"):
        sound.prove(common, task, sample)


def test_without_abs_a_wrapped_value_verifies(without_abs: Keys) -> None:
    common, task, sample = make_arrays()
    without_abs.verify(without_abs.prove(common, task, [WRAPPED, *sample[1:]]))


def test_ezkl_proves_an_invalid_witness_without_a_word_and_verification_notices(
    sound: Keys,
) -> None:
    common, task, sample = make_arrays()
    made = sound.prove(common, task, [WRAPPED, *sample[1:]])
    with pytest.raises(ProverError, match="constraint system is not satisfied"):
        sound.verify(made)


def test_the_shipped_circuit_does_not_accept_a_wrapped_value(tmp_path: Path) -> None:
    circuit = get_circuit("alignment-960")
    srs = open_srs(circuit.manifest, 31337)
    rng = np.random.default_rng(2)
    common, task, sample = rng.integers(-127, 128, (3, 960)).tolist()
    made = compute_proof(
        (common, task, [WRAPPED, *sample[1:]], [CONTEXT]),
        compiled=circuit.compiled,
        proving_key=get_proving_key(circuit, srs, tmp_path, 120),
        srs=srs,
        time_limit_s=120,
    )
    with pytest.raises(ProverError, match="constraint system is not satisfied"):
        verify_instances(
            made.proof,
            made.instances,
            settings=circuit.settings,
            verifying_key=circuit.verifying_key,
            srs=srs,
        )


def test_a_model_without_abs_is_not_built(srs: Path, tmp_path: Path) -> None:
    with pytest.raises(CircuitError, match="abs of the sample"):
        build_circuit(make_plan(srs, WithoutAbs), tmp_path / "circuit")
    assert not (tmp_path / "circuit").exists()


def test_a_model_that_takes_abs_of_another_input_is_not_built(srs: Path, tmp_path: Path) -> None:
    with pytest.raises(CircuitError, match="wraps around the field was accepted"):
        build_circuit(make_plan(srs, AbsOfTheWrongInput), tmp_path / "circuit")
    assert not (tmp_path / "circuit").exists()


def test_the_self_test_alone_catches_a_missing_abs(without_abs: Keys) -> None:
    with pytest.raises(CircuitError, match="wraps around the field was accepted"):
        run_selftest(without_abs.folder, M, without_abs.srs, without_abs.folder / "proving.key")


def test_a_model_with_other_sums_is_not_built(srs: Path, tmp_path: Path) -> None:
    with pytest.raises(CircuitError, match="honest proof was refused"):
        build_circuit(make_plan(srs, SquaresOfTheWrongInput), tmp_path / "circuit")


def test_a_circuit_with_freivalds_on_is_not_built(srs: Path, tmp_path: Path) -> None:
    plan = make_plan(srs, run_args={**RUN_ARGS, "disable_freivalds": False})
    with pytest.raises(CircuitError, match="disable_freivalds: expected True, found False"):
        build_circuit(plan, tmp_path / "circuit")


def test_a_matrix_product_under_freivalds_is_seen_in_the_settings(
    srs: Path, tmp_path: Path
) -> None:
    plan = make_plan(srs, WithMatrixProduct, {**RUN_ARGS, "disable_freivalds": False})
    with pytest.raises(CircuitError, match=r"total_einsum_col_size: expected 0, found [1-9]"):
        build_circuit(plan, tmp_path / "circuit")


@pytest.mark.parametrize("visibility", ["private", "hashed"])
def test_inputs_that_are_not_committed_are_not_built(
    srs: Path, tmp_path: Path, visibility: str
) -> None:
    plan = make_plan(srs, run_args={**RUN_ARGS, "input_visibility": visibility})
    with pytest.raises(CircuitError, match="input_visibility: expected 'KZGCommit'"):
        build_circuit(plan, tmp_path / "circuit")
