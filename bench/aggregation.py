"""Exact aggregation against Flower's own, as whole processes: seconds and peak memory.

usage: python bench/aggregation.py [--parameters 100000000] [--updates 8]
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

TENSORS = 20


def make_files(folder: Path, parameters: int, updates: int) -> None:
    """One float32 base and int8 updates, `TENSORS` tensors each."""
    from zk0.protocol.tensorfile import write_tensor_file

    size = parameters // TENSORS
    rng = np.random.default_rng(0)
    base = {f"t{i:02d}": rng.standard_normal(size, np.float32) for i in range(TENSORS)}
    write_tensor_file(folder / "base", base, {})
    for u in range(updates):
        digits = {n: rng.integers(-127, 128, size, dtype=np.int8) for n in base}
        write_tensor_file(folder / f"update{u}", digits, {})


def run_exact(folder: Path, updates: int) -> None:
    from zk0.protocol.aggregation import aggregate
    from zk0.protocol.tensorfile import FileTensors

    files = [FileTensors(folder / f"update{u}") for u in range(updates)]
    start = time.monotonic()
    aggregate(
        FileTensors(folder / "base"), files, [100 + u for u in range(updates)], [-14] * updates
    )
    report("exact", time.monotonic() - start)


def run_flower(folder: Path, updates: int) -> None:
    """Flower aggregates float32 parameters that it holds in memory; loading is not counted."""
    from flwr.app import Array, ArrayRecord, MetricRecord, RecordDict
    from flwr.serverapp.strategy.strategy_utils import aggregate_arrayrecords

    from zk0.protocol.tensorfile import FileTensors

    replies = []
    for u in range(updates):
        file = FileTensors(folder / f"update{u}")
        arrays = ArrayRecord({n: Array(file[n].astype(np.float32)) for n in file})
        metrics = MetricRecord({"num-examples": 100 + u})
        replies.append(RecordDict({"arrays": arrays, "metrics": metrics}))
    start = time.monotonic()
    aggregate_arrayrecords(replies, "num-examples")
    report("flower", time.monotonic() - start)


def report(name: str, seconds: float) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{name}: {seconds:.2f} s, peak {peak:.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parameters", type=int, default=100_000_000)
    parser.add_argument("--updates", type=int, default=8)
    parser.add_argument("--step", choices=["exact", "flower"])
    parser.add_argument("--folder", type=Path)
    a = parser.parse_args()
    if a.step:
        (run_exact if a.step == "exact" else run_flower)(a.folder, a.updates)
        return
    with tempfile.TemporaryDirectory() as folder:
        make_files(Path(folder), a.parameters, a.updates)
        for updates in (a.updates // 2, a.updates):
            for step in ("exact", "flower"):
                print(f"{updates} updates, ", end="", flush=True)
                command = [sys.executable, __file__, "--step", step, "--folder", folder]
                subprocess.run([*command, "--updates", str(updates)], check=True)


if __name__ == "__main__":
    main()
