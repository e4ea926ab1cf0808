"""Means over seeds with Student's t intervals, of values or of paired differences.

Student 1908; of paired samples the interval of the differences, so that what a seed does to both
sides cancels. Not corrected for several comparisons.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95
_POINTS = 20_001


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean, and where it lies with `CONFIDENCE`; NaN bounds for a single value."""

    mean: float
    low: float
    high: float
    count: int

    def __str__(self) -> str:
        return f"{self.mean:.4f} ± {(self.high - self.low) / 2:.4f}"

    def to_json(self) -> dict[str, float | int | None]:
        bounds = (self.low, self.high)
        low, high = (None if math.isnan(bound) else bound for bound in bounds)
        return {"mean": self.mean, "low": low, "high": high, "count": self.count}


def compute_t_quantile(degrees: int, confidence: float = CONFIDENCE) -> float:
    """t with P(|T| ≤ t) = confidence, T of Student's distribution, by bisection on its integral.

    Raises:
        ValueError: no degree of freedom.
    """
    if degrees < 1:
        raise ValueError(f"Student's distribution needs a degree of freedom, found {degrees}")
    scale = math.exp(math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2))
    scale /= math.sqrt(degrees * math.pi)

    def compute_mass(t: float) -> float:
        x = np.linspace(0.0, t, _POINTS)
        return 2 * scale * float(np.trapezoid((1 + x**2 / degrees) ** (-(degrees + 1) / 2), x))

    low, high = 0.0, 1000.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if compute_mass(middle) < confidence else (low, middle)
    return high


def compute_interval(values: Sequence[float]) -> Interval:
    """Mean ± t·s/√n."""
    data = np.asarray(values, dtype=np.float64)
    mean, count = float(data.mean()), len(data)
    if count < 2:
        return Interval(mean, math.nan, math.nan, count)
    half = compute_t_quantile(count - 1) * float(data.std(ddof=1)) / math.sqrt(count)
    return Interval(mean, mean - half, mean + half, count)


def compute_paired_interval(first: Sequence[float], second: Sequence[float]) -> Interval:
    """Of first − second, seed by seed. Raises ValueError for unequal lengths."""
    return compute_interval([a - b for a, b in zip(first, second, strict=True)])
