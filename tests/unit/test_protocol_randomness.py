import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zk0.protocol.randomness import (
    Stream,
    compute_seed,
    draw_distinct,
    draw_frames,
    draw_sample,
)

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "seeds.json").read_text())
SEED = bytes(range(32))


@pytest.mark.parametrize("vector", VECTORS["seeds"])
def test_seed_matches_the_vector(vector: dict) -> None:
    seed = compute_seed(
        vector["label"],
        bytes.fromhex(vector["blockHash"][2:]),
        vector["chainId"],
        vector["registry"],
        vector["roundId"],
    )
    assert "0x" + seed.hex() == vector["seed"]


def test_numbers_match_the_vector() -> None:
    numbers = VECTORS["numbers"]
    seed = bytes.fromhex(numbers["seed"][2:])
    stream = Stream(seed, numbers["label"])
    assert [str(stream.word()) for _ in range(6)] == numbers["words"]
    assert [Stream(seed, f"b{i}").below(1000) for i in range(8)] == numbers["below1000"]
    assert str(Stream(seed, "big").below(2**63 + 1)) == numbers["belowLarge"]
    assert draw_sample(seed, 16, 840_768).tolist() == numbers["sample"]
    assert draw_frames(seed, "lift", [1, 0, 0, 2, 0, 1], 5) == numbers["frames"]
    assert [x.hex() for x in Stream(seed, "u").uniforms(5).tolist()] == numbers["uniforms"]
    normals = Stream(seed, "n").normals(5).astype(np.float32).tolist()
    assert [x.hex() for x in normals] == numbers["normals"]


def test_words_one_by_one_and_in_bulk_are_the_same_sequence() -> None:
    one = Stream(SEED, "x")
    assert [one.word() for _ in range(8)] == Stream(SEED, "x").words(8).tolist()


def test_labels_and_seeds_give_unrelated_streams() -> None:
    assert Stream(SEED, "a").word() != Stream(SEED, "b").word()
    assert Stream(SEED, "a").word() != Stream(bytes(32), "a").word()


def test_a_seed_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Stream(b"short", "x")


def test_normals_have_the_moments_of_a_standard_normal() -> None:
    x = Stream(SEED, "n").normals(200_000)
    assert abs(x.mean()) < 5 / math.sqrt(len(x))
    assert abs(x.std() - 1) < 0.01
    assert abs((x**4).mean() - 3) < 0.1


@given(st.integers(1, 300), st.integers(0, 300), st.binary(min_size=32, max_size=32))
def test_draws_are_distinct_and_in_range(bound: int, count: int, seed: bytes) -> None:
    count = min(count, bound)
    drawn = draw_distinct(Stream(seed, "x"), count, bound)
    assert len(set(drawn)) == count
    assert all(0 <= n < bound for n in drawn)


def test_every_number_is_drawn_about_equally_often() -> None:
    stream = Stream(SEED, "x")
    counts = np.bincount([stream.below(10) for _ in range(20_000)], minlength=10)
    chi_square = ((counts - 2000) ** 2 / 2000).sum()
    assert chi_square < 27.9  # 99.9th percentile of nine degrees of freedom


def test_sample_is_ascending_and_distinct() -> None:
    sample = draw_sample(SEED, 960, 5000)
    assert (np.diff(sample) > 0).all()
    assert sample.dtype == np.int64


@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=40),
    st.integers(1, 50),
    st.binary(min_size=32, max_size=32),
)
def test_frames_drawn_least_often_come_first(times: list[int], wanted: int, seed: bytes) -> None:
    drawn = draw_frames(seed, "touch", times, wanted)
    assert len(set(drawn)) == len(drawn) == min(wanted, len(times))
    left = [t for i, t in enumerate(times) if i not in drawn]
    if left:
        assert max(times[i] for i in drawn) <= min(left)
