"""Seconds and peak memory of one proof alone: `python bench/proof.py [circuit …]`.

Every step runs on its own and its memory is that of the process that runs EZKL. Run it on
an idle machine; the figures are medians of `--repeat` runs, setup excepted.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from circuits.catalog import CATALOG, get_circuit
from circuits.prover import EzklProver
from circuits.verifier import ProofVerifier
from zk0.protocol.statement import Statement

CHAIN_ID = 31337


def measure(step: Callable[[], object]) -> float:
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def get_children_peak_mb() -> int:
    """Largest resident set of any child so far, in MB (Linux counts in kB)."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1000


def get_cpu_s() -> float:
    """CPU seconds of this process and its finished children: what a busy machine leaves alone."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def run_setup(name: str, cache: Path) -> dict[str, float]:
    prover = EzklProver(get_circuit(name), CHAIN_ID, cache=cache)
    return {"setup_s": measure(prover.prepare), "setup_mb": get_children_peak_mb()}


def run_proof(name: str, cache: Path) -> dict[str, float]:
    circuit = get_circuit(name)
    prover = EzklProver(circuit, CHAIN_ID, cache=cache)
    rng = np.random.default_rng(0)
    common, sample = rng.integers(-127, 128, (2, prover.sample_size)).astype(np.int8)
    task = rng.integers(-1, 2, prover.sample_size).astype(np.int8)
    commitment_s = measure(lambda: prover.compute_commitment(common))
    cpu_before, start = get_cpu_s(), time.perf_counter()
    result = prover.prove(common, task, sample, 1)
    proof_s, proof_cpu_s = time.perf_counter() - start, get_cpu_s() - cpu_before
    points = [prover.compute_commitment(values) for values in (common, task, sample)]
    statement = Statement(points[0], points[1], points[2], result.agreement, 1)
    verifier = ProofVerifier(circuit, CHAIN_ID)
    return {
        "commitment_s": commitment_s,
        "proof_s": proof_s,
        "proof_cpu_s": proof_cpu_s,
        "proof_mb": get_children_peak_mb(),
        "verify_s": measure(lambda: verifier.verify_proof(result.proof, statement)),
        "proof_bytes": len(result.proof),
    }


STEPS = {"setup": run_setup, "proof": run_proof}


def run_alone(step: str, name: str, cache: Path) -> dict[str, float]:
    """Each measurement in a fresh process, so that peaks do not mix."""
    command = [sys.executable, __file__, "--step", step, "--cache", str(cache), name]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("circuits", nargs="*", default=[entry.name for entry in CATALOG])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--cache", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        print(json.dumps(STEPS[options.step](options.circuits[0], options.cache)))
        return
    print(f"cpus={os.cpu_count()} load={os.getloadavg()[0]:.1f}")
    for name in options.circuits:
        with tempfile.TemporaryDirectory(prefix="zk0-bench-") as cache:
            figures = run_alone("setup", name, Path(cache))
            runs = [run_alone("proof", name, Path(cache)) for _ in range(options.repeat)]
        figures |= {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        print(name, " ".join(f"{key}={value:.3g}" for key, value in figures.items()))


if __name__ == "__main__":
    main()
