"""ACT behind the same interface as SmolVLA: training, an update, a path gradient, an export."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from zk0.errors import ConfigError
from zk0.learning.action_error import compute_action_mse
from zk0.learning.datasets import load_dataset
from zk0.learning.evaluation import compute_task_loss
from zk0.learning.examination import PoolExaminer
from zk0.learning.export import export_policy
from zk0.learning.frames import build_batch
from zk0.learning.policy import Policy, load_policy
from zk0.learning.pool import Pool
from zk0.learning.robot import describe_robot
from zk0.learning.sources import EMBEDDED
from zk0.learning.tiny_act import build_act_policy
from zk0.learning.training import SmolVlaLearner, TrainingRecipe
from zk0.protocol.update import quantise

SEED = b"\x05" * 32
TOUCH = f"local:{EMBEDDED / 'pool' / 'touch'}"


@pytest.fixture(scope="module")
def act(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    folder = tmp_path_factory.mktemp("act")
    build_act_policy(folder, seed=0)
    return load_policy(str(folder), "expert", device="cpu")


def test_expert_is_everything_but_the_image_encoder(act: Policy) -> None:
    frozen = [n for n, p in act.module.named_parameters() if not p.requires_grad]
    assert frozen
    assert all(".backbone." in name for name in frozen)
    assert not any(".backbone." in name for name in act.trainable)
    assert describe_robot("tiny").cameras == ("overhead", "wrist")


def test_frame_losses_are_those_of_lerobots_forward(act: Policy) -> None:
    frames = load_dataset(TOUCH).train
    noise = np.zeros((3, act.chunk_size, act.max_action_dim), np.float32)
    time = np.ones(3, np.float32)
    act.module.eval()
    indices = [0, 5, len(frames) - 1]  # the last one's chunk is mostly padding
    losses = act.compute_frame_losses(build_batch(frames, indices, 16), noise, time)
    for loss, index in zip(losses, indices, strict=True):
        expected, _ = act.module.forward(act.preprocess(build_batch(frames, [index], 16)))
        assert torch.equal(loss, expected)


def test_act_trains_and_its_update_and_path_gradient_are_exact(act: Policy) -> None:
    dataset = load_dataset(TOUCH)
    recipe = TrainingRecipe(steps=6, batch_size=4, warmup_steps=2, learning_rate=5e-5)
    learner = SmolVlaLearner(act, dataset, recipe)
    base = {name: tensor.copy() for name, tensor in act.get_parameters().items()}
    result = learner.train(base, seed=3)
    assert result.loss_after < result.loss_before
    state = torch.random.get_rng_state()
    again = learner.train(base, seed=3)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(np.array_equal(again.parameters[n], t) for n, t in result.parameters.items())

    difference = {name: result.parameters[name] - tensor for name, tensor in base.items()}
    quantised = quantise(difference, -24, -8)
    step = 2.0**quantised.exponent
    candidate = {
        name: (tensor.astype(np.float64) + step * quantised.digits[name]).astype(np.float32)
        for name, tensor in base.items()
    }
    assert any(digits.any() for digits in quantised.digits.values())

    pool = Pool({"touch": dataset.held_out})
    examiner = PoolExaminer(act, pool)
    measured = examiner.compute_path_gradient(base, candidate, {"touch": [0, 3, 7]}, SEED)
    gradient = measured.gradients["touch"]
    assert gradient.shape == (act.layout.parameter_count,)
    drop = measured.base_loss["touch"] - measured.candidate_loss["touch"]
    moved = act.layout.flatten({n: candidate[n] - base[n] for n in base}).astype(np.float64)
    assert drop > 0
    # an L1 loss has kinks: on a short way only, the two points of the path give the drop
    assert -float(moved @ gradient.astype(np.float64)) == pytest.approx(drop, rel=0.1)
    act.set_parameters(base)


def test_act_predicts_and_is_exported(act: Policy, tmp_path: Path) -> None:
    frames = load_dataset(TOUCH).held_out
    errors = compute_action_mse(act, frames, [0, 4], "touch", SEED)
    assert errors.shape == (6,)
    (tmp_path / "model").mkdir()
    export_policy(act, tmp_path / "model")
    again = load_policy(str(tmp_path / "model"), "expert", device="cpu")
    losses = [compute_task_loss(p, frames, [0, 4], "touch", SEED) for p in (act, again)]
    assert losses[0] == losses[1]
    assert again.layout == act.layout


def test_policy_without_an_image_encoder_has_no_scope_expert(tmp_path: Path) -> None:
    from zk0.learning.policy import _freeze_vision

    with pytest.raises(ConfigError, match="expected scope 'all'"):
        _freeze_vision(torch.nn.Linear(2, 2), str(tmp_path))
