"""The rules in Python and in Solidity, on random rounds: every call ends the same way on both."""

from __future__ import annotations

import os
import secrets
import sys
import time
from pathlib import Path

from tests.differential.replay import run

ROUNDS = int(os.environ.get("ZK0_DIFFERENTIAL_ROUNDS") or 300)
SEED = int(os.environ.get("ZK0_DIFFERENTIAL_SEED") or secrets.randbelow(10**9))


def test_random_rounds_end_the_same_way_in_python_and_on_chain(tmp_path: Path) -> None:
    """A failure names its seed: `scripts/differential 10 SEED` plays that scenario again."""
    start = time.monotonic()
    tally = run(SEED, ROUNDS, tmp_path)
    lines = [f"{method:20} {end:28} {count:9,}" for (method, end), count in sorted(tally.items())]
    went_through = {method for method, ending in tally if ending == "ok"}
    refusals = {ending for _, ending in tally} - {"ok"}
    lines += [
        f"seed {SEED}: {ROUNDS:,} rounds, {tally.total():,} calls, {len(refusals)} different "
        f"refusals, {time.monotonic() - start:.0f} s",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    assert {"open_round", "commit_update", "seal_round", "finalize_round"} <= went_through
