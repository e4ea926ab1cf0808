"""Evaluations over rounds: `eval_mse_history.json`, and the chart that is drawn from it."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zk0.errors import StorageError
from zk0.outputs.folder import CHART_FILE, HISTORY_FILE, OutputFolder
from zk0.scoring import Score
from zk0.storage.files import write_file

Scores = Mapping[str, Score]
"""Evaluation set → score."""


@dataclass(frozen=True, slots=True)
class EvaluatedRound:
    """The global model after a round (round 0: what the run began with), and the nodes' own."""

    round_id: int
    model: Scores
    nodes: Mapping[str, Scores]
    """Node → its contribution alone, on the sets of its task."""

    def to_json(self) -> dict[str, Any]:
        return {
            "round": self.round_id,
            "global": _describe(self.model),
            "nodes": {node: _describe(scores) for node, scores in self.nodes.items()},
        }


def _describe(scores: Scores) -> dict[str, Any]:
    return {
        name: {"loss": score.loss, "action_mse": score.mean_action_mse, "unseen": score.unseen}
        for name, score in scores.items()
    }


def read_history(folder: OutputFolder) -> list[dict[str, Any]]:
    """Entries in order of rounds; none when there is no file.

    Raises:
        StorageError: the file is not such a history.
    """
    file = folder.root / HISTORY_FILE
    if not file.exists():
        return []
    try:
        entries: list[dict[str, Any]] = json.loads(file.read_bytes())["rounds"]
        return sorted(entries, key=lambda entry: int(entry["round"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StorageError(
            f"{file} is not an evaluation history ({error}): restore it or move it away"
        ) from error


def add_to_history(folder: OutputFolder, evaluated: EvaluatedRound) -> list[dict[str, Any]]:
    """Add or replace one round, and draw the chart anew. Raises StorageError."""
    kept = [e for e in read_history(folder) if e["round"] != evaluated.round_id]
    entries = sorted([*kept, evaluated.to_json()], key=lambda entry: int(entry["round"]))
    folder.write_json(folder.root / HISTORY_FILE, {"rounds": entries})
    draw_chart(entries, folder.root / CHART_FILE)
    return entries


def draw_chart(entries: list[dict[str, Any]], file: Path) -> None:
    """Action error and loss of the global model by round, one line for each evaluation set."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (errors, losses) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    names = sorted({name for entry in entries for name in entry["global"]})
    for name in names:
        known = [entry for entry in entries if name in entry["global"]]
        rounds = [entry["round"] for entry in known]
        style = "s--" if known[0]["global"][name]["unseen"] else "o-"
        label = f"{name} (unseen)" if "--" in style else name
        for axes, key in ((errors, "action_mse"), (losses, "loss")):
            axes.plot(rounds, [e["global"][name][key] for e in known], style, label=label)
    errors.set(ylabel="mean squared error of actions (deg², gripper: percent²)", title="Actions")
    losses.set(ylabel="loss", title="Loss")
    for axes in (errors, losses):
        axes.set_xlabel("after round")
        axes.set_xticks(sorted({entry["round"] for entry in entries}))
        axes.set_ylim(bottom=0)
    errors.legend()
    picture = io.BytesIO()
    figure.savefig(picture, dpi=130, format="png")
    plt.close(figure)
    write_file(file, picture.getvalue())
