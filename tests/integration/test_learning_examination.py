"""Training and examination of the tiny model, beyond what the port suite holds."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from zk0.errors import ChallengeError, DatasetError
from zk0.learning.datasets import Dataset, load_dataset
from zk0.learning.draws import draw_noise, draw_time
from zk0.learning.evaluation import compute_task_loss
from zk0.learning.examination import PoolExaminer
from zk0.learning.frames import Frames, build_batch
from zk0.learning.genesis import GENESIS_FILE
from zk0.learning.policy import load_policy
from zk0.learning.pool import load_pool
from zk0.learning.published import build_published_pool
from zk0.learning.training import SmolVlaLearner, TrainingRecipe
from zk0.protocol.checkpoint import read_checkpoint
from zk0.protocol.randomness import Stream
from zk0.protocol.tensorfile import parse_tensor_file

SEED = bytes(range(32))


def test_noise_and_time_follow_the_encodings() -> None:
    normals = Stream(SEED, "noise/touch/3").normals(16 * 32)
    assert np.array_equal(
        draw_noise(SEED, "touch", 3, 16, 32), normals.astype(np.float32).reshape(16, 32)
    )
    uniform = float(Stream(SEED, "time/touch/3").uniforms(1)[0])
    assert draw_time(SEED, "touch", 3) == np.float32(uniform ** (1 / 1.5) * 0.999 + 0.001)


def test_frame_loss_is_lerobots_loss_of_that_frame() -> None:
    policy, frames = load_policy("tiny", "all"), load_pool().tasks["touch"]
    index = len(frames) - 3  # most of its chunk is padding
    noise = draw_noise(SEED, "touch", index, policy.chunk_size, policy.max_action_dim)[None]
    time = np.array([draw_time(SEED, "touch", index)])
    batch = policy.preprocess(build_batch(frames, [index], policy.chunk_size))
    with torch.no_grad():
        expected, _ = policy.module.eval().forward(
            batch, noise=torch.from_numpy(noise), time=torch.from_numpy(time)
        )
    assert compute_task_loss(policy, frames, [index], "touch", SEED) == pytest.approx(
        float(expected), rel=1e-6
    )


def test_frame_bytes_hold_what_the_loss_is_computed_from() -> None:
    pool = load_pool()
    frames = pool.tasks["lift"]
    file = parse_tensor_file(pool.encode_frame("lift", 40, 16))
    action, is_pad = frames.get_chunks([40], 16)
    assert np.array_equal(file.tensors["action"], action[0])
    assert np.array_equal(file.tensors["action_is_pad"], is_pad[0])
    assert np.array_equal(file.tensors["observation.state"], frames.state[40])
    for key, pixels in frames.images.items():
        assert np.array_equal(file.tensors[key], pixels[40])
    assert file.metadata == {
        "task": "lift",
        "episode": int(frames.episode[40]),
        "frame": 40,
        "instruction": "Pick up the red cube.",
    }


def test_no_trainable_tensor_of_either_scope_is_dead() -> None:
    frames = load_pool().tasks["place"]
    for scope in ("all", "expert"):
        policy = load_policy("tiny", scope)
        compute_task_loss(policy, frames, range(8), "place", SEED, backward=True)
        dead = [n for n, p in policy.trainable.items() if p.grad is None or not p.grad.any()]
        assert dead == []


def test_examination_after_training_does_not_depend_on_what_ran_before() -> None:
    """One process trains and examines in turn: no mode, gradient or parameter may leak."""
    policy = load_policy("tiny", "all")
    base = dict(read_checkpoint(GENESIS_FILE).tensors)
    learner = SmolVlaLearner(policy, load_dataset("touch"), TrainingRecipe(steps=2))
    shared, fresh = (PoolExaminer(p, load_pool()) for p in (policy, load_policy("tiny", "all")))
    trained = learner.train(base, 1).parameters
    frames = {"touch": [1, 2, 3], "lift": [4]}
    first = shared.compute_path_gradient(base, trained, frames, SEED)
    second = fresh.compute_path_gradient(base, trained, frames, SEED)
    assert first.base_loss == second.base_loss
    assert first.candidate_loss == second.candidate_loss
    assert all(np.array_equal(first.gradients[t], second.gradients[t]) for t in frames)
    assert np.array_equal(
        learner.train(base, 1).parameters["model.action_out_proj.weight"],
        trained["model.action_out_proj.weight"],
    )


def test_training_that_diverges_says_so() -> None:
    dataset = load_dataset("touch")
    frames = dataset.train
    huge = Frames(
        frames.images,
        frames.state,
        np.full_like(frames.action, 1e30),
        frames.episode,
        frames.instructions,
    )
    policy = load_policy("tiny", "expert")
    learner = SmolVlaLearner(policy, Dataset("huge", huge, dataset.held_out))
    with pytest.raises(DatasetError, match="huge diverged at step 0"):
        learner.train(policy.get_parameters(), 0)


def test_scope_expert_trains_and_is_examined() -> None:
    policy = load_policy("tiny", "expert")
    base = policy.get_parameters()
    frozen = {
        n: p.detach().clone() for n, p in policy.module.named_parameters() if not p.requires_grad
    }
    learner = SmolVlaLearner(policy, load_dataset("touch"), TrainingRecipe(steps=10))
    result = learner.train(base, 3)
    assert result.loss_after < result.loss_before
    named = dict(policy.module.named_parameters())
    assert all(torch.equal(named[n], before) for n, before in frozen.items())
    path = PoolExaminer(policy, load_pool()).compute_path_gradient(
        base, result.parameters, {"touch": range(4)}, SEED
    )
    assert path.gradients["touch"].shape == (314_016,)
    assert math.isfinite(path.candidate_loss["touch"])


def test_published_frames_measure_what_the_whole_pool_does() -> None:
    """An auditor has the drawn frames alone; their numbers still give their noise and time."""
    pool, policy = load_pool(), load_policy("tiny", "all")
    drawn = {"touch": [40, 3, 17], "lift": [258]}
    published = {
        task: {i: pool.encode_frame(task, i, policy.chunk_size) for i in frames}
        for task, frames in drawn.items()
    }
    known = build_published_pool(published, pool.count_frames())
    assert known.count_frames() == pool.count_frames()
    for task, parts in published.items():
        for index, data in parts.items():
            assert known.encode_frame(task, index, policy.chunk_size) == data
    base = dict(read_checkpoint(GENESIS_FILE).tensors)
    moved = {name: tensor + np.float32(1e-3) for name, tensor in base.items()}
    whole, part = (
        PoolExaminer(policy, p).compute_path_gradient(base, moved, drawn, SEED)
        for p in (pool, known)
    )
    assert part.base_loss == whole.base_loss
    assert part.candidate_loss == whole.candidate_loss
    for task in drawn:
        assert np.array_equal(part.gradients[task], whole.gradients[task])
    with pytest.raises(ChallengeError, match=r"task touch: frames \[4\] were not published"):
        PoolExaminer(policy, known).compute_losses(base, {"touch": [4]}, SEED)


def test_damaged_published_frames_are_refused() -> None:
    pool = load_pool()
    data = pool.encode_frame("touch", 3, 16)
    for parts in ({4: data}, {3: data[:-1]}, {3: b"pickle"}):
        with pytest.raises(ChallengeError, match="task touch: its published frames are damaged"):
            build_published_pool({"touch": parts}, pool.count_frames())
