#!/usr/bin/env python3
"""What a verified round adds to a plain Flower round, by stage, and how much memory a node takes.

    uv run bench/round_cost.py [--rounds 3] [--nodes 3] [--json FILE]

One run on one machine: first plain Flower (`bench/plain_flower.py`), then the real network (Anvil,
coordinator, nodes with proofs), the same tasks, data, steps and connection, every process as it
is in use. Round 1 of each warms up and does not count. Training itself is taken out of both;
what is left is compared with ten minutes of it:

    ratio = (600 s + verified round without training) / (600 s + plain round without training)

The 600 s are a definition, all other seconds are measured. Evaluations, videos and model folders
are not part of a round (`run-round` without `--outputs`). Needs Linux (/proc).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from process_trees import Sampler, Usage
from round_stages import Round, read_plain, read_verified

from zk0.demo.fleet import DemoFleet
from zk0.demo.processes import Child
from zk0.devnet import open_devnet
from zk0.networks import DEVNET_CIRCUIT, DEVNET_TASKS

TRAINING_S = 600.0
GOAL = 1.10
MEMORY_GOAL_MB = 1200.0
START_S = 600.0


def await_file(file: Path, child: Child) -> str:
    end = time.monotonic() + START_S
    while not file.exists():
        if child.exit_code is not None or time.monotonic() > end:
            sys.exit(f"{child.name} did not start, exit code {child.exit_code}")
        time.sleep(0.2)
    return file.read_text()


def await_end(child: Child, others: Mapping[str, Child]) -> None:
    while child.exit_code is None:
        for other in others.values():
            if other is not child and other.exit_code is not None:
                sys.exit(f"{other.name} ended with exit code {other.exit_code}")
        time.sleep(0.2)
    if child.exit_code != 0:
        sys.exit(f"{child.name} ended with exit code {child.exit_code}")


def show(name: str, line: str) -> None:
    print(f"{name:>12} | {line}", file=sys.stderr, flush=True)


def run_plain(
    folder: Path, rounds: int, tasks: Sequence[str]
) -> tuple[list[Round], dict[str, Usage]]:
    """Server and nodes as processes of their own."""
    folder.mkdir(parents=True)
    script = str(Path(__file__).with_name("plain_flower.py"))
    address_file, result = folder / "address", folder / "rounds.jsonl"
    children: dict[str, Child] = {}

    def start(name: str, arguments: Sequence[str], stdout: Path | None = None) -> Child:
        command = [sys.executable, script, *arguments]
        children[name] = Child(name, command, folder / f"{name}.log", show, stdout)
        return children[name]

    try:
        with Sampler(lambda: {name: child.pid for name, child in children.items()}) as sampler:
            arguments = ["server", str(address_file), str(folder), str(rounds), *tasks]
            server = start("server", arguments, result)
            address, ca = await_file(address_file, server).split()
            for task in tasks:
                start(task, ["node", address, ca, str(folder), task])
            await_end(server, children)
    finally:
        for child in reversed(children.values()):
            child.stop()
    return read_plain(result), sampler.usage


def run_verified(
    folder: Path, rounds: int, tasks: Sequence[str]
) -> tuple[list[Round], dict[str, Usage]]:
    """Anvil, coordinator and nodes as in the demo, without a freeloader and recordings."""
    home, logs, result = folder / "home", folder / "logs", folder / "rounds.json"
    home.mkdir(parents=True)
    quorum = len(tasks)
    with open_devnet(home, port=0, quorum=quorum, circuit=DEVNET_CIRCUIT) as network:
        fleet = DemoFleet(network.anvil.rpc_url, home, logs, show)

        def find_roots() -> dict[str, int]:
            found = {name: child.pid for name, child in list(fleet.children.items())}
            return {"chain": network.anvil.pid, **found}

        try:
            with Sampler(find_roots) as sampler:
                coordinator = fleet.start_coordinator(rounds, result)
                for number, task in enumerate(tasks, 1):
                    fleet.start_node(number, task)
                await_end(coordinator, fleet.children)
        finally:
            fleet.close()
    summaries = json.loads(result.read_bytes())
    return read_verified(logs / "all.jsonl", summaries), sampler.usage


def describe(name: str, rounds: Sequence[Round], usage: Mapping[str, Usage]) -> dict[str, Any]:
    """Medians over rounds of seconds and CPU-seconds by stage."""
    stages = {}
    for stage in rounds[0].stages:
        spans = [r.stages[stage] for r in rounds]
        stages[stage] = {
            "seconds": statistics.median(end - start for start, end in spans),
            "cpu_seconds": statistics.median(
                sum(u.compute_cpu_s(start, end) for u in usage.values()) for start, end in spans
            ),
        }
    overheads = [r.seconds - r.training_s for r in rounds]
    return {
        "name": name,
        "seconds": [round(r.seconds, 2) for r in rounds],
        "training_seconds": [round(r.training_s, 2) for r in rounds],
        "overhead_seconds": [round(o, 2) for o in overheads],
        "overhead_median": statistics.median(overheads),
        "stages": stages,
        "memory_mb": {
            who: {
                "together": round(u.peak_mb),
                "shares": round(u.share_mb),
                "anonymous": round(u.anonymous_peak_mb),
                "process": round(u.own_peak_mb),
            }
            for who, u in usage.items()
        },
    }


def print_side(found: Mapping[str, Any]) -> None:
    print(f"\n{found['name']}: rounds of {found['seconds']} s, of it training "
          f"{found['training_seconds']} s")  # fmt: skip
    print(f"  {'stage':34s} {'s':>7s} {'CPU-s':>7s}")
    for stage, value in found["stages"].items():
        print(f"  {stage:34s} {value['seconds']:7.2f} {value['cpu_seconds']:7.2f}")
    print(
        f"  without training: {found['overhead_seconds']} s, median {found['overhead_median']:.2f}"
    )
    for who, memory in found["memory_mb"].items():
        print(
            f"  {who:12s} {memory['together']:5d} MB with its children (shared pages in part: "
            f"{memory['shares']} MB, without pages of files: {memory['anonymous']} MB), largest "
            f"alone {memory['process']} MB"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3, help="counted ones; one more warms up")
    parser.add_argument("--nodes", type=int, choices=[1, 2, 3], default=len(DEVNET_TASKS))
    parser.add_argument("--json", type=Path, help="also write everything there")
    parser.add_argument(
        "--keep", type=Path, help="folder for logs and state, instead of a temporary one"
    )
    options = parser.parse_args()
    tasks = DEVNET_TASKS[: options.nodes]
    load = os.getloadavg()[0]
    cpus = len(os.sched_getaffinity(0))
    print(
        f"cpus={cpus} load={load:.1f} nodes={len(tasks)} circuit={DEVNET_CIRCUIT}",
        flush=True,
    )
    with tempfile.TemporaryDirectory(prefix="zk0-cost-") as scratch:
        folder = options.keep or Path(scratch)
        plain = describe(
            "plain Flower", *_drop_first(run_plain(folder / "plain", options.rounds + 1, tasks))
        )
        verified = describe(
            "verified", *_drop_first(run_verified(folder / "verified", options.rounds + 1, tasks))
        )
    print_side(plain)
    print_side(verified)
    added = verified["overhead_median"] - plain["overhead_median"]
    ratio = (TRAINING_S + verified["overhead_median"]) / (TRAINING_S + plain["overhead_median"])
    nodes_mb = max(verified["memory_mb"][task]["together"] for task in tasks)
    print(f"\nverification adds {added:.1f} s to a round (median of {options.rounds})")
    print(f"ratio for {TRAINING_S:.0f} s of local training: {ratio:.4f} (goal: {GOAL:.2f} or less)")
    print(f"largest node with its children: {nodes_mb} MB (goal: {MEMORY_GOAL_MB:.0f} or less)")
    print(f"load at the end: {os.getloadavg()[0]:.1f}")
    if options.json:
        value = {"cpus": cpus, "load": load, "plain": plain, "verified": verified,
                 "added_seconds": added, "ratio": ratio}  # fmt: skip
        options.json.write_text(json.dumps(value, indent=2) + "\n")


def _drop_first(
    found: tuple[list[Round], dict[str, Usage]],
) -> tuple[list[Round], dict[str, Usage]]:
    rounds, usage = found
    return rounds[1:], usage


if __name__ == "__main__":
    main()
