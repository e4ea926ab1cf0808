"""The toy behaves like the real thing where pipelines depend on it."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest

from zk0.learning.linear import TASKS, LinearExaminer, LinearLearner, LinearShape
from zk0.protocol.aggregation import aggregate
from zk0.protocol.challenge import compute_task_direction
from zk0.protocol.randomness import draw_sample
from zk0.protocol.statement import compute_agreement
from zk0.protocol.update import Quantised, quantise

SEED = bytes(range(32))
SHAPE = LinearShape()
FRAMES = {task: range(32) for task in TASKS}


def train_updates() -> dict[str, Quantised]:
    base = SHAPE.make_base()
    updates = {}
    for task in TASKS:
        trained = LinearLearner(task).train(base, 1).parameters
        updates[task] = quantise({n: trained[n] - base[n] for n in base}, -24, -8)
    noise = np.random.default_rng(0).normal(0, 0.02, SHAPE.layout.parameter_count)
    updates["noise"] = quantise(SHAPE.layout.unflatten(noise.astype(np.float32)), -24, -8)
    return updates


def test_shares_along_the_path_add_up_to_the_drop() -> None:
    base, updates = SHAPE.make_base(), train_updates()
    weights = [1, 2, 3, 1]
    exponents = [u.exponent for u in updates.values()]
    candidate = aggregate(base, [u.digits for u in updates.values()], weights, exponents)
    path = LinearExaminer().compute_path_gradient(base, candidate, FRAMES, SEED)
    mean = np.mean([g.astype(np.float64) for g in path.gradients.values()], axis=0)
    total = sum(
        -float(mean @ SHAPE.layout.flatten(u.digits)) * 2.0**u.exponent * w / sum(weights)
        for u, w in zip(updates.values(), weights, strict=True)
    )
    drop = np.mean([path.base_loss[t] - path.candidate_loss[t] for t in TASKS])
    assert drop > 0
    assert total == pytest.approx(drop, rel=1e-5)


def test_honest_nodes_are_admitted_at_960_coordinates_and_noise_is_not() -> None:
    base, updates = SHAPE.make_base(), train_updates()
    exponents = [u.exponent for u in updates.values()]
    candidate = aggregate(base, [u.digits for u in updates.values()], [1, 1, 1, 1], exponents)
    path = LinearExaminer().compute_path_gradient(base, candidate, FRAMES, SEED)
    sample = draw_sample(SEED, 960, SHAPE.layout.parameter_count)
    for node, update in updates.items():
        for task in TASKS if node == "noise" else (node,):
            direction = compute_task_direction(path.gradients[task][sample])
            found = compute_agreement(
                direction, direction, SHAPE.layout.gather(update.digits, sample)
            )
            z = found.task / math.sqrt(found.square)
            assert z < 4 if node == "noise" else z >= 4, (node, task, z)


def test_toy_does_not_import_torch() -> None:
    code = "import sys, zk0.learning.linear; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
