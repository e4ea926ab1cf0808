"""One federated round from genesis with the default recipe: what the protocol relies on."""

from __future__ import annotations

import math

import numpy as np
import pytest

from zk0.learning.datasets import load_dataset
from zk0.learning.examination import PoolExaminer
from zk0.learning.policy import load_policy
from zk0.learning.pool import load_pool
from zk0.learning.training import SmolVlaLearner
from zk0.protocol.aggregation import aggregate
from zk0.protocol.challenge import compute_task_direction
from zk0.protocol.randomness import draw_frames, draw_sample
from zk0.protocol.statement import compute_agreement
from zk0.protocol.update import quantise

SEED = bytes(range(32))
NODES = ("lift", "place", "touch", "noise")


def test_first_round_from_genesis_pays_and_admits_the_honest() -> None:
    policy = load_policy("tiny", "all")
    base, layout = policy.get_parameters(), policy.layout
    updates, weights = [], []
    for seed, task in enumerate(NODES[:3]):
        result = SmolVlaLearner(policy, load_dataset(task)).train(base, seed)
        updates.append(quantise({n: result.parameters[n] - base[n] for n in base}, -24, -8))
        weights.append(result.num_examples)
    noise = np.random.default_rng(0).normal(0, 0.003, layout.parameter_count).astype(np.float32)
    updates.append(quantise(layout.unflatten(noise), -24, -8))
    weights.append(weights[-1])

    candidate = aggregate(base, [u.digits for u in updates], weights, [u.exponent for u in updates])
    examiner = PoolExaminer(policy, load_pool())
    counts = examiner.frame_counts
    frames = {task: draw_frames(SEED, task, [0] * counts[task], 32) for task in examiner.tasks}
    path = examiner.compute_path_gradient(base, candidate, frames, SEED)

    mean = np.mean([g.astype(np.float64) for g in path.gradients.values()], axis=0)
    shares = [
        -float(mean @ layout.flatten(u.digits)) * 2.0**u.exponent * w / sum(weights)
        for u, w in zip(updates, weights, strict=True)
    ]
    drop = np.mean([path.base_loss[t] - path.candidate_loss[t] for t in examiner.tasks])
    assert drop > 0.1
    assert sum(shares) == pytest.approx(drop, rel=0.1)
    assert min(shares[:3]) > 0.01 > abs(shares[3])

    sample = draw_sample(SEED, 3840, layout.parameter_count)
    for node, update in zip(NODES, updates, strict=True):
        digits = layout.gather(update.digits, sample)
        for task in examiner.tasks if node == "noise" else (node,):
            direction = compute_task_direction(path.gradients[task][sample])
            found = compute_agreement(direction, direction, digits)
            z = found.task / math.sqrt(found.square)
            assert abs(z) < 4 if node == "noise" else z >= 4, (node, task, z)
