"""Combinations: many updates in, one exact aggregate per coordinate out.

All of them work on the integers q·2^(e−lowest), below 2²³ in magnitude, with integer weights
below 2³⁰ in total, so that no sum leaves the range in which int64 and float64 are exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from zk0.protocol.aggregation import Accumulator, validate_terms
from zk0.protocol.tensorfile import FileTensors

CELLS = 1 << 20
"""Integers that a blockwise combination holds at a time, whatever the number of updates."""
BPS = 10_000

Block = tuple[slice, NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Terms:
    """Updates with their integer weights and effective exponents.

    Raises:
        ValueError: a total weight or a spread of exponents beyond exact arithmetic.
    """

    updates: Sequence[Mapping[str, NDArray[Any]]]
    weights: Sequence[int]
    exponents: Sequence[int]

    def __post_init__(self) -> None:
        if not self.updates or any(weight <= 0 for weight in self.weights):
            raise ValueError(
                f"expected at least one update and positive weights, found {list(self.weights)}"
            )
        validate_terms(self.weights, self.exponents)

    @property
    def lowest(self) -> int:
        return min(self.exponents)

    @property
    def total_weight(self) -> int:
        return sum(self.weights)

    def gather(self, name: str, cut: slice) -> NDArray[np.int64]:
        """int64[n, size]: each update's integers q·2^(e−lowest) in one cut of a flat tensor."""
        rows = []
        for update, exponent in zip(self.updates, self.exponents, strict=True):
            if isinstance(update, FileTensors):
                digits = update.read_flat(name, cut.start, cut.stop)
            else:
                digits = update[name].reshape(-1)[cut]
            rows.append(digits.astype(np.int64) << (exponent - self.lowest))
        return np.stack(rows)


class Combination(Protocol):
    """Makes the aggregate of one tensor."""

    @property
    def is_linear(self) -> bool:
        """Whether the aggregate is Σ(w/Σw)·Δ, so that shares add up."""
        ...

    def combine(self, name: str, size: int, terms: Terms) -> Iterator[Block]:
        """Blocks of the flat aggregate, float64, in order."""
        ...


@dataclass(frozen=True, slots=True)
class Mean:
    """Σ w·Δ / Σw, one update's tensor in memory at a time."""

    @property
    def is_linear(self) -> bool:
        return True

    def combine(self, name: str, size: int, terms: Terms) -> Iterator[Block]:
        accumulator = Accumulator(size, terms.lowest)
        for update, weight, exponent in zip(
            terms.updates, terms.weights, terms.exponents, strict=True
        ):
            accumulator.add(update[name].reshape(-1), weight, exponent)
        return accumulator.compute_means(terms.total_weight)


@dataclass(frozen=True, slots=True)
class _Ordered:
    """Needs all updates at once, so it goes through the coordinates in blocks."""

    @property
    def is_linear(self) -> bool:
        return False

    def combine(self, name: str, size: int, terms: Terms) -> Iterator[Block]:
        width = max(1, CELLS // len(terms.updates))
        weights = np.array(terms.weights, dtype=np.int64)
        for start in range(0, size, width):
            cut = slice(start, min(start + width, size))
            values = terms.gather(name, cut)
            order = np.argsort(values, axis=0, kind="stable")
            middle = self._reduce(
                np.take_along_axis(values, order, axis=0), weights[order], terms.total_weight
            )
            yield cut, np.ldexp(middle, terms.lowest)

    def _reduce(
        self, values: NDArray[np.int64], weights: NDArray[np.int64], total: int
    ) -> NDArray[np.float64]:
        """Of each column, values ascending with their weights."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Median(_Ordered):
    """Weighted coordinate-wise median; with equal weights Yin et al. 2018.

    Halfway between the smallest value at which the cumulative weight reaches half of the total
    and the smallest at which it exceeds it: symmetric under a change of signs.
    """

    def _reduce(
        self, values: NDArray[np.int64], weights: NDArray[np.int64], total: int
    ) -> NDArray[np.float64]:
        doubled = 2 * np.cumsum(weights, axis=0)
        low = np.take_along_axis(values, (doubled >= total).argmax(axis=0)[None], axis=0)
        high = np.take_along_axis(values, (doubled > total).argmax(axis=0)[None], axis=0)
        middle: NDArray[np.float64] = (low[0] + high[0]) / 2.0
        return middle


@dataclass(frozen=True, slots=True)
class TrimmedMean(_Ordered):
    """Weighted coordinate-wise trimmed mean: ⌊Σw·trim/10000⌋ of the weight goes at either end.

    An update at the cut counts with what is left of its weight. Yin et al. 2018 with weights.
    """

    trim_bps: int

    def __post_init__(self) -> None:
        if not 0 < self.trim_bps < BPS // 2:
            raise ValueError(f"trim_bps must lie in [1, 4999], found {self.trim_bps}")

    def _reduce(
        self, values: NDArray[np.int64], weights: NDArray[np.int64], total: int
    ) -> NDArray[np.float64]:
        cut = total * self.trim_bps // BPS
        upper = np.cumsum(weights, axis=0)
        kept = np.minimum(upper, total - cut) - np.maximum(upper - weights, cut)
        summed = (np.maximum(kept, 0) * values).sum(axis=0)
        mean: NDArray[np.float64] = summed / float(total - 2 * cut)
        return mean
