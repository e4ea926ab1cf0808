"""The exact aggregate: integers that anyone can recompute. `docs/protocol.md` §3.

θ' = θ + 2^e · (Σ w_i q_i 2^(e_i−e)) / Σ w_i with e = min e_i. Every sum is an integer below
2⁵³, so neither the order of arrival nor the block size changes a bit; then one division in
float64, one scaling by a power of two, one addition and one rounding to float32.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zk0.protocol.contribution import MAX_TOTAL_WEIGHT

BLOCK = 1 << 18
MAX_EXPONENT_SPREAD = 16


def weighted_lower_median(values: Sequence[Fraction | int], weights: Sequence[int]) -> Fraction:
    """The smallest value at which the cumulative weight reaches half of the total."""
    total = sum(weights)
    if total <= 0:
        raise ValueError("a weighted median needs a positive total weight")
    cumulative = 0
    for value, weight in sorted(zip(values, weights, strict=True)):
        cumulative += weight
        if 2 * cumulative >= total:
            return Fraction(value)
    raise AssertionError("unreachable: the cumulative weight reaches the total")


def compute_clip_shifts(
    squares: Sequence[int],
    exponents: Sequence[int],
    weights: Sequence[int],
    *,
    max_norm: Fraction,
    clip_factor: int,
    min_exponent: int,
) -> list[int]:
    """By how many powers of two each update's exponent is lowered.

    Args:
        squares: Σ q² of each update; its norm is √(Σ q²)·2^e.
        max_norm: the network's bound on a norm.
        clip_factor: how many times the round's weighted lower median norm is allowed.
    """
    norms = [s * Fraction(4) ** e for s, e in zip(squares, exponents, strict=True)]
    bound = min(max_norm**2, clip_factor**2 * weighted_lower_median(norms, weights))
    shifts = []
    for norm, exponent in zip(norms, exponents, strict=True):
        shift = 0
        while norm > bound * 4**shift and exponent - shift > min_exponent:
            shift += 1
        shifts.append(shift)
    return shifts


def validate_terms(weights: Iterable[int], exponents: Sequence[int]) -> None:
    """Raises ValueError when a sum could leave the range in which float64 is exact."""
    total = sum(weights)
    if not 0 < total < MAX_TOTAL_WEIGHT:
        raise ValueError(f"the total weight must lie in [1, 2^30), found {total}")
    if max(exponents) - min(exponents) > MAX_EXPONENT_SPREAD:
        raise ValueError(f"exponents may differ by at most 16, found {sorted(exponents)}")


class Accumulator:
    """Σ w·q·2^(e−lowest) of one tensor, added in any order, exact in float64."""

    def __init__(self, size: int, lowest_exponent: int) -> None:
        self._sum = np.zeros(size, dtype=np.float64)
        self._scratch = np.empty(min(size, BLOCK), dtype=np.float64)
        self._lowest = lowest_exponent

    def add(self, digits: NDArray[np.int8], weight: int, exponent: int) -> None:
        """Add one update's flat int8 digits. |w·q·2^16| summed stays below 2⁵³."""
        factor = float(weight << (exponent - self._lowest))
        for start in range(0, self._sum.size, BLOCK):
            part = self._sum[start : start + BLOCK]
            scratch = self._scratch[: part.size]
            np.multiply(digits[start : start + BLOCK], factor, out=scratch)
            part += scratch

    def compute_means(self, total_weight: int) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        """Σ w·Δ / Σw in float64, block by block."""
        for start in range(0, self._sum.size, BLOCK):
            cut = slice(start, start + BLOCK)
            yield cut, np.ldexp(self._sum[cut] / total_weight, self._lowest)

    def apply(self, base: NDArray[np.float32], total_weight: int) -> NDArray[np.float32]:
        """θ' of this tensor, float32, flat."""
        out = np.empty(base.size, dtype=np.float32)
        for cut, step in self.compute_means(total_weight):
            out[cut] = (base[cut].astype(np.float64) + step).astype(np.float32)
        return out


def aggregate_tensor(
    base: NDArray[np.float32],
    digits: Iterable[NDArray[np.int8]],
    weights: Sequence[int],
    exponents: Sequence[int],
) -> NDArray[np.float32]:
    """The exact aggregate of one tensor; one update's digits in memory at a time."""
    validate_terms(weights, exponents)
    accumulator = Accumulator(base.size, min(exponents))
    for digit, weight, exponent in zip(digits, weights, exponents, strict=True):
        accumulator.add(digit.reshape(-1), weight, exponent)
    return accumulator.apply(base.reshape(-1), sum(weights)).reshape(base.shape)


def aggregate(
    base: Mapping[str, NDArray[np.float32]],
    updates: Sequence[Mapping[str, NDArray[Any]]],
    weights: Sequence[int],
    exponents: Sequence[int],
) -> dict[str, NDArray[np.float32]]:
    """The exact aggregate of whole updates.

    With `tensorfile.FileTensors` as updates, one tensor of one update is in memory at a
    time, however many there are.
    """
    validate_terms(weights, exponents)
    return {
        name: aggregate_tensor(tensor, (u[name] for u in updates), weights, exponents)
        for name, tensor in base.items()
    }
