"""Frames: chunks, episodes, digests, statistics; without torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from zk0.errors import ConfigError, DatasetError
from zk0.learning.decoding import compute_fit, fit_pictures
from zk0.learning.frames import Frames
from zk0.learning.integrity import count_usable_rows, describe_doubling, validate_values
from zk0.learning.normalization import compute_statistics, load_statistics, write_statistics
from zk0.learning.pool import Pool, validate_disjoint


def make_frames(lengths: dict[int, int], seed: int = 0) -> Frames:
    count = sum(lengths.values())
    generator = np.random.default_rng(seed)
    return Frames(
        images={"observation.images.wrist": np.zeros((count, 3, 2, 2), np.uint8)},
        state=generator.normal(size=(count, 6)).astype(np.float32),
        action=generator.normal(size=(count, 6)).astype(np.float32),
        episode=np.repeat(list(lengths), list(lengths.values())).astype(np.int64),
        instructions=("Touch it.",) * count,
    )


def test_chunk_repeats_the_last_action_past_the_end_of_the_episode() -> None:
    frames = make_frames({0: 3, 1: 2})
    action, is_pad = frames.get_chunks([1, 4], 4)
    assert is_pad.tolist() == [[False, False, True, True], [False, True, True, True]]
    assert np.array_equal(action[0], frames.action[[1, 2, 2, 2]])
    assert np.array_equal(action[1], frames.action[[4, 4, 4, 4]])


def test_selected_episodes_keep_their_rows_and_numbers() -> None:
    frames = make_frames({0: 3, 1: 2, 5: 4})
    part = frames.select_episodes([1, 5])
    assert part.episodes == [1, 5]
    assert np.array_equal(part.state, frames.state[3:])
    assert len(part.instructions) == len(part) == 6


def test_joined_frames_number_their_episodes_on() -> None:
    first, second = make_frames({0: 3, 1: 2}), make_frames({2: 4, 5: 1}, seed=1)
    joined = first.join(second)
    assert joined.episodes == [0, 1, 2, 5]
    again = joined.join(make_frames({0: 2}))
    assert again.episodes == [0, 1, 2, 5, 6]
    assert np.array_equal(joined.action[5:], second.action)
    assert len(joined.instructions) == len(joined.images["observation.images.wrist"]) == 10
    _, is_pad = joined.get_chunks([4], 2)
    assert is_pad.tolist() == [[False, True]], "a chunk ends where its own episode does"


def test_episode_digest_ignores_the_episode_number_and_the_pixels() -> None:
    frames = make_frames({0: 3, 1: 2})
    moved = Frames({}, frames.state, frames.action, frames.episode + 7, frames.instructions)
    first, second = frames.compute_episode_digests(), moved.compute_episode_digests()
    assert list(first.values()) == list(second.values())
    assert first[0] != first[1]


def test_pool_that_shares_an_episode_with_training_is_refused() -> None:
    training, pool = make_frames({0: 3, 1: 2}), make_frames({0: 3, 1: 2}, seed=1)
    validate_disjoint(Pool({"touch": pool}), {"touch": training.compute_episode_digests()})
    stolen = Pool({"touch": pool, "lift": training.select_episodes([1])})
    with pytest.raises(DatasetError, match=r"episode 1 of pool task lift .* episode 1 of data set"):
        validate_disjoint(stolen, {"touch": training.compute_episode_digests()})


def test_rows_in_order_are_all_used_without_a_warning() -> None:
    assert count_usable_rows(Path("x"), np.arange(5), 5) == 5
    assert describe_doubling(Path("x"), 5, 5) is None


def test_doubled_rows_are_a_warning_and_the_first_are_used() -> None:
    assert count_usable_rows(Path("x"), np.tile(np.arange(5), 2), 5) == 5
    assert "10 rows but says 5 frames" in str(describe_doubling(Path("x"), 10, 5))


@pytest.mark.parametrize("index", [[0, 1, 2], [0, 1, 3, 2, 4], [1, 2, 3, 4, 5]])
def test_missing_or_shuffled_rows_are_refused(index: list[int]) -> None:
    with pytest.raises(DatasetError, match="damaged"):
        count_usable_rows(Path("x"), np.array(index), 5)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused_with_their_frame(bad: float) -> None:
    values = np.zeros((4, 6), np.float32)
    values[2, 1] = bad
    with pytest.raises(DatasetError, match="frame 2"):
        validate_values(Path("x"), "action", values)


def test_statistics_survive_the_file_exactly(tmp_path: Path) -> None:
    statistics = compute_statistics([make_frames({0: 30}), make_frames({0: 9}, seed=1)])
    write_statistics(tmp_path / "s.json", statistics)
    loaded, digest = load_statistics(tmp_path / "s.json")
    assert len(digest) == 32
    for key, entry in statistics.items():
        for name, values in entry.items():
            assert np.array_equal(loaded[key][name], values)


@pytest.mark.parametrize("content", [None, "", "{}", '{"action": {"mean": [1]}}', "[]"])
def test_unreadable_statistics_are_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "s.json").write_text(content)
    with pytest.raises(ConfigError, match="expected normalisation statistics"):
        load_statistics(tmp_path / "s.json")


def test_learning_room_itself_does_not_import_torch() -> None:
    code = "import sys, zk0.learning; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("size", "edge", "expected"),
    [
        ((480, 640), 256, (192, 256)),
        ((640, 480), 256, (256, 192)),
        ((64, 64), 64, (64, 64)),
        ((8, 8), 64, (8, 8)),
        ((1, 4096), 64, (1, 64)),
        ((480, 640), None, (480, 640)),
    ],
)
def test_pictures_are_scaled_down_and_never_up(
    size: tuple[int, int], edge: int | None, expected: tuple[int, int]
) -> None:
    pixels = np.full((3, 3, *size), 200, np.uint8)
    fitted = fit_pictures(pixels, edge)
    assert compute_fit(*size, edge) == expected
    assert fitted.shape == (3, 3, *expected)
    assert fitted.dtype == np.uint8
    assert (fitted == 200).all()
    assert fit_pictures(pixels[0], edge).shape == (3, *expected)
