"""Pooled statistics: from parts alone, what the data put together would give."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zk0.errors import ConfigError
from zk0.learning.normalization import load_statistics
from zk0.learning.pooled_statistics import (
    QUANTILES,
    compute_part,
    pool_statistics,
    read_part,
    write_pooled,
)

KEYS = ("action", "observation.state")


def make_columns(count: int, seed: int, shift: float = 0.0, scale: float = 1.0) -> dict[str, Any]:
    generator = np.random.default_rng(seed)
    return {
        key: (shift + scale * generator.normal(size=(count, 6))).astype(np.float32) for key in KEYS
    }


def concatenate(parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {key: np.concatenate([part[key] for part in parts]) for key in KEYS}


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 50), st.floats(-180, 180, width=32), st.floats(0, 90, width=32)),
        min_size=1,
        max_size=5,
    )
)
def test_pooled_parts_are_the_statistics_of_all_data(
    shapes: list[tuple[int, float, float]],
) -> None:
    sets = [make_columns(n, i, shift, scale) for i, (n, shift, scale) in enumerate(shapes)]
    pooled = pool_statistics([compute_part(columns) for columns in sets])
    whole = compute_part(concatenate(sets))
    for key in KEYS:
        assert pooled[key].count == whole[key].count
        for name in ("mean", "std", "min", "max"):
            assert np.allclose(
                pooled[key].vectors[name], whole[key].vectors[name], rtol=1e-9, atol=1e-9
            )
        ordered = [pooled[key].vectors[name] for name in ("min", *QUANTILES, "max")]
        assert all((a <= b).all() for a, b in itertools.pairwise(ordered))


def test_pooled_quantiles_are_close_to_those_of_all_data() -> None:
    sets = [make_columns(4000, 0), make_columns(2000, 1, 2.0), make_columns(6000, 2, -1.0, 0.5)]
    pooled = pool_statistics([compute_part(columns) for columns in sets])
    whole = concatenate(sets)
    for key in KEYS:
        for name, share in QUANTILES.items():
            below = (whole[key] <= pooled[key].vectors[name]).mean(axis=0)
            assert np.abs(below - share).max() < 0.06


def test_pooling_one_part_changes_nothing() -> None:
    part = compute_part(make_columns(30, 0))
    pooled = pool_statistics([part])
    for key in KEYS:
        for name, vector in part[key].vectors.items():
            assert np.allclose(pooled[key].vectors[name], vector, rtol=1e-12)


def test_pooling_in_two_steps_is_pooling_at_once() -> None:
    parts = [compute_part(make_columns(n, n, float(n))) for n in (5, 30, 11)]
    twice = pool_statistics([pool_statistics(parts[:2]), parts[2]])
    once = pool_statistics(parts)
    for key in KEYS:
        for name in ("mean", "std", "min", "max"):
            assert np.allclose(twice[key].vectors[name], once[key].vectors[name], rtol=1e-12)


def test_file_is_read_by_the_policy_and_by_pooling(tmp_path: Path) -> None:
    part = compute_part(make_columns(30, 0))
    digest = write_pooled(tmp_path / "s.json", part)
    loaded, read_digest = load_statistics(tmp_path / "s.json")
    assert digest == read_digest
    again = read_part(tmp_path / "s.json")
    for key in KEYS:
        assert np.array_equal(loaded[key]["mean"], part[key].vectors["mean"].astype(np.float32))
        for name, vector in part[key].vectors.items():
            assert np.array_equal(again[key].vectors[name], vector)


def test_file_that_exists_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text("mine")
    with pytest.raises(ConfigError, match="expected to write a new file"):
        write_pooled(tmp_path / "s.json", compute_part(make_columns(3, 0)))
    assert (tmp_path / "s.json").read_text() == "mine"


def test_parts_of_other_arms_are_refused() -> None:
    other = {key: values[:, :4] for key, values in make_columns(3, 0).items()}
    with pytest.raises(ConfigError, match="for one robot"):
        pool_statistics([compute_part(make_columns(3, 0)), compute_part(other)])
    with pytest.raises(ConfigError, match="at least one"):
        pool_statistics([])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": 0}, "count is 0"),
        ({"count": 2.5}, r"count is 2\.5"),
        ({"mean": [float("nan")] * 6}, "not finite"),
        ({"mean": [900.0] * 6}, "outside min and max"),
        ({"mean": [0.0] * 5}, "one for each joint"),
        ({"std": [-1.0] * 6}, "std is negative"),
        ({"q50": [99.0] * 6}, "not in order"),
        ({"max": None}, "not one for each joint|not finite"),
    ],
)
def test_part_that_no_data_set_can_have_is_refused(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    write_pooled(tmp_path / "s.json", compute_part(make_columns(30, 0)))
    plain = json.loads((tmp_path / "s.json").read_text())
    plain["action"] |= change
    (tmp_path / "s.json").write_text(json.dumps(plain))
    with pytest.raises(ConfigError, match=message):
        read_part(tmp_path / "s.json")


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"action": 3, "observation.state": 3}'])
def test_file_that_is_no_part_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(content)
    with pytest.raises(ConfigError, match="zk0 datasets statistics ADDRESS"):
        read_part(tmp_path / "s.json")
    with pytest.raises(ConfigError):
        read_part(tmp_path / "nothing.json")
