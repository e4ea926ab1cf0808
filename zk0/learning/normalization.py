"""Normalisation statistics: one file for the whole network, outside the parameters.

They live in the pre- and post-processors, so averaging parameters never sees them; every
node must therefore use the same file, and its digest stands in the network's manifest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zk0.errors import ConfigError
from zk0.learning.frames import Frames
from zk0.learning.robot import ACTION_KEY, STATE_KEY

Statistics = Mapping[str, Mapping[str, NDArray[np.float32]]]
"""LeRobot feature → {"mean", "std"} → float32[joints]."""


def compute_statistics(parts: Sequence[Frames]) -> dict[str, dict[str, NDArray[np.float32]]]:
    """Mean and standard deviation over all frames of all parts, in float64."""
    result = {}
    for key, rows in (
        (STATE_KEY, [part.state for part in parts]),
        (ACTION_KEY, [part.action for part in parts]),
    ):
        values = np.concatenate(rows).astype(np.float64)
        result[key] = {
            "mean": values.mean(axis=0).astype(np.float32),
            "std": values.std(axis=0).astype(np.float32),
        }
    return result


def write_statistics(file: Path, statistics: Statistics) -> None:
    """Write the file: JSON with sorted keys, shortest decimal of each float32's float64."""
    plain = {
        key: {name: [float(x) for x in values] for name, values in entry.items()}
        for key, entry in statistics.items()
    }
    file.write_text(json.dumps(plain, sort_keys=True, indent=1) + "\n")


def load_statistics(file: Path) -> tuple[dict[str, dict[str, NDArray[np.float32]]], bytes]:
    """The statistics and the SHA-256 of the file.

    Raises:
        ConfigError: missing or not such a file.
    """
    try:
        data = file.read_bytes()
        plain: dict[str, Any] = json.loads(data)
        statistics = {
            key: {name: np.asarray(plain[key][name], dtype=np.float32) for name in ("mean", "std")}
            for key in (STATE_KEY, ACTION_KEY)
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"expected normalisation statistics in {file} (mean and std of {STATE_KEY} and "
            f"{ACTION_KEY}), found none that can be read: copy the network's file there"
        ) from error
    return statistics, hashlib.sha256(data).digest()
