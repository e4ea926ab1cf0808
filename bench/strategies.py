#!/usr/bin/env python3
"""Strategies on one federation, with and without one poisoned node, several seeds.

    uv run bench/strategies.py [--policy toy|tiny] [--nodes 6] [--rounds 10] [--seeds 5]
        [--strategies fedavg,median] [--verified]

`tiny` is the embedded federation, `toy` one that learns in milliseconds.

Loss of the last checkpoint on the whole pool, mean ± 95 % interval over seeds (Student's t), with
admission by the sampled direction and the gate (verified) and with everybody aggregated (open),
and how far the shares and the history are from the candidate's measured drop, in percent of it.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from zk0.experiments.records import RoundRecord
from zk0.experiments.setting import make_setting
from zk0.experiments.simulation import Simulation
from zk0.experiments.statistics import compute_interval
from zk0.strategy_names import PRESETS


def compute_share_errors(records: list[RoundRecord]) -> list[float]:
    """Percent of the drop, of the rounds whose candidate helped by 5 % of its loss or more."""
    return [
        100 * ((r.sum_of_shares + r.history) / (r.base_loss - r.candidate_loss) - 1)
        for r in records
        if r.base_loss - r.candidate_loss > 0.05 * r.base_loss
    ]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--policy", default="toy")
    parser.add_argument("--nodes", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--strategies", default=",".join(PRESETS))
    parser.add_argument("--verified", action="store_true", help="Leave out the open rounds.")
    parser.add_argument("--json", type=Path, help="Write every run's losses here.")
    options = parser.parse_args()
    runs = []
    for name in options.strategies.split(","):
        for poisoned in (0, 1):
            setting = make_setting(
                options.policy, nodes=options.nodes, strategy=name, poisoned=poisoned
            )
            for is_gated in (True,) if options.verified else (True, False):
                start = time.monotonic()
                losses, errors = [], []
                for seed in range(options.seeds):
                    simulation = Simulation(setting, seed, is_gated=is_gated)
                    records = simulation.run(options.rounds)
                    losses.append(records[-1].pool_loss)
                    errors += compute_share_errors(records)
                    runs.append(
                        {
                            "strategy": name,
                            "poisoned": poisoned,
                            "verified": is_gated,
                            "seed": seed,
                            "losses": [r.pool_loss for r in records],
                        }
                    )
                low, high = (min(errors), max(errors)) if errors else (0.0, 0.0)
                print(
                    f"{name:13s} poisoned {poisoned} {'verified' if is_gated else 'open':8s} "
                    f"loss {compute_interval(losses)}  shares {low:+.1f} … {high:+.1f} % of the "
                    f"drop  {time.monotonic() - start:.0f} s",
                    flush=True,
                )
    if options.json:
        options.json.write_text(json.dumps(runs) + "\n")


if __name__ == "__main__":
    main()
