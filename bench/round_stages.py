"""Where the seconds of a round went, from what the processes wrote about it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

Span = tuple[float, float]
"""Start and end, seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Round:
    """Stages follow one another without a gap; training is from the first start to the last end."""

    seconds: float
    training: Span
    stages: Mapping[str, Span]

    @property
    def training_s(self) -> float:
        return self.training[1] - self.training[0]


def read_plain(file: Path) -> list[Round]:
    """What `plain_flower.py server` printed."""
    return [_make_plain(json.loads(line)) for line in file.read_text().splitlines()]


def _make_plain(line: Mapping[str, Any]) -> Round:
    spans = line["trainings"].values()
    training = min(s for s, _ in spans), max(e for _, e in spans)
    stages = {
        "parameters to the nodes": (line["start"], training[0]),
        "training": training,
        "parameters back": (training[1], line["received"]),
        "Flower's mean": (line["received"], line["end"]),
    }
    return Round(line["end"] - line["start"], training, stages)


MARKS = {
    "training": re.compile(r"round (\d+): training$"),
    "trained": re.compile(r"round (\d+): trained in ([0-9.]+) s"),
    "committed": re.compile(r"round (\d+): committed, "),
    "closed": re.compile(r"round (\d+): \d+ commits$"),
    "uploading": re.compile(r"round (\d+): sample committed"),
    "received": re.compile(r"round (\d+): update of .* received and checked"),
    "sealed": re.compile(r"round (\d+): sealed"),
    "challenged": re.compile(r"round (\d+): challenge published"),
    "proven": re.compile(r"round (\d+): proven"),
    "open": re.compile(r"round (\d+): open$"),
    "finalized": re.compile(r"round (\d+): finalized"),
}


def _read_marks(log: Path) -> Iterator[tuple[int, str, float]]:
    """Round, mark, moment; `trained` is when training ended, before anything was encoded."""
    began: dict[int, float] = {}
    for text in log.read_text().splitlines():
        line = json.loads(text)
        moment = datetime.fromisoformat(line["time"]).timestamp()
        for mark, pattern in MARKS.items():
            if not (found := pattern.match(line["message"])):
                continue
            if mark == "training":
                began[line["pid"]] = moment
            if mark == "trained":
                moment = began[line["pid"]] + float(found[2])
            yield int(found[1]), mark, moment


def read_verified(log: Path, summaries: Sequence[Mapping[str, Any]]) -> list[Round]:
    """From the log that all processes share (`zk0/logs.py`) and `run-round`'s summaries."""
    marks: dict[int, dict[str, list[float]]] = {}
    for round_id, mark, moment in _read_marks(log):
        marks.setdefault(round_id, {}).setdefault(mark, []).append(moment)
    return [_make_verified(marks[s["id"]], s["seconds"]) for s in summaries]


def _make_verified(marks: Mapping[str, Sequence[float]], seconds: float) -> Round:
    opened, closed = min(marks["open"]), min(marks["closed"])
    training = min(marks["training"]), max(marks["trained"])
    received, sealed = max(marks["received"]), max(marks["sealed"])
    challenged, proven = max(marks["challenged"]), max(marks["proven"])
    finalized = max(marks["finalized"])
    # `open` is written when its transaction is in a block: the round began before that
    stages = {
        "parameters to the nodes": (opened, training[0]),
        "training": training,
        "int8 update on disk, digest on chain": (training[1], closed),
        "sample drawn and committed": (closed, max(marks["uploading"])),
        "uploads, receipts, checks": (max(marks["uploading"]), received),
        "candidate sealed": (received, sealed),
        "challenge (path gradient)": (sealed, challenged),
        "proofs on chain": (challenged, proven),
        "settlement, report, finalized": (proven, finalized),
    }
    return Round(seconds, training, stages)
