"""Laws of frames and of what is drawn for them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from zk0.learning.draws import draw_noise, draw_time
from zk0.learning.frames import Frames
from zk0.learning.path import interpolate

LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=5)
SEEDS = st.binary(min_size=32, max_size=32)


def make_frames(lengths: list[int]) -> Frames:
    count = sum(lengths)
    numbered = np.arange(count, dtype=np.float32).repeat(6).reshape(count, 6)
    episode = np.repeat(np.arange(len(lengths)), lengths).astype(np.int64)
    return Frames({}, numbered, numbered, episode, ("do",) * count)


@given(LENGTHS, st.integers(1, 12), st.data())
def test_a_chunk_never_leaves_its_episode(
    lengths: list[int], chunk_size: int, data: st.DataObject
) -> None:
    frames = make_frames(lengths)
    row = data.draw(st.integers(0, len(frames) - 1))
    action, is_pad = frames.get_chunks([row], chunk_size)
    rows = action[0, :, 0].astype(int)
    assert (frames.episode[rows] == frames.episode[row]).all()
    end = np.flatnonzero(frames.episode == frames.episode[row])[-1]
    expected = [min(row + k, end) for k in range(chunk_size)]
    assert rows.tolist() == expected
    assert is_pad[0].tolist() == [row + k > end for k in range(chunk_size)]


@given(LENGTHS, st.integers(1, 4))
def test_splitting_by_episodes_loses_and_repeats_nothing(lengths: list[int], cut: int) -> None:
    frames = make_frames(lengths)
    episodes = frames.episodes
    parts = [frames.select_episodes(episodes[:cut]), frames.select_episodes(episodes[cut:])]
    assert np.array_equal(np.concatenate([p.state for p in parts]), frames.state)
    digests = [d for p in parts for d in p.compute_episode_digests().values()]
    assert digests == list(frames.compute_episode_digests().values())


@given(SEEDS, st.text("abcxyz", min_size=1, max_size=8), st.integers(0, 10_000))
def test_time_lies_in_the_range_of_smolvla(seed: bytes, task: str, frame: int) -> None:
    assert np.float32(0.001) <= draw_time(seed, task, frame) <= np.float32(1.0)


@given(SEEDS, st.integers(0, 50), st.integers(0, 50))
def test_noise_is_a_function_of_seed_task_and_frame(seed: bytes, a: int, b: int) -> None:
    noise = draw_noise(seed, "lift", a, 4, 8)
    assert noise.shape == (4, 8)
    assert noise.dtype == np.float32
    assert np.array_equal(noise, draw_noise(seed, "lift", b, 4, 8)) == (a == b)
    assert not np.array_equal(noise, draw_noise(seed, "touch", a, 4, 8))


@given(
    st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=20),
    st.lists(st.floats(-1e3, 1e3, width=32), min_size=20, max_size=20),
)
def test_the_path_starts_at_the_base_and_ends_at_the_candidate(
    base: list[float], candidate: list[float]
) -> None:
    start = {"w": np.array(base, np.float32)}
    end = {"w": np.array(candidate[: len(base)], np.float32)}
    assert np.array_equal(interpolate(start, end, 0.0)["w"], start["w"])
    assert np.allclose(interpolate(start, end, 1.0)["w"], end["w"], rtol=1e-6, atol=1e-9)
