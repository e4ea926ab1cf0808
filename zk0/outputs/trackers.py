"""Figures of each round in TensorBoard or Weights & Biases, for those who use them.

Neither is a dependency: the packages are imported when asked for.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

from zk0.errors import ConfigError
from zk0.outputs.history import Scores

TRACKERS = ("tensorboard", "wandb")
WANDB_PROJECT = "zk0"


class Tracker(Protocol):
    """Takes figures by name, once a round."""

    def log(self, round_id: int, figures: Mapping[str, float]) -> None: ...

    def close(self) -> None: ...


class TensorBoardTracker:
    """Event files in `<run>/tensorboard`."""

    def __init__(self, folder: Path) -> None:
        """Raises ConfigError when no writer is installed."""
        for package, module in (
            ("tensorboard", "torch.utils.tensorboard"),
            ("tensorboardX", "tensorboardX"),
        ):
            if importlib.util.find_spec(package) is not None:
                writer = importlib.import_module(module).SummaryWriter
                self._writer: Any = writer(str(folder / "tensorboard"))
                return
        raise ConfigError(
            "--track tensorboard needs the package tensorboard, which is not installed: run "
            "`uv pip install tensorboard`, or leave the option out"
        )

    def log(self, round_id: int, figures: Mapping[str, float]) -> None:
        for name, value in figures.items():
            self._writer.add_scalar(name, value, round_id)
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


class WandbTracker:
    """A run of project `zk0`, named like the folder; `WANDB_MODE=offline` keeps it here."""

    def __init__(self, folder: Path) -> None:
        """Raises ConfigError when wandb is not installed."""
        if importlib.util.find_spec("wandb") is None:
            raise ConfigError(
                "--track wandb needs the package wandb, which is not installed: run "
                "`uv pip install wandb`, or leave the option out"
            )
        wandb = importlib.import_module("wandb")
        self._run: Any = wandb.init(project=WANDB_PROJECT, name=folder.name, dir=str(folder))

    def log(self, round_id: int, figures: Mapping[str, float]) -> None:
        self._run.log(dict(figures), step=round_id)

    def close(self) -> None:
        self._run.finish()


def open_trackers(names: Sequence[str], folder: Path) -> list[Tracker]:
    """Raises ConfigError (not installed, or another name); nothing stays open then."""
    makers: dict[str, Callable[[Path], Tracker]] = {
        "tensorboard": TensorBoardTracker,
        "wandb": WandbTracker,
    }
    trackers: list[Tracker] = []
    with ExitStack() as stack:
        for name in names:
            if name not in makers:
                raise ConfigError(f"expected a tracker of {list(TRACKERS)}, found {name!r}")
            tracker = makers[name](folder)
            stack.callback(tracker.close)
            trackers.append(tracker)
        stack.pop_all()
    return trackers


def list_figures(model: Scores, nodes: Mapping[str, Scores]) -> dict[str, float]:
    """`<who>/<set>/loss`, `…/action_mse` and `…/action_mse/<joint>` for every score."""
    figures: dict[str, float] = {}
    for who, scores in {"global": model, **nodes}.items():
        for name, score in scores.items():
            figures[f"{who}/{name}/loss"] = score.loss
            figures[f"{who}/{name}/action_mse"] = score.mean_action_mse
            for joint, error in score.action_mse.items():
                figures[f"{who}/{name}/action_mse/{joint}"] = error
    return figures
