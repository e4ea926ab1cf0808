"""Laws of encoding, aggregation, clipping and shares, held for whatever hypothesis finds."""

from fractions import Fraction
from itertools import permutations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from zk0.protocol.aggregation import aggregate, compute_clip_shifts, weighted_lower_median
from zk0.protocol.challenge import (
    Directions,
    compute_directions,
    pack_directions,
    unpack_directions,
)
from zk0.protocol.contribution import compute_share_nano, compute_weights
from zk0.protocol.merkle import compute_leaf, compute_path, compute_root, is_included
from zk0.protocol.parameters import ParameterLayout
from zk0.protocol.update import compute_exponent, compute_square, quantise

digits = arrays(np.int8, 24, elements=st.integers(-127, 127))
floats = arrays(np.float32, 24, elements=st.floats(-1, 1, width=32, allow_subnormal=False))
members = st.lists(
    st.tuples(digits, st.integers(1, 2**26), st.integers(-20, -4)), min_size=1, max_size=4
)


@given(floats, members)
@settings(max_examples=60)
def test_order_of_arrival_never_changes_the_aggregate(base: np.ndarray, terms: list) -> None:
    results = set()
    for order in permutations(terms):
        out = aggregate(
            {"a": base},
            [{"a": d} for d, _, _ in order],
            [w for _, w, _ in order],
            [e for _, _, e in order],
        )
        results.add(out["a"].tobytes())
    assert len(results) == 1


@given(floats, members)
def test_the_aggregate_is_the_formula_in_exact_integers(base: np.ndarray, terms: list) -> None:
    out = aggregate(
        {"a": base},
        [{"a": d} for d, _, _ in terms],
        [w for _, w, _ in terms],
        [e for _, _, e in terms],
    )["a"]
    lowest = min(e for _, _, e in terms)
    total = sum(w for _, w, _ in terms)
    for i in range(len(base)):
        exact = sum(w * int(d[i]) << (e - lowest) for d, w, e in terms)
        assert abs(exact) < 2**53
        step = (exact / total) * 2.0**lowest
        assert out[i] == np.float32(float(base[i]) + step)


@given(floats.filter(lambda a: np.abs(a).max() > 2**-13))
def test_rounding_is_within_half_a_quantum_and_residual_is_what_is_left(delta: np.ndarray) -> None:
    q = quantise({"a": delta}, -20, -4)
    back = q.digits["a"].astype(np.float64) * 2.0**q.exponent
    assert np.abs(back - delta).max() <= 2.0**q.exponent / 2
    assert np.allclose(back + q.residual["a"], delta, atol=1e-9)
    assert q.exponent == -20 or np.abs(q.digits["a"]).max() >= 63


@given(st.floats(2**-40, 2**20, allow_nan=False))
def test_the_exponent_is_the_smallest_that_avoids_clipping(largest: float) -> None:
    e = compute_exponent(largest, -64, 0)
    if e < 0:
        assert Fraction(largest) <= 127 * Fraction(2) ** e
    if e > -64:
        assert Fraction(largest) > 127 * Fraction(2) ** (e - 1)


@given(
    st.lists(
        st.tuples(st.integers(1, 10**9), st.integers(-20, -4), st.integers(1, 1000)),
        min_size=1,
        max_size=6,
    ),
    st.integers(1, 3),
)
def test_a_clip_is_the_smallest_shift_under_the_bound(terms: list, factor: int) -> None:
    squares, exponents, weights = ([t[i] for t in terms] for i in range(3))
    max_norm = Fraction(50)
    shifts = compute_clip_shifts(
        squares, exponents, weights, max_norm=max_norm, clip_factor=factor, min_exponent=-20
    )
    norms = [s * Fraction(4) ** e for s, e in zip(squares, exponents, strict=True)]
    bound = min(max_norm**2, factor**2 * weighted_lower_median(norms, weights))
    for norm, exponent, shift in zip(norms, exponents, shifts, strict=True):
        after = norm / 4**shift
        assert shift >= 0
        assert exponent - shift >= -20
        assert after <= bound or exponent - shift == -20
        assert shift == 0 or norm / 4 ** (shift - 1) > bound


@given(st.lists(st.integers(1, 2**20), min_size=1, max_size=8), st.integers(1, 10_000))
def test_no_weight_is_above_its_examples_or_the_cap(examples: list[int], bps: int) -> None:
    cap = max(1, sum(examples) * bps // 10_000)
    for n, w in zip(examples, compute_weights(examples, bps), strict=True):
        assert 1 <= w <= n
        assert w <= cap


@given(
    st.lists(st.tuples(st.integers(-(10**9), 10**9), st.integers(1, 1000)), min_size=1),
    st.integers(1, 2**100),
    st.integers(-40, 0),
)
def test_the_sum_of_shares_is_the_share_of_the_sum(terms: list, unit: int, exponent: int) -> None:
    """Linear up to one nano-loss of rounding for each contribution."""
    total = sum(w for _, w in terms)
    shares = [compute_share_nano(a, w, total, unit, exponent) for a, w in terms]
    exact = sum(Fraction(a * w * unit * 10**9, total << (64 - exponent)) for a, w in terms)
    assert abs(sum(shares) - exact) <= len(terms)


@given(
    arrays(np.int8, 37, elements=st.integers(-127, 127)),
    st.lists(arrays(np.int8, 37, elements=st.integers(-1, 1)), min_size=1, max_size=4),
)
def test_packed_directions_come_back(common: np.ndarray, tasks: list[np.ndarray]) -> None:
    names = [f"t{i}" for i in reversed(range(len(tasks)))]
    given_ = Directions(common, dict(zip(names, tasks, strict=True)), 7)
    back = unpack_directions(pack_directions(given_, names), names, 37, 7)
    assert np.array_equal(back.common, common)
    assert all(np.array_equal(back.tasks[n], given_.tasks[n]) for n in names)


@given(arrays(np.float32, 200, elements=st.floats(-1, 1, width=32)))
def test_directions_point_downhill(gradient: np.ndarray) -> None:
    gradient[0] = 0.5
    indices = np.arange(200, dtype=np.int64)
    found = compute_directions({"a": gradient}, indices, 1000)
    common = found.common.astype(int)
    assert (common * gradient <= 0).all()
    assert (np.sign(gradient) == -found.tasks["a"]).all()


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=20), st.data())
def test_every_leaf_is_included_and_no_other_is(items: list[bytes], data: st.DataObject) -> None:
    leaves = [compute_leaf(i) for i in items]
    root = compute_root(leaves)
    index = data.draw(st.integers(0, len(leaves) - 1))
    path = compute_path(leaves, index)
    assert is_included(leaves[index], index, len(leaves), path, root)
    other = compute_leaf(b"another leaf altogether")
    assert not is_included(other, index, len(leaves), path, root)


@given(floats, floats)
def test_flattening_and_gathering_agree(a: np.ndarray, b: np.ndarray) -> None:
    tensors = {"z": a.reshape(4, 6), "m": b.reshape(2, 3, 4)}
    layout = ParameterLayout.of(tensors)
    flat = layout.flatten(tensors)
    assert np.array_equal(flat[:24], b)
    indices = np.array([0, 5, 23, 24, 47], dtype=np.int64)
    assert np.array_equal(layout.gather(tensors, indices), flat[indices])
    back = layout.unflatten(flat)
    assert all(np.array_equal(back[n], tensors[n]) for n in tensors)


@given(digits)
def test_squares_are_exact(q: np.ndarray) -> None:
    assert compute_square({"a": q}) == sum(int(x) ** 2 for x in q)
