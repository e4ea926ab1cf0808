#!/usr/bin/env python3
"""Federated rounds from genesis without chain or transport: do shares and z behave?

    uv run bench/learning_rounds.py [--rounds 3] [--seeds 0,1,2] [--honest-only] …

For every round: losses at base and candidate, the sum of exact shares −g·(w/Σw)Δ against
the drop, and every node's share and z = T/√Q on its own task at m = 3840.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from zk0.learning.datasets import load_dataset
from zk0.learning.examination import PoolExaminer
from zk0.learning.policy import load_policy
from zk0.learning.pool import load_pool
from zk0.learning.training import SmolVlaLearner, TrainingRecipe
from zk0.protocol.aggregation import aggregate
from zk0.protocol.challenge import compute_directions
from zk0.protocol.contribution import compute_share_nano, compute_weights
from zk0.protocol.parameters import ParameterLayout
from zk0.protocol.randomness import draw_frames, draw_sample
from zk0.protocol.statement import compute_agreement
from zk0.protocol.update import Quantised, quantise

SAMPLE = 3840
TASKS = ("lift", "place", "touch")
EXPONENTS = (-24, -8)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--frames", type=int, default=32)
    parser.add_argument("--scope", default="all")
    parser.add_argument("--honest-only", action="store_true")
    parser.add_argument("--weight-share-bps", type=int, default=10_000)
    recipe = TrainingRecipe()
    parser.add_argument("--steps", type=int, default=recipe.steps)
    parser.add_argument("--rate", type=float, default=recipe.learning_rate)
    options = parser.parse_args()
    policy = load_policy("tiny", options.scope)
    recipe = TrainingRecipe(steps=options.steps, learning_rate=options.rate)
    learners = {t: SmolVlaLearner(policy, load_dataset(t), recipe) for t in TASKS}
    examiner = PoolExaminer(policy, load_pool())
    base = policy.get_parameters()
    for seed in map(int, options.seeds.split(",")):
        print(f"seed {seed}", flush=True)
        run_rounds(options, base, learners, examiner, seed)


def run_rounds(
    options: argparse.Namespace,
    base: Mapping[str, Any],
    learners: Mapping[str, SmolVlaLearner],
    examiner: PoolExaminer,
    seed: int,
) -> None:
    layout = ParameterLayout.of(base)
    residual: dict[str, Mapping[str, Any]] = {}
    drawn = {task: [0] * 1000 for task in TASKS}
    for round_id in range(1, options.rounds + 1):
        start = time.monotonic()
        updates = {}
        examples = {}
        for node, task in enumerate(TASKS):
            result = learners[task].train(base, 1_000_000 * seed + 100 * round_id + node)
            difference = {n: result.parameters[n] - base[n] for n in base}
            if task in residual:
                difference = {n: d + residual[task][n] for n, d in difference.items()}
            updates[task] = quantise(difference, *EXPONENTS)
            residual[task] = updates[task].residual
            examples[task] = result.num_examples
        if not options.honest_only:
            updates["noise"] = make_noise(layout, updates["lift"], seed + round_id)
            examples["noise"] = examples["touch"]
        trained = time.monotonic()
        report(options, layout, base, updates, examples, examiner, drawn, seed, round_id)
        honest = [task for task in TASKS if task in updates]
        weights = compute_weights([examples[t] for t in honest], options.weight_share_bps)
        base = aggregate(
            base,
            [updates[t].digits for t in honest],
            weights,
            [updates[t].exponent for t in honest],
        )
        print(
            f"    training {trained - start:.1f} s, examination {time.monotonic() - trained:.1f} s",
            flush=True,
        )


def make_noise(layout: ParameterLayout, like: Quantised, seed: int) -> Quantised:
    """Gaussian noise of the same norm as another update."""
    square = sum(float((q.astype(np.float64) ** 2).sum()) for q in like.digits.values())
    scale = math.sqrt(square / layout.parameter_count) * 2.0**like.exponent
    flat = np.random.default_rng(seed).normal(0, scale, layout.parameter_count)
    return quantise(layout.unflatten(flat.astype(np.float32)), *EXPONENTS)


def report(
    options: argparse.Namespace,
    layout: ParameterLayout,
    base: Mapping[str, Any],
    updates: Mapping[str, Quantised],
    examples: Mapping[str, int],
    examiner: PoolExaminer,
    drawn: dict[str, list[int]],
    seed: int,
    round_id: int,
) -> None:
    nodes = sorted(updates)
    weights = compute_weights([examples[n] for n in nodes], options.weight_share_bps)
    candidate = aggregate(
        base, [updates[n].digits for n in nodes], weights, [updates[n].exponent for n in nodes]
    )
    draw = hashlib.sha256(f"{seed}/{round_id}".encode()).digest()
    sizes = examiner.frame_counts
    frames = {}
    for task in examiner.tasks:
        frames[task] = draw_frames(draw, task, drawn[task][: sizes[task]], options.frames)
        for index in frames[task]:
            drawn[task][index] += 1
    path = examiner.compute_path_gradient(base, candidate, frames, draw)
    mean = np.mean([g.astype(np.float64) for g in path.gradients.values()], axis=0)
    sample = draw_sample(draw, SAMPLE, layout.parameter_count)
    before = float(np.mean(list(path.base_loss.values())))
    after = float(np.mean(list(path.candidate_loss.values())))
    directions = compute_directions(path.gradients, sample, layout.parameter_count)
    shares, proven, scores = {}, {}, {}
    for node, weight in zip(nodes, weights, strict=True):
        update = updates[node]
        flat = layout.flatten(update.digits).astype(np.float64) * 2.0**update.exponent
        shares[node] = -float(mean @ flat) * weight / sum(weights)
        digits = layout.gather(update.digits, sample)
        agreement = compute_agreement(directions.common, directions.common, digits)
        proven[node] = (
            compute_share_nano(
                agreement.common, weight, sum(weights), directions.unit, update.exponent
            )
            / 1e9
        )
        own = {}
        for task in TASKS if node == "noise" else (node,):
            direction = directions.tasks[task]
            agreement = compute_agreement(direction, direction, digits)
            own[task] = round(agreement.task / math.sqrt(agreement.square), 1)
        scores[node] = own
    print_round(round_id, before, after, shares, proven)
    print(f"    z {scores}, exponents { {n: updates[n].exponent for n in nodes} }", flush=True)


def print_round(
    round_id: int,
    before: float,
    after: float,
    shares: Mapping[str, float],
    proven: Mapping[str, float],
) -> None:
    total = sum(shares.values())
    print(
        f"  round {round_id}: loss {before:.4f} -> {after:.4f}, drop {before - after:+.4f}, "
        f"sum {total:+.4f}, error {100 * (total / (before - after) - 1):+.1f} %\n"
        f"    shares            { {n: round(s, 4) for n, s in shares.items()} }\n"
        f"    from 3,840 sampled { {n: round(s, 4) for n, s in proven.items()} }",
        flush=True,
    )


if __name__ == "__main__":
    main()
