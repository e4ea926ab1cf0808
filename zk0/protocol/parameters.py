"""Canonical flattening: names sorted, row-major, concatenated."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ParameterLayout:
    """Names and shapes of all trainable tensors, sorted by name.

    A flat index is a position in the concatenation of the row-major tensors in this order.
    """

    shapes: tuple[tuple[str, tuple[int, ...]], ...]

    @classmethod
    def of(cls, tensors: Mapping[str, NDArray[Any]]) -> Self:
        return cls(tuple((name, tuple(tensors[name].shape)) for name in sorted(tensors)))

    def __post_init__(self) -> None:
        names = [name for name, _ in self.shapes]
        if names != sorted(set(names)):
            raise ValueError("tensor names must be sorted and unique")

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.shapes)

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        """First flat index of each tensor, and P at the end."""
        sizes = [math.prod(shape) for _, shape in self.shapes]
        return (0, *np.cumsum(sizes, dtype=np.int64).tolist())

    @property
    def parameter_count(self) -> int:
        """P."""
        return self.offsets[-1]

    def flatten(self, tensors: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        """All tensors as one array [P], dtype kept."""
        return np.concatenate([np.ascontiguousarray(tensors[n]).reshape(-1) for n in self.names])

    def unflatten(self, flat: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Named views of `flat` [P]."""
        if flat.shape != (self.parameter_count,):
            raise ValueError(f"expected [{self.parameter_count}], found {list(flat.shape)}")
        bounds = zip(self.shapes, self.offsets, self.offsets[1:], strict=False)
        return {name: flat[a:b].reshape(shape) for (name, shape), a, b in bounds}

    def gather(
        self, tensors: Mapping[str, NDArray[Any]], indices: NDArray[np.int64]
    ) -> NDArray[Any]:
        """The entries at ascending flat `indices` int64[m], without flattening everything."""
        cuts = np.searchsorted(indices, self.offsets)
        parts = []
        for (name, _), start, a, b in zip(self.shapes, self.offsets, cuts, cuts[1:], strict=False):
            parts.append(np.ascontiguousarray(tensors[name]).reshape(-1)[indices[a:b] - start])
        return np.concatenate(parts)
