"""What the demos show together: `python bench/demos.py outputs/* ` or `--runs 5`.

Reads `summary.json` and `history.json` of finished demos, or runs some first, and prints each
figure that the project claims for a demo, with what was found. Runs are not picked: give all.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
NANO = 1e9
SHARE_FLOOR = 0.1
"""Relative errors count for shares above this part of the round's drop."""
CHAIN_FIELDS = ("alignment_bps", "share_nano", "outcome", "reason", "weight", "clip_shift", "gas")


@dataclass
class Findings:
    """Over all demos."""

    seconds: list[float] = field(default_factory=list)
    honest: list[bool] = field(default_factory=list)
    """For each honest node and round: accepted with a positive share."""
    majorities: list[bool] = field(default_factory=list)
    """For each honest node and demo: so in a majority of its rounds."""
    freeloaders: list[str] = field(default_factory=list)
    sums: dict[int, list[float]] = field(default_factory=dict)
    """Round → (sum of exact shares) / (base loss − candidate loss) − 1."""
    errors_in_se: list[float] = field(default_factory=list)
    relative_errors: list[float] = field(default_factory=list)
    pool_losses: list[list[float]] = field(default_factory=list)
    mismatches: list[str] = field(default_factory=list)
    """Chain figures of a summary that are not the history's."""

    def add(self, summary: Mapping[str, Any], history: Mapping[str, Any]) -> None:
        self.seconds.append(summary["seconds"])
        rounds = summary["rounds"]
        self.pool_losses.append(
            [rounds[0]["pool_base_loss"], *(r["pool_final_loss"] for r in rounds)]
        )
        by_node: dict[str, list[bool]] = {}
        for round_ in rounds:
            drop = round_["base_loss"] - round_["candidate_loss"]
            self.sums.setdefault(round_["id"], []).append(round_["sum_of_shares"] / drop - 1)
            for c in round_["contributions"]:
                if _is_freeloader(c, round_["contributions"]):
                    self.freeloaders.append(c["outcome"] + (f" {c['reason']}" * (not c["proven"])))
                    continue
                good = c["outcome"] == "Accepted" and c["share_nano"] > 0
                self.honest.append(good)
                by_node.setdefault(c["node"], []).append(good)
                self._add_errors(c, drop)
        self.majorities += [2 * sum(good) > len(good) for good in by_node.values()]
        self.mismatches += _find_mismatches(rounds, history["rounds"])

    def _add_errors(self, c: Mapping[str, Any], drop: float) -> None:
        if not c["proven"] or c["exact_share_nano"] is None:
            return
        error = abs(c["share_nano"] - c["exact_share_nano"])
        self.errors_in_se.append(error / c["share_error_nano"])
        if c["exact_share_nano"] / NANO > SHARE_FLOOR * drop:
            self.relative_errors.append(error / c["exact_share_nano"])

    def describe(self) -> Iterator[str]:
        count = len(self.seconds)
        yield f"demos: {count}, {', '.join(f'{s:.0f} s' for s in self.seconds)}"
        yield (
            f"honest: accepted with a positive share in {sum(self.honest)} of {len(self.honest)} "
            f"node-rounds; in a majority of rounds by {sum(self.majorities)} of "
            f"{len(self.majorities)} nodes"
        )
        outcomes = {o: self.freeloaders.count(o) for o in sorted(set(self.freeloaders))}
        yield f"freeloader: {outcomes}"
        for round_id, found in sorted(self.sums.items()):
            yield (
                f"sum of exact shares against the drop, round {round_id}: "
                f"{', '.join(f'{100 * s:+.2f} %' for s in found)}"
            )
        beyond = sum(e > 3 for e in self.errors_in_se)
        yield (
            f"proven against exact share: largest error {max(self.errors_in_se):.2f} predicted "
            f"standard errors, {beyond} of {len(self.errors_in_se)} beyond three"
        )
        yield (
            f"relative error of shares above a tenth of the drop: median "
            f"{100 * statistics.median(self.relative_errors):.1f} % of "
            f"{len(self.relative_errors)}, largest {100 * max(self.relative_errors):.1f} %"
        )
        for losses in self.pool_losses:
            falls = all(a > b for a, b in itertools.pairwise(losses))
            path = " → ".join(f"{loss:.4f}" for loss in losses)
            yield f"loss on the whole pool: {path}{'' if falls else '  RISES'}"
        yield f"chain figures unlike the history's: {self.mismatches or 'none'}"


def _is_freeloader(c: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> bool:
    """The demo's freeloader is the fourth dev wallet: the second node of its task."""
    same_task = [o["node"] for o in others if o["task"] == c["task"]]
    return len(same_task) > 1 and c["node"] == FREELOADER


FREELOADER = "0x15d34aaf54267db7d7c367839aaf71a00a2c6a65"
"""Anvil's dev wallet 4, which the demo gives to it."""


def _find_mismatches(
    rounds: Sequence[Mapping[str, Any]], history: Sequence[Mapping[str, Any]]
) -> list[str]:
    rows = {row["round_id"]: row for row in history}
    found = []
    for round_ in rounds:
        row = rows[round_["id"]]
        pairs = {
            "base_loss": (round_["base_loss"], row["base_loss_nano"] / NANO),
            "candidate_loss": (round_["candidate_loss"], row["candidate_loss_nano"] / NANO),
            "final_loss": (round_["final_loss"], row["final_loss_nano"] / NANO),
            "phase": (round_["phase"], row["phase"]),
        }
        of_node = {c["node"]: c for c in row["contributions"]}
        for c in round_["contributions"]:
            for name in CHAIN_FIELDS:
                pairs[f"{c['node']}.{name}"] = (c[name], of_node[c["node"]][name])
        found += [f"round {round_['id']} {n}: {a} ≠ {b}" for n, (a, b) in pairs.items() if a != b]
    return found


def run_demos(count: int, outputs: Path) -> list[Path]:
    """One after another; a demo that fails ends the bench."""
    for number in range(1, count + 1):
        print(f"demo {number} of {count}", file=sys.stderr, flush=True)
        command = [ROOT / "scripts" / "demo", "--outputs", outputs]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return sorted(outputs.iterdir())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, help="outputs of finished demos")
    parser.add_argument("--runs", type=int, default=0, help="demos to run first")
    options = parser.parse_args()
    findings = Findings()
    with tempfile.TemporaryDirectory(prefix="zk0-demos-") as scratch:
        for folder in [*options.folders, *run_demos(options.runs, Path(scratch))]:
            summary, history = (
                json.loads((folder / name).read_bytes())
                for name in ("summary.json", "history.json")
            )
            findings.add(summary, history)
    if not findings.seconds:
        parser.error("give folders of finished demos, or --runs")
    print("\n".join(findings.describe()))


if __name__ == "__main__":
    main()
