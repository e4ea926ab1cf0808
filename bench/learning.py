#!/usr/bin/env python3
"""Seconds and memory of one local training, path gradient and evaluation of the tiny model.

uv run bench/learning.py [--frames 32] [--scope all]
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

SEED = bytes(32)


@contextmanager
def measured(what: str) -> Iterator[None]:
    wall, cpu = time.monotonic(), time.process_time()
    yield
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{what:32s} {time.monotonic() - wall:6.2f} s wall {time.process_time() - cpu:6.2f} s CPU "
        f"{peak_mb:6.0f} MB peak so far",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--frames", type=int, default=32)
    parser.add_argument("--scope", default="all")
    options = parser.parse_args()
    with measured("import torch and lerobot"):
        from zk0.learning.datasets import load_dataset
        from zk0.learning.evaluator import PolicyEvaluator, load_unseen_sets, make_pool_sets
        from zk0.learning.examination import PoolExaminer
        from zk0.learning.policy import load_policy
        from zk0.learning.pool import load_pool
        from zk0.learning.training import SmolVlaLearner
    with measured("load the tiny policy"):
        policy = load_policy("tiny", options.scope)
    with measured("decode one data set (place)"):
        dataset = load_dataset("place")
    base = policy.get_parameters()
    with measured("one local training"):
        trained = SmolVlaLearner(policy, dataset).train(base, 0)
    with measured("decode the pool"):
        examiner = PoolExaminer(policy, load_pool())
    with measured("bytes of all pool frames"):
        for task, count in examiner.frame_counts.items():
            for index in range(count):
                examiner.get_frame_bytes(task, index)
    frames = {task: range(options.frames) for task in examiner.tasks}
    with measured("one path gradient, four losses"):
        examiner.compute_path_gradient(base, trained.parameters, frames, SEED)
    with measured("decode an unseen set (stack)"):
        sets = load_unseen_sets(["stack"]) | make_pool_sets(examiner.pool)
    evaluator = PolicyEvaluator(policy, sets)
    with measured("evaluate a model on four sets"):
        evaluator.evaluate(base)
    with measured("evaluate a contribution (one set)"):
        evaluator.evaluate(trained.parameters, ["place"])


if __name__ == "__main__":
    main()
