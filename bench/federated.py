#!/usr/bin/env python3
"""Verified rounds against centralised training and plain Flower: one run, each seed once.

    uv run bench/federated.py [--rounds 2] [--seeds 4] [--outputs outputs/federated]

As `zk0 compare verified centralised` and `zk0 compare verified flower` one after the other, but a
verified run stands in both comparisons and is made once. Writes comparison-<arm>.json and .png
after every seed from the second on, so that a run that is ended early leaves what it has.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

from zk0.experiments.arms import Curve, get_arm
from zk0.experiments.chart import draw_comparison
from zk0.experiments.compare import Comparison, format_comparison
from zk0.experiments.setting import make_setting

FIRST = "verified"
OTHERS = ("centralised", "flower")


def write(found: Comparison, title: str, folder: Path) -> None:
    name = f"comparison-{found.second}"
    (folder / f"{name}.json").write_text(json.dumps(found.to_json(), indent=2) + "\n")
    draw_comparison(found, f"{title}, {len(found.seeds)} seeds", folder / f"{name}.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--policy", default="tiny")
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--outputs", type=Path, default=Path("outputs/federated"))
    options = parser.parse_args()
    options.outputs.mkdir(parents=True, exist_ok=True)
    print(f"load={os.getloadavg()[0]:.1f}", flush=True)
    setting = make_setting(options.policy, nodes=options.nodes)
    curves: dict[str, list[Curve]] = {name: [] for name in (FIRST, *OTHERS)}
    title = f"{options.policy}, {options.nodes} nodes, fedavg"
    for seed in range(options.seeds):
        for name, found in curves.items():
            start, cpu = time.monotonic(), time.process_time()
            found.append(get_arm(name)(setting, seed, options.rounds))
            losses = " → ".join(f"{loss:.4f}" for loss in found[-1].losses)
            print(
                f"seed {seed}: {name:12s} {losses}  ({time.monotonic() - start:.0f} s, "
                f"{time.process_time() - cpu:.0f} CPU-s, load {os.getloadavg()[0]:.1f})",
                flush=True,
            )
        if seed == 0:
            continue
        for name in OTHERS:
            pair = tuple(curves[FIRST]), tuple(curves[name])
            comparison = Comparison(FIRST, name, tuple(range(seed + 1)), pair)
            write(comparison, title, options.outputs)
            print(format_comparison(comparison), flush=True)


if __name__ == "__main__":
    main()
