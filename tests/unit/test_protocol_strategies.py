"""Strategies: bit for bit what their formulas say, and what each makes of shares."""

from __future__ import annotations

import hashlib
import json
import math
import struct
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zk0.errors import CheckpointError
from zk0.protocol import aggregation
from zk0.protocol.parameters import ParameterLayout
from zk0.protocol.statement import Address, Digest
from zk0.protocol.strategies import (
    FEDAVG,
    FedAdam,
    FedAvg,
    FedAvgM,
    FedYogi,
    Mean,
    Median,
    ServerState,
    Strategy,
    TrimmedMean,
    combination,
    read_server_state,
)
from zk0.protocol.strategies.combination import Terms
from zk0.protocol.strategies.state import StateMetadata
from zk0.protocol.tensorfile import FileTensors, write_tensor_file

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "strategies.json").read_text())
SOURCE = StateMetadata(31337, Address("0x" + "11" * 20), 4, Digest(bytes(32)))
COMBINATIONS = (Mean(), Median(), TrimmedMean(2_500))
RULES = (
    FedAvg(),
    FedAvgM(0.7, 0.9),
    FedAdam(0.01, 0.9, 0.99, 1e-3),
    FedYogi(0.01, 0.9, 0.99, 1e-3),
)


# --- the formulas again, without numpy ----------------------------------------------------------


def f32(value: float) -> float:
    return float(struct.unpack("<f", struct.pack("<f", value))[0])


def unpack(kind: str, data: str) -> list[Any]:
    raw = bytes.fromhex(data)
    return list(struct.unpack(f"<{len(raw) // struct.calcsize(kind)}{kind}", raw))


def combine(rule: dict[str, Any], values: list[int], weights: list[int], lowest: int) -> float:
    total = sum(weights)
    if rule["name"] == "mean":
        return math.ldexp(sum(w * v for v, w in zip(values, weights, strict=True)) / total, lowest)
    copies = sorted(v for v, w in zip(values, weights, strict=True) for _ in range(w))
    if rule["name"] == "median":
        middle = copies[(total - 1) // 2] + copies[total // 2]
        return math.ldexp(middle / 2, lowest)
    cut = total * rule["trim_bps"] // 10_000
    return math.ldexp(sum(copies[cut : total - cut]) / (total - 2 * cut), lowest)


def step(rule: dict[str, Any], a: float, state: list[float]) -> tuple[float, list[float], float]:
    """D, the state after it, and the gain."""
    if rule["name"] == "fedavg":
        return a, [], 1.0
    eta = float(rule["learning_rate"])
    if rule["name"] == "fedavgm":
        m = f32(float(rule["momentum"]) * state[0] + a)
        return eta * m, [m], eta
    b1, b2, tau = float(rule["beta1"]), float(rule["beta2"]), float(rule["tau"])
    m = f32(b1 * state[0] + (1 - b1) * a)
    square = a * a
    if rule["name"] == "fedadam":
        v = f32(b2 * state[1] + (1 - b2) * square)
    else:
        sign = (state[1] > square) - (state[1] < square)
        v = f32(state[1] - (1 - b2) * square * sign)
    scale = math.sqrt(v) + tau
    return eta * m / scale, [m, v], eta * (1 - b1) / scale


@pytest.mark.parametrize(
    "vector",
    VECTORS["strategies"],
    ids=lambda v: f"{v['combination']['name']}-{v['serverRule']['name']}",
)
def test_vectors_are_the_formulas_in_plain_python(vector: dict[str, Any]) -> None:
    rule, weights, exponents = vector["serverRule"], vector["weights"], vector["exponents"]
    lowest = min(exponents)
    theta = unpack("f", vector["base"])
    slots = {"fedavg": [], "fedavgm": ["momentum"]}.get(rule["name"], ["momentum", "variance"])
    tau = float(rule.get("tau", 0))
    state = [[0.0, f32(tau * tau)][: len(slots)] for _ in theta]
    for found in vector["rounds"]:
        updates = [unpack("b", u) for u in found["updates"]]
        gains = []
        for j in range(len(theta)):
            values = [u[j] << (e - lowest) for u, e in zip(updates, exponents, strict=True)]
            a = combine(vector["combination"], values, weights, lowest)
            d, state[j], gain = step(rule, a, state[j])
            theta[j] = f32(theta[j] + d)
            gains.append(gain)
        assert theta == unpack("f", found["parameters"])
        assert gains == unpack("d", found["gain"])
        for number, slot in enumerate(slots):
            assert [s[number] for s in state] == unpack("f", found["state"][slot])


# --- laws ---------------------------------------------------------------------------------------


def make_terms(seed: int, count: int = 5, size: int = 40) -> tuple[dict[str, Any], Terms]:
    rng = np.random.default_rng(seed)
    base = {"a": rng.standard_normal((4, size // 4)).astype(np.float32)}
    updates = [{"a": rng.integers(-127, 128, (4, size // 4)).astype(np.int8)} for _ in range(count)]
    weights = rng.integers(1, 2000, count).tolist()
    return base, Terms(updates, weights, rng.integers(-20, -8, count).tolist())


def advance(strategy: Strategy, base: dict[str, Any], terms: Terms) -> np.ndarray:
    start = strategy.make_initial_state(ParameterLayout.of(base))
    return strategy.advance(base, terms, start)[0]["a"]


def test_fedavg_is_the_exact_aggregate_of_the_first_release() -> None:
    for seed in range(5):
        base, terms = make_terms(seed)
        plain = aggregation.aggregate(base, terms.updates, terms.weights, terms.exponents)["a"]
        assert advance(FEDAVG, base, terms).tobytes() == plain.tobytes()


@pytest.mark.parametrize("chosen", COMBINATIONS, ids=lambda c: type(c).__name__)
def test_neither_order_nor_blocks_nor_files_change_a_bit(chosen, tmp_path, monkeypatch) -> None:
    base, terms = make_terms(1, count=4)
    strategy = Strategy(chosen, FedAdam(0.01, 0.9, 0.99, 1e-3))
    expected = advance(strategy, base, terms).tobytes()
    for order in permutations(range(4)):
        shuffled = Terms(
            [terms.updates[i] for i in order],
            [terms.weights[i] for i in order],
            [terms.exponents[i] for i in order],
        )
        assert advance(strategy, base, shuffled).tobytes() == expected
    files = []
    for number, update in enumerate(terms.updates):
        path = tmp_path / str(number)
        write_tensor_file(path, {"0": np.zeros(3, np.int8), **update}, {})
        files.append(FileTensors(path))
    monkeypatch.setattr(combination, "CELLS", 12)
    monkeypatch.setattr(aggregation, "BLOCK", 7)
    on_disk = Terms(files, terms.weights, terms.exponents)
    assert advance(strategy, base, on_disk).tobytes() == expected


@pytest.mark.parametrize("chosen", COMBINATIONS, ids=lambda c: type(c).__name__)
def test_a_node_that_splits_itself_in_two_changes_nothing(chosen) -> None:
    base, terms = make_terms(2)
    split = Terms(
        [*terms.updates, terms.updates[0]],
        [terms.weights[0] * 3, *[4 * w for w in terms.weights[1:]], terms.weights[0]],
        [*terms.exponents, terms.exponents[0]],
    )
    whole = Terms(terms.updates, [4 * w for w in terms.weights], terms.exponents)
    strategy = Strategy(chosen, FedAvg())
    assert np.array_equal(advance(strategy, base, split), advance(strategy, base, whole))


@pytest.mark.parametrize("count", [4, 5])
def test_with_equal_weights_they_are_the_textbook_median_and_trimmed_mean(count: int) -> None:
    base, terms = make_terms(3, count=count)
    terms = Terms(terms.updates, [1_000] * count, [-9] * count)
    values = np.sort(np.stack([u["a"] for u in terms.updates]).astype(np.float64), axis=0) * 2**-9
    median = advance(Strategy(Median(), FedAvg()), base, terms)
    assert np.array_equal(median, (base["a"] + np.median(values, axis=0)).astype(np.float32))
    trimmed = advance(Strategy(TrimmedMean(10_000 // count), FedAvg()), base, terms)
    expected = (base["a"] + values[1:-1].mean(axis=0)).astype(np.float32)
    assert np.allclose(trimmed, expected, rtol=0, atol=1e-7)


@pytest.mark.parametrize("rule", RULES, ids=lambda r: type(r).__name__)
def test_a_step_is_gain_times_aggregate_plus_history(rule) -> None:
    """What shares rest on: each node's part of D is κ·(w/Σw)Δ, the rest is nobody's."""
    rng = np.random.default_rng(0)
    state = tuple(np.full(500, value, np.float32) for value in rule.initial)
    for _ in range(4):
        aggregate = rng.normal(0, 2e-3, 500)
        found, after = rule.step(aggregate, state)
        parts = rule.compute_gain(after) * aggregate + rule.compute_history(state, after)
        assert np.allclose(found, parts, rtol=1e-5, atol=1e-9)
        assert np.all(np.float64(rule.compute_gain(after)) > 0)
        state = after


def test_a_median_ignores_one_wild_update_and_a_mean_does_not() -> None:
    base, _ = make_terms(4)
    calm = [{"a": np.full((4, 10), 3, np.int8)} for _ in range(4)]
    wild = Terms([*calm, {"a": np.full((4, 10), 127, np.int8)}], [1] * 5, [-9] * 5)
    for chosen, moved in ((Mean(), True), (Median(), False), (TrimmedMean(2_000), False)):
        found = advance(Strategy(chosen, FedAvg()), base, wild) - base["a"]
        assert bool(np.all(found > 4 * 2**-9)) is moved


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [math.nan, math.inf, 0.0, -1.0])
def test_rates_and_tau_must_be_finite_and_above_zero(bad: float) -> None:
    for make in (
        lambda: FedAvgM(bad, 0.9),
        lambda: FedAdam(bad, 0.9, 0.99, 1e-3),
        lambda: FedYogi(0.01, 0.9, 0.99, bad),
    ):
        with pytest.raises(ValueError, match="finite and above zero"):
            make()


@pytest.mark.parametrize("bad", [math.nan, 1.0, -0.1, math.inf])
def test_decays_must_be_below_one(bad: float) -> None:
    for make in (
        lambda: FedAvgM(1.0, bad),
        lambda: FedAdam(0.01, bad, 0.99, 1e-3),
        lambda: FedAdam(0.01, 0.9, bad, 1e-3),
    ):
        with pytest.raises(ValueError, match=r"must lie in \[0, 1\)"):
            make()


def test_a_tau_whose_square_vanishes_in_float32_is_refused() -> None:
    with pytest.raises(ValueError, match="above zero in float32"):
        FedAdam(0.01, 0.9, 0.99, 1e-30)


@pytest.mark.parametrize("bad", [0, -1, 5_000, 10_000])
def test_trimming_everything_or_nothing_is_refused(bad: int) -> None:
    with pytest.raises(ValueError, match="trim_bps"):
        TrimmedMean(bad)


@pytest.mark.parametrize("weights", [[0, 1], [-1, 2], [2**30, 1]])
def test_weights_that_are_not_positive_or_too_large_are_refused(weights: list[int]) -> None:
    update = {"a": np.ones(3, np.int8)}
    with pytest.raises(ValueError, match="weight"):
        Terms([update, update], weights, [-9, -9])


def test_a_step_that_leaves_float32_is_refused() -> None:
    base, terms = make_terms(5)
    with pytest.raises(CheckpointError, match="leaves the range of float32"):
        advance(Strategy(Mean(), FedAvgM(1e300, 0.0)), base, terms)


# --- server state -------------------------------------------------------------------------------

RULE = FedAdam(0.01, 0.9, 0.99, 1e-3)
LAYOUT = ParameterLayout((("a", (4, 10)), ("b", (3,))))


def make_state(seed: int = 0) -> ServerState:
    rng = np.random.default_rng(seed)
    return ServerState(
        {s: {n: rng.random(shape, np.float32) for n, shape in LAYOUT.shapes} for s in RULE.slots}
    )


def test_a_state_survives_its_file(tmp_path: Path) -> None:
    state = make_state()
    digest = state.write(tmp_path / "s", SOURCE)
    found = read_server_state(tmp_path / "s", digest, RULE, LAYOUT)
    for slot in RULE.slots:
        for name, _ in LAYOUT.shapes:
            assert np.array_equal(found.slots[slot][name], state.slots[slot][name])


def test_another_state_than_the_checkpoint_names_is_refused(tmp_path: Path) -> None:
    digest = make_state(0).write(tmp_path / "s", SOURCE)
    make_state(1).write(tmp_path / "s", SOURCE)
    with pytest.raises(CheckpointError, match="the checkpoint names digest"):
        read_server_state(tmp_path / "s", digest, RULE, LAYOUT)


def test_a_missing_or_damaged_state_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is missing"):
        read_server_state(tmp_path / "s", Digest(bytes(32)), RULE, LAYOUT)
    (tmp_path / "s").write_bytes(b"pickle")
    digest = Digest(hashlib.sha256(b"pickle").digest())
    with pytest.raises(CheckpointError, match="is not a server state"):
        read_server_state(tmp_path / "s", digest, RULE, LAYOUT)


def test_a_state_of_another_rule_or_policy_is_refused(tmp_path: Path) -> None:
    digest = make_state().write(tmp_path / "s", SOURCE)
    with pytest.raises(CheckpointError, match="made another state"):
        read_server_state(tmp_path / "s", digest, FedAvgM(1.0, 0.9), LAYOUT)
    with pytest.raises(CheckpointError, match="made another state"):
        read_server_state(tmp_path / "s", digest, RULE, ParameterLayout((("a", (4, 10)),)))


def test_a_state_with_nan_is_refused(tmp_path: Path) -> None:
    state = make_state()
    state.slots["variance"]["b"][1] = np.nan
    digest = state.write(tmp_path / "s", SOURCE)
    with pytest.raises(CheckpointError, match="finite values"):
        read_server_state(tmp_path / "s", digest, RULE, LAYOUT)
