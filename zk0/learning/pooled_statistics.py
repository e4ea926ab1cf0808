"""Normalisation statistics of several data sets, pooled from each one's own statistics.

A node computes its part where its data is and hands out only that: counts, means, standard
deviations, ranges and quantiles. Pooling gives what the data put together would give: exactly
for count, mean, std, min and max, nearly for quantiles.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zk0.errors import ConfigError
from zk0.learning.robot import ACTION_KEY, STATE_KEY

Vector = NDArray[np.float64]
FEATURES = (ACTION_KEY, STATE_KEY)
QUANTILES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}
"""LeRobot's names."""
VECTORS = ("mean", "std", "min", "max", *QUANTILES)


@dataclass(frozen=True, slots=True)
class FeatureStatistics:
    """One feature over `count` frames."""

    count: int
    vectors: Mapping[str, Vector]
    """Each of VECTORS → float64[joints]; std divides by count."""


DatasetStatistics = Mapping[str, FeatureStatistics]
"""Feature (FEATURES) → its statistics."""


def compute_part(columns: Mapping[str, Any]) -> dict[str, FeatureStatistics]:
    """Statistics of one data set's training frames.

    Args:
        columns: `observation.state` and `action`, float32[n, joints], all finite, n > 0.
    """
    return {key: _compute_feature(columns[key].astype(np.float64)) for key in FEATURES}


def _compute_feature(values: Vector) -> FeatureStatistics:
    vectors = {
        "mean": values.mean(axis=0),
        "std": values.std(axis=0),
        "min": values.min(axis=0),
        "max": values.max(axis=0),
    }
    vectors |= {name: np.quantile(values, share, axis=0) for name, share in QUANTILES.items()}
    return FeatureStatistics(len(values), vectors)


def pool_statistics(parts: Sequence[DatasetStatistics]) -> dict[str, FeatureStatistics]:
    """Statistics of all data sets together.

    Raises:
        ConfigError: no part, or parts with different numbers of joints.
    """
    if not parts:
        raise ConfigError("expected the statistics of at least one data set")
    for key in FEATURES:
        sizes = {part[key].vectors["mean"].shape for part in parts}
        if len(sizes) > 1:
            raise ConfigError(
                f"expected statistics of {key} for one robot, found {sorted(sizes)} joints: pool "
                "data sets of the same arm"
            )
    return {key: _pool_feature([part[key] for part in parts]) for key in FEATURES}


def _pool_feature(parts: Sequence[FeatureStatistics]) -> FeatureStatistics:
    """Mean and variance by counts (Chan, Golub & LeVeque 1979)."""
    counts = np.array([part.count for part in parts], dtype=np.float64)[:, None]
    total = counts.sum()
    stacked = {name: np.stack([part.vectors[name] for part in parts]) for name in VECTORS}
    mean = (counts * stacked["mean"]).sum(axis=0) / total
    spread = stacked["std"] ** 2 + (stacked["mean"] - mean) ** 2
    vectors = {
        "mean": mean,
        "std": np.sqrt((counts * spread).sum(axis=0) / total),
        "min": stacked["min"].min(axis=0),
        "max": stacked["max"].max(axis=0),
    }
    shares = counts[:, 0] / total
    for name, share in QUANTILES.items():
        vectors[name] = np.array(
            [_pool_quantile(stacked, shares, joint, share) for joint in range(len(mean))]
        )
    return FeatureStatistics(int(total), vectors)


def _pool_quantile(
    stacked: Mapping[str, Vector], shares: Vector, joint: int, share: float
) -> float:
    """The quantile of the mixture of the parts' distributions.

    Each part's distribution function is taken as linear between its known quantiles, so the
    mixture's is linear between all of them and can be inverted.
    """
    levels = np.array([0.0, *QUANTILES.values(), 1.0])
    known = np.stack([stacked[name][:, joint] for name in ("min", *QUANTILES, "max")], axis=1)
    points = np.unique(known)
    mixture = np.zeros(len(points))
    for weight, values in zip(shares, known, strict=True):
        # of equal values the last counts: the distribution function jumps there
        steps = np.append(np.diff(values) > 0, True)
        mixture += weight * np.interp(points, values[steps], levels[steps], left=0.0)
    return float(np.interp(share, mixture, points))


def write_pooled(file: Path, statistics: DatasetStatistics) -> bytes:
    """Write a new file, JSON with sorted keys, and return its SHA-256.

    `normalization.load_statistics` reads it; its digest stands in the network's manifest.

    Raises:
        ConfigError: the file exists or cannot be written.
    """
    plain = {
        key: {"count": feature.count}
        | {name: [float(x) for x in vector] for name, vector in feature.vectors.items()}
        for key, feature in statistics.items()
    }
    data = (json.dumps(plain, sort_keys=True, indent=1) + "\n").encode()
    try:
        with file.open("xb") as out:
            out.write(data)
    except OSError as error:
        raise ConfigError(f"expected to write a new file {file}: {error.strerror}") from error
    return hashlib.sha256(data).digest()


def read_part(file: Path) -> dict[str, FeatureStatistics]:
    """What `write_pooled` wrote.

    Raises:
        ConfigError: missing, damaged, or values that no data set can have.
    """
    try:
        plain: dict[str, Any] = json.loads(file.read_text())
        part = {key: _parse_feature(plain[key]) for key in FEATURES}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"expected the statistics of a data set in {file} (`zk0 datasets statistics ADDRESS "
            f"--output FILE` writes them), found none that are valid: {error}"
        ) from error
    return part


def _parse_feature(entry: dict[str, Any]) -> FeatureStatistics:
    count = entry["count"]
    vectors = {name: np.asarray(entry[name], dtype=np.float64) for name in VECTORS}
    if type(count) is not int or count < 1:
        raise ValueError(f"count is {count!r}")
    if any(v.ndim != 1 or v.shape != vectors["mean"].shape for v in vectors.values()):
        raise ValueError("the values are not one for each joint")
    if not all(np.isfinite(vector).all() for vector in vectors.values()):
        raise ValueError("a value is not finite")
    ordered = np.stack([vectors[name] for name in ("min", *QUANTILES, "max")])
    if (np.diff(ordered, axis=0) < 0).any() or (vectors["std"] < 0).any():
        raise ValueError("min, quantiles and max are not in order, or std is negative")
    slack = 1e-9 * (1 + np.abs(vectors["mean"]))  # a mean is rounded
    nearest = np.clip(vectors["mean"], vectors["min"], vectors["max"])
    if (np.abs(vectors["mean"] - nearest) > slack).any():
        raise ValueError("a mean lies outside min and max")
    return FeatureStatistics(count, vectors)
