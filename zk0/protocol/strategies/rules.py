"""Server rules: what one aggregate does to the parameters and to the server state.

Reddi et al. 2021, *Adaptive Federated Optimization*, algorithm 2, with the aggregate Δ in the
place of the negative pseudo-gradient; Hsu et al. 2019 for FedAvgM. All arrays are blocks of flat
tensors. `docs/strategies.md` has the formulas and what each makes of a node's share.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

Wide = NDArray[np.float64]
Kept = NDArray[np.float32]


class Rule(Protocol):
    """Turns aggregates into steps. Everything is elementwise, so blocks do not matter."""

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the float32 numbers kept per parameter from round to round."""
        ...

    @property
    def initial(self) -> tuple[float, ...]:
        """What the slots hold before the first round."""
        ...

    def step(self, aggregate: Wide, state: tuple[Kept, ...]) -> tuple[Wide, tuple[Kept, ...]]:
        """The step D float64[n] and the state after it, float32[n] per slot."""
        ...

    def compute_gain(self, after: tuple[Kept, ...]) -> Wide | float:
        """κ: D = κ·aggregate + history, with the state *after* the step held as it is."""
        ...

    def compute_history(self, before: tuple[Kept, ...], after: tuple[Kept, ...]) -> Wide | float:
        """The part of D that comes from earlier rounds and belongs to no node of this one."""
        ...


def _require_rate(name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be finite and above zero, found {value}")


def _require_decay(name: str, value: float) -> None:
    if not 0 <= value < 1:
        raise ValueError(f"{name} must lie in [0, 1), found {value}")


def _round(value: Wide) -> Kept:
    return value.astype(np.float32)


@dataclass(frozen=True, slots=True)
class FedAvg:
    """D = Δ: the aggregate itself. McMahan et al. 2017."""

    slots: ClassVar[tuple[str, ...]] = ()
    initial: ClassVar[tuple[float, ...]] = ()

    def step(self, aggregate: Wide, state: tuple[Kept, ...]) -> tuple[Wide, tuple[Kept, ...]]:
        return aggregate, state

    def compute_gain(self, after: tuple[Kept, ...]) -> float:
        return 1.0

    def compute_history(self, before: tuple[Kept, ...], after: tuple[Kept, ...]) -> float:
        return 0.0


@dataclass(frozen=True, slots=True)
class FedAvgM:
    """m' = β·m + Δ, D = η·m'. Hsu et al. 2019; Reddi et al. 2021 with SGD and momentum."""

    slots: ClassVar[tuple[str, ...]] = ("momentum",)
    initial: ClassVar[tuple[float, ...]] = (0.0,)

    learning_rate: float
    momentum: float

    def __post_init__(self) -> None:
        _require_rate("learning_rate", self.learning_rate)
        _require_decay("momentum", self.momentum)

    def step(self, aggregate: Wide, state: tuple[Kept, ...]) -> tuple[Wide, tuple[Kept, ...]]:
        m = _round(self.momentum * state[0].astype(np.float64) + aggregate)
        return self.learning_rate * m.astype(np.float64), (m,)

    def compute_gain(self, after: tuple[Kept, ...]) -> float:
        return self.learning_rate

    def compute_history(self, before: tuple[Kept, ...], after: tuple[Kept, ...]) -> Wide:
        return self.learning_rate * (self.momentum * before[0].astype(np.float64))


@dataclass(frozen=True, slots=True)
class _Adaptive:
    """m' = β₁·m + (1−β₁)·Δ, D = η·m' / (√v' + τ); no bias correction, v starts at τ²."""

    slots: ClassVar[tuple[str, ...]] = ("momentum", "variance")

    learning_rate: float
    beta1: float
    beta2: float
    tau: float

    def __post_init__(self) -> None:
        _require_rate("learning_rate", self.learning_rate)
        _require_rate("tau", self.tau)
        _require_decay("beta1", self.beta1)
        _require_decay("beta2", self.beta2)
        if not np.float32(self.tau * self.tau) > 0:
            raise ValueError(f"tau² must be above zero in float32, found tau {self.tau}")

    @property
    def initial(self) -> tuple[float, ...]:
        return (0.0, self.tau * self.tau)

    def step(self, aggregate: Wide, state: tuple[Kept, ...]) -> tuple[Wide, tuple[Kept, ...]]:
        momentum, variance = (slot.astype(np.float64) for slot in state)
        m = _round(self.beta1 * momentum + (1 - self.beta1) * aggregate)
        v = _round(self._compute_variance(variance, aggregate * aggregate))
        return self.learning_rate * m.astype(np.float64) / self._compute_scale(v), (m, v)

    def _compute_variance(self, variance: Wide, square: Wide) -> Wide:
        raise NotImplementedError

    def _compute_scale(self, variance: Kept) -> Wide:
        scale: Wide = np.sqrt(variance.astype(np.float64)) + self.tau
        return scale

    def compute_gain(self, after: tuple[Kept, ...]) -> Wide:
        return self.learning_rate * (1 - self.beta1) / self._compute_scale(after[1])

    def compute_history(self, before: tuple[Kept, ...], after: tuple[Kept, ...]) -> Wide:
        carried = self.beta1 * before[0].astype(np.float64)
        return self.learning_rate * carried / self._compute_scale(after[1])


@dataclass(frozen=True, slots=True)
class FedAdam(_Adaptive):
    """v' = β₂·v + (1−β₂)·Δ²."""

    def _compute_variance(self, variance: Wide, square: Wide) -> Wide:
        return self.beta2 * variance + (1 - self.beta2) * square


@dataclass(frozen=True, slots=True)
class FedYogi(_Adaptive):
    """v' = v − (1−β₂)·Δ²·sign(v − Δ²): the variance falls no faster than it rises."""

    def _compute_variance(self, variance: Wide, square: Wide) -> Wide:
        sign: Wide = np.sign(variance - square)
        return variance - (1 - self.beta2) * square * sign
