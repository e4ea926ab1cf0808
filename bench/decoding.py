#!/usr/bin/env python3
"""How a node's CPU-seconds divide between decoding its data set and training on it.

    uv run bench/decoding.py [--task place] [--rounds 3]

Decoding happens once, when the node starts; every round trains on the decoded pictures. Shares
are of the process's CPU time, by cProfile, whose own cost is within them.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROWS = (
    ("batches from memory", "frames.py", "build_batch"),
    ("forward", "policy.py", "compute_frame_losses"),
    ("backward", "_tensor.py", "backward"),
    ("held-out losses", "evaluation.py", "compute_held_out_loss"),
)
"""Label, file and function: cumulative time, so that the held-out losses' forward is in both."""


def profile(work: Callable[[], Any]) -> tuple[Any, float, dict[tuple[str, str], float]]:
    """What `work` gives, CPU-seconds, and those by (file, function), cumulative."""
    import time

    profiler = cProfile.Profile(time.process_time)
    start = time.process_time()
    result = profiler.runcall(work)
    spent = time.process_time() - start
    stats: Any = pstats.Stats(profiler).stats  # type: ignore[attr-defined]
    found: dict[tuple[str, str], float] = {}
    for (file, _, function), (_, _, _, cumulative, _) in stats.items():
        key = Path(file).name, function
        found[key] = found.get(key, 0.0) + cumulative
    return result, spent, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", default="place")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    from zk0.learning.datasets import load_dataset
    from zk0.learning.policy import load_policy
    from zk0.learning.training import SmolVlaLearner

    policy = load_policy("tiny", "all")
    dataset, whole, parts = profile(lambda: load_dataset(options.task))
    decoding = parts.get(("decoding.py", "read_camera"), 0.0)
    frames = len(dataset.train) + len(dataset.held_out)
    print(f"load={os.getloadavg()[0]:.1f} task={options.task} frames={frames}")
    print(f"open and check the data set {whole:6.2f} CPU-s, of it decoding {decoding:.2f}")
    learner, base = SmolVlaLearner(policy, dataset), policy.get_parameters()
    total = 0.0
    for round_id in range(options.rounds):
        _, spent, parts = profile(lambda seed=round_id: learner.train(base, seed))
        total += spent
        print(f"round {round_id + 1}: training {spent:.2f} CPU-s")
    for label, file, function in ROWS:
        value = parts.get((file, function), 0.0)
        print(f"  {label:24s} {value:6.2f} CPU-s {100 * value / spent:5.1f} %")
    print(
        f"decoding is {100 * decoding / (decoding + total / options.rounds):.1f} % of decoding and "
        f"one round, {100 * decoding / (decoding + total):.1f} % with {options.rounds} rounds"
    )


if __name__ == "__main__":
    main()
