"""A run's configuration, with what holds where nothing is said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Options:
    """The keys of `[tool.flwr.app.config]`."""

    policy: str = "toy"
    strategy: str = "fedavg"
    nodes: int = 10
    poisoned: int = 0
    rounds: int = 3
    seed: int = 0
    outputs: str = ""
    """A file for the JSON lines; empty writes none."""

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Self:
        return cls(**{key: config[key] for key in cls.__dataclass_fields__ if key in config})
