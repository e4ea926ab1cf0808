"""One suite for the Learner and Examiner ports: the real tiny SmolVLA and the toy."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from zk0.errors import ChallengeError, CheckpointError
from zk0.learning.linear import LinearExaminer, LinearLearner, LinearShape
from zk0.ports import Examiner, Learner, TrainingResult
from zk0.protocol.parameters import ParameterLayout
from zk0.protocol.tensorfile import parse_tensor_file

SEED = bytes(range(32))
FRAMES: Mapping[str, Sequence[int]] = {
    "lift": (3, 0, 90),
    "place": (1, 2),
    "touch": tuple(range(36)),
}


@dataclass(frozen=True, slots=True)
class Side:
    """A learner and an examiner of one model, and where it starts."""

    learner: Learner
    examiner: Examiner
    base: Mapping[str, NDArray[np.float32]]


def build_linear() -> Side:
    return Side(LinearLearner("touch"), LinearExaminer(), LinearShape().make_base())


def build_tiny() -> Side:
    from zk0.learning.datasets import load_dataset
    from zk0.learning.examination import PoolExaminer
    from zk0.learning.policy import load_policy
    from zk0.learning.pool import load_pool
    from zk0.learning.training import SmolVlaLearner, TrainingRecipe

    policy = load_policy("tiny", "all")
    recipe = TrainingRecipe(steps=12)
    return Side(
        SmolVlaLearner(policy, load_dataset("touch"), recipe),
        PoolExaminer(policy, load_pool()),
        policy.get_parameters(),
    )


BUILDERS = {"linear": build_linear, "tiny": build_tiny}


@functools.cache
def get_side(name: str) -> Side:
    return BUILDERS[name]()


@functools.cache
def get_trained(name: str, seed: int) -> TrainingResult:
    side = get_side(name)
    return side.learner.train(side.base, seed)


@pytest.fixture(params=sorted(BUILDERS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def side(name: str) -> Side:
    return get_side(name)


def flatten(tensors: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
    return ParameterLayout.of(tensors).flatten(tensors).astype(np.float64)


def test_training_returns_the_same_tensors_with_other_values(name: str, side: Side) -> None:
    result = get_trained(name, 5)
    assert ParameterLayout.of(result.parameters) == ParameterLayout.of(side.base)
    assert all(t.dtype == np.float32 and np.isfinite(t).all() for t in result.parameters.values())
    assert not np.array_equal(flatten(result.parameters), flatten(side.base))
    assert result.num_examples == side.learner.num_examples > 0


def test_training_lowers_the_held_out_loss(name: str) -> None:
    result = get_trained(name, 5)
    assert result.loss_after < result.loss_before


def test_training_again_with_the_same_seed_is_bit_identical(name: str, side: Side) -> None:
    first = get_trained(name, 5)
    again = side.learner.train(side.base, 5)
    assert all(np.array_equal(again.parameters[n], t) for n, t in first.parameters.items())
    assert (again.loss_before, again.loss_after) == (first.loss_before, first.loss_after)


def test_training_with_another_seed_differs(name: str) -> None:
    assert not np.array_equal(
        flatten(get_trained(name, 5).parameters), flatten(get_trained(name, 6).parameters)
    )


def test_training_leaves_the_base_alone(side: Side) -> None:
    before = {n: t.copy() for n, t in side.base.items()}
    side.learner.train(side.base, 1)
    assert all(np.array_equal(side.base[n], t) for n, t in before.items())


def test_training_from_foreign_tensors_is_refused(side: Side) -> None:
    with pytest.raises(CheckpointError, match="expected"):
        side.learner.train({"other.weight": np.zeros(3, np.float32)}, 1)


def test_pool_tells_its_tasks_and_sizes(side: Side) -> None:
    assert list(side.examiner.tasks) == ["lift", "place", "touch"]
    assert set(side.examiner.frame_counts) == set(side.examiner.tasks)
    assert all(count > 90 for count in side.examiner.frame_counts.values())


def test_layout_is_that_of_the_base(side: Side) -> None:
    assert side.examiner.layout == ParameterLayout.of(side.base)


def test_frame_bytes_are_canonical_and_name_the_frame(side: Side) -> None:
    data = side.examiner.get_frame_bytes("touch", 7)
    file = parse_tensor_file(data)
    assert (file.metadata["task"], file.metadata["frame"]) == ("touch", 7)
    assert data == side.examiner.get_frame_bytes("touch", 7)
    assert data != side.examiner.get_frame_bytes("touch", 8)


def test_frame_bytes_outside_the_pool_are_refused(side: Side) -> None:
    with pytest.raises(ChallengeError, match="pool"):
        side.examiner.get_frame_bytes("touch", side.examiner.frame_counts["touch"])


def test_losses_repeat_exactly_and_depend_on_the_seed(side: Side) -> None:
    first = side.examiner.compute_losses(side.base, FRAMES, SEED)
    assert side.examiner.compute_losses(side.base, FRAMES, SEED) == first
    other = side.examiner.compute_losses(side.base, FRAMES, SEED[::-1])
    assert all(first[task] != other[task] for task in FRAMES)


def test_every_frame_weighs_the_same(side: Side) -> None:
    """36 frames take two microbatches of unequal size; the mean must not notice."""

    def measure(frames: Sequence[int]) -> float:
        return side.examiner.compute_losses(side.base, {"touch": frames}, SEED)["touch"]

    singles = [measure([frame]) for frame in range(36)]
    assert measure(range(36)) == pytest.approx(np.mean(singles), rel=1e-5)


@pytest.mark.parametrize(
    "frames", [{"touch": []}, {"touch": [-1]}, {"touch": [100_000]}, {"juggle": [0]}]
)
def test_frames_outside_the_pool_are_refused(side: Side, frames: dict[str, list[int]]) -> None:
    with pytest.raises(ChallengeError, match="frame"):
        side.examiner.compute_losses(side.base, frames, SEED)


def test_foreign_parameters_are_refused(side: Side) -> None:
    with pytest.raises(CheckpointError, match="expected"):
        side.examiner.compute_losses({"other": np.zeros(3, np.float32)}, FRAMES, SEED)


def test_path_gradient_has_a_flat_gradient_and_two_losses_per_task(name: str, side: Side) -> None:
    candidate = get_trained(name, 5).parameters
    path = side.examiner.compute_path_gradient(side.base, candidate, FRAMES, SEED)
    count = side.examiner.layout.parameter_count
    assert set(path.gradients) == set(FRAMES)
    assert all(g.shape == (count,) and g.dtype == np.float32 for g in path.gradients.values())
    assert path.base_loss == side.examiner.compute_losses(side.base, FRAMES, SEED)
    assert path.candidate_loss == side.examiner.compute_losses(candidate, FRAMES, SEED)


def test_gradient_along_the_path_accounts_for_the_drop(name: str, side: Side) -> None:
    """Also shows the flattening: a gradient in another order would not."""
    trained = get_trained(name, 5).parameters
    step = {n: side.base[n] + np.float32(0.1) * (trained[n] - side.base[n]) for n in trained}
    path = side.examiner.compute_path_gradient(side.base, step, FRAMES, SEED)
    difference = flatten(step) - flatten(side.base)
    for task, gradient in path.gradients.items():
        drop = path.base_loss[task] - path.candidate_loss[task]
        assert -float(gradient.astype(np.float64) @ difference) == pytest.approx(drop, rel=0.02)
