"""Which episodes train, and which are held out: the last ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from zk0.errors import DatasetError
from zk0.learning.federation import DatasetSettings

HELD_OUT_SHARE = 5
"""One episode in five is held out, the last ones, at least one."""
MIN_EPISODES = 2


@dataclass(frozen=True, slots=True)
class Split:
    """Episode numbers, ascending."""

    train: tuple[int, ...]
    held_out: tuple[int, ...]


def split_episodes(
    settings: DatasetSettings,
    episode: Any,
    role: Literal["client", "evaluation"] = "client",
) -> Split:
    """Split the episodes that `settings` selects; all of an evaluation set is held out.

    Args:
        episode: int64[n], the episode number of every frame.

    Raises:
        DatasetError: nothing is left to train on, or to hold out.
    """
    numbers = [int(number) for number in np.unique(episode)]
    if settings.episodes is not None:
        first, end = settings.episodes
        numbers = [number for number in numbers if first <= number < end]
    where = f"data set {settings.address}"
    if role == "evaluation":
        if not numbers:
            raise DatasetError(f"{where} has no episode to evaluate on: correct `episodes`")
        return Split((), tuple(numbers))
    if len(numbers) < MIN_EPISODES:
        raise DatasetError(
            f"{where} has {len(numbers)} episode(s) and none to hold out: expected at least "
            f"{MIN_EPISODES}, record more"
        )
    count = settings.eval_episodes or max(1, len(numbers) // HELD_OUT_SHARE)
    if count >= len(numbers):
        raise DatasetError(
            f"{where}: eval_episodes = {count} of {len(numbers)} episodes leaves none to train on: "
            "hold out fewer, or record more"
        )
    return Split(tuple(numbers[:-count]), tuple(numbers[-count:]))
