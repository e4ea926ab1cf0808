from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from zk0.errors import ChallengeError, UpdateError
from zk0.protocol.challenge import (
    Challenge,
    Directions,
    compute_common_direction,
    compute_share_error_nano,
    read_challenge,
    to_nano,
    unpack_directions,
)
from zk0.protocol.contribution import Contribution, MissingReason
from zk0.protocol.parameters import ParameterLayout
from zk0.protocol.round import Phase, Round
from zk0.protocol.update import UpdateMetadata
from zk0.protocol.upload import (
    find_outsized,
    is_near_copy,
    validate_digest,
    validate_metadata,
    validate_tensors,
)

NODE, REGISTRY = "0x" + "11" * 20, "0x" + "22" * 20
ENTRY = Contribution(NODE, bytes([5]) * 32, 100, -11, 0)
ROUND = Round(3, Phase.COLLECTING, bytes([1]) * 32, bytes(32), 0, 100, contributions=(ENTRY,))
META = UpdateMetadata(31337, REGISTRY, 3, NODE, ROUND.base, -11, 100, "all")


def check(value: dict[str, Any]) -> UpdateMetadata:
    return validate_metadata(value, ROUND, ENTRY, 31337, REGISTRY, "all")


def test_metadata_that_agrees_with_the_chain_passes() -> None:
    assert check(META.to_json()) == META


@pytest.mark.parametrize(
    "change",
    [
        {"chain_id": 1},
        {"registry": "0x" + "33" * 20},
        {"round_id": 2},
        {"node": "0x" + "44" * 20},
        {"base": bytes([9]) * 32},
        {"exponent": -10},
        {"num_examples": 101},
        {"scope": "expert"},
    ],
    ids=lambda c: next(iter(c)),
)
def test_metadata_that_differs_from_the_chain_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(UpdateError, match=next(iter(change))) as caught:
        check(replace(META, **change).to_json())
    assert caught.value.reason == MissingReason.WRONG_METADATA


def test_tensors_with_other_names_shapes_or_dtypes_are_refused() -> None:
    layout = ParameterLayout((("a", (2, 2)),))
    validate_tensors({"a": np.ones((2, 2), np.int8)}, layout)
    bad: tuple[dict[str, Any], ...] = (
        {"b": np.ones((2, 2), np.int8)},
        {"a": np.ones((2, 3), np.int8)},
        {"a": np.ones((2, 2), np.float32)},
        {"a": np.full((2, 2), -128, np.int8)},
        {},
        {"a": np.ones((2, 2), np.int8), "b": np.ones(1, np.int8)},
    )
    for tensors in bad:
        with pytest.raises(UpdateError) as caught:
            validate_tensors(tensors, layout)
        assert caught.value.reason == MissingReason.WRONG_SHAPE


def test_a_file_that_was_not_committed_is_refused() -> None:
    validate_digest(ENTRY.digest, ENTRY)
    with pytest.raises(UpdateError, match="committed digest") as caught:
        validate_digest(bytes(32), ENTRY)
    assert caught.value.reason == MissingReason.DIGEST_MISMATCH


def test_a_tensor_far_beyond_the_median_is_found() -> None:
    squares = [{"a": 10_000, "b": 400}, {"a": 9_000, "b": 500}, {"a": 11_000, "b": 500 * 64 + 1}]
    found = find_outsized(squares, {"a": 10, "b": 4}, [-10] * 3, [5] * 3, 8)
    assert found == {2: "b"}
    squares[2]["b"] = 500 * 64
    assert find_outsized(squares, {"a": 10, "b": 4}, [-10] * 3, [5] * 3, 8) == {}


def test_exponents_count_in_the_tensor_norms() -> None:
    squares = [{"a": 10_000}, {"a": 10_000}, {"a": 10_000}]
    assert find_outsized(squares, {"a": 10}, [-10, -10, -6], [5] * 3, 8) == {2: "a"}


def test_a_tensor_that_most_leave_alone_may_be_moved_by_a_few_quanta() -> None:
    squares = [{"a": 0}, {"a": 0}, {"a": 4 * 64}]
    assert find_outsized(squares, {"a": 4}, [-10] * 3, [5] * 3, 8) == {}
    squares[2]["a"] += 1
    assert find_outsized(squares, {"a": 4}, [-10] * 3, [5] * 3, 8) == {2: "a"}


def test_a_near_copy_is_told_by_its_cosine() -> None:
    assert is_near_copy(95, 100, 100, 9_500)
    assert not is_near_copy(94, 100, 100, 9_500)
    assert not is_near_copy(-100, 100, 100, 9_500)
    assert not is_near_copy(0, 0, 0, 9_500)


def make_challenge() -> Challenge:
    directions = Directions(
        np.array([1, -127, 0], np.int8), {"lift": np.array([1, 0, -1], np.int8)}, 12345
    )
    return Challenge(
        3, bytes([1]) * 32, bytes([2]) * 32, bytes([3]) * 32, bytes([4]) * 32, bytes([5]) * 32,
        {"lift": [3, 1]}, {"lift": 7}, {"lift": 6}, np.array([2, 5, 9]), directions,
    )  # fmt: skip


def test_a_challenge_file_comes_back_and_another_is_refused(tmp_path: Any) -> None:
    challenge = make_challenge()
    path = tmp_path / "challenge.safetensors"
    digest = challenge.write(path)
    back = read_challenge(path, digest)
    assert (back.frames, back.candidate, back.directions.unit) == (
        {"lift": [3, 1]},
        bytes([5]) * 32,
        12345,
    )
    assert np.array_equal(back.directions.tasks["lift"], challenge.directions.tasks["lift"])
    with pytest.raises(ChallengeError, match="the chain fixed digest 0000"):
        read_challenge(path, bytes(32))
    with pytest.raises(ChallengeError, match="not a challenge file"):
        read_challenge(tmp_path / "absent", digest)


def test_directions_of_another_length_or_with_unused_codes_are_refused() -> None:
    with pytest.raises(ChallengeError, match="expected 5 bytes"):
        unpack_directions(bytes(4), ["a"], 4, 1)
    with pytest.raises(ChallengeError, match="unused code"):
        unpack_directions(bytes([0, 0, 0, 0, 0b11]), ["a"], 4, 1)


def test_a_gradient_without_signal_is_refused() -> None:
    for gradient in (np.zeros(100), np.full(100, np.nan)):
        with pytest.raises(ChallengeError, match="unusable"):
            compute_common_direction(gradient)


def test_losses_become_nano_loss_by_exact_rounding() -> None:
    assert to_nano(0.5) == 500_000_000
    assert to_nano(1e-10) == 0
    assert to_nano(2.0**-10) == 976_562  # 976562.5, half to even
    for bad in (float("nan"), float("inf"), -0.1):
        with pytest.raises(ChallengeError, match="finite"):
            to_nano(bad)


def test_predicted_error_of_a_share_is_what_resampling_shows() -> None:
    rng = np.random.default_rng(1)
    p, m, trials = 20_000, 960, 400
    g = rng.standard_normal(p) * 1e-3
    d = np.clip(np.rint(-g * 8000 + rng.normal(0, 20, p)), -127, 127).astype(np.int8)
    w, total, e = 3, 9, -12
    shares, predicted = [], []
    for _ in range(trials):
        i = rng.choice(p, m, replace=False)
        shares.append(-p / m * float(g[i] @ d[i]) * w / total * 2.0**e * 1e9)
        predicted.append(compute_share_error_nano(g[i], d[i], w, total, e, p))
    assert abs(np.mean(predicted) / np.std(shares) - 1) < 0.15
