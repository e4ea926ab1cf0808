"""What a run writes for people: the options of `zk0-coordinator run-round --outputs`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from zk0.errors import ConfigError


@dataclass(frozen=True, slots=True)
class RecordingPlan:
    """How often, in rounds; 0 means never. The last round's model is always saved."""

    evaluate_every: int = 1
    save_every: int = 1
    roll_out: tuple[str, ...] = ()
    """Simulator tasks to roll out at each evaluation."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Address → what the node is called in the folder; others go by their address."""
    push_to: str | None = None
    """Hugging Face repository that gets the last model."""


@dataclass(frozen=True, slots=True)
class RecordingOptions:
    """Where a run's outputs go, and what is evaluated beyond the pool."""

    outputs: Path
    plan: RecordingPlan
    unseen: tuple[str, ...] = ()
    """Data sets of tasks that nobody trains on."""
    episodes: int = 20
    """Rollouts of each task at each evaluation."""
    track: tuple[str, ...] = ()
    """Experiment trackers that get the figures, too."""


def recording_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--outputs` and what goes with it; the command gets `recording`, None without `--outputs`."""

    @functools.wraps(command)
    def wrapper(
        *arguments: Any, outputs: Path | None, evaluate_every: int, save_every: int,
        unseen: tuple[str, ...], roll_out: tuple[str, ...], episodes: int,
        node_name: tuple[str, ...], push_to_hub: str | None, track: tuple[str, ...], **rest: Any,
    ) -> Any:  # fmt: skip
        names = parse_names(node_name)
        plan = RecordingPlan(evaluate_every, save_every, roll_out, names, push_to_hub)
        if outputs is None and (push_to_hub or track):
            raise ConfigError("--push-to-hub and --track need --outputs, where the models are")
        recording = RecordingOptions(outputs, plan, unseen, episodes, track) if outputs else None
        return command(*arguments, recording=recording, **rest)

    for option in reversed(
        (
            click.option(
                "--outputs",
                type=click.Path(path_type=Path),
                help="Write OUTPUTS/<date_time>/ for people; a run's own folder is continued.",
            ),
            click.option(
                "--evaluate-every",
                type=click.IntRange(0),
                default=1,
                show_default=True,
                help="Rounds between evaluations; 0 for none.",
            ),
            click.option(
                "--save-every",
                type=click.IntRange(0),
                default=1,
                show_default=True,
                help="Rounds between saved models; the last is always saved.",
            ),
            click.option(
                "--unseen",
                multiple=True,
                help="Data set of a task that nobody trains on, or a federation's TOML file.",
            ),
            click.option(
                "--roll-out", multiple=True, help="Simulator task to roll out at each evaluation."
            ),
            click.option(
                "--episodes",
                type=click.IntRange(1),
                default=20,
                show_default=True,
                help="Episodes of each rolled out task.",
            ),
            click.option(
                "--node-name", multiple=True, help="ADDRESS=NAME, for the folder below clients."
            ),
            click.option(
                "--push-to-hub",
                "--hf-repo-id",
                "push_to_hub",
                help="OWNER/NAME on the Hugging Face Hub; needs HF_TOKEN.",
            ),
            click.option(
                "--track",
                multiple=True,
                type=click.Choice(["tensorboard", "wandb"]),
                help="Send the figures there, too; the package must be installed.",
            ),
        )
    ):
        wrapper = option(wrapper)
    return wrapper


def parse_names(entries: tuple[str, ...]) -> dict[str, str]:
    """`ADDRESS=NAME` … as address → name.

    Raises:
        ConfigError: another form, or a name that is not a plain folder name.
    """
    names = {}
    for entry in entries:
        address, equals, name = entry.partition("=")
        if not equals or not name.replace("-", "").replace("_", "").isalnum():
            raise ConfigError(
                f"expected --node-name ADDRESS=NAME with a name of letters, digits, - and _, "
                f"found {entry!r}"
            )
        names[address.lower()] = name
    return names
