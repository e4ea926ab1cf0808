"""Whose part of the server's step is whose. `docs/strategies.md`, *Shares*.

On the path D = κ∘Σ(w/Σw)Δ + history, node i's share is −g·κ∘(w_i/Σw)Δ_i: the gain κ turns the
path gradient into one of the updates. FedAvg has κ = 1 and no history.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from coordinator.candidate import Weighted
from zk0.ports import PathGradient
from zk0.protocol.contribution import NANO
from zk0.protocol.parameters import ParameterLayout
from zk0.protocol.strategies import ServerState, Strategy


@dataclass(frozen=True, slots=True)
class Attribution:
    """A candidate's step, taken apart."""

    strategy: Strategy
    before: ServerState
    after: ServerState
    """Of the candidate: what the gain is computed from."""

    def gather_gain(
        self, layout: ParameterLayout, indices: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """κ at the sampled coordinates, float64[m]."""
        return self.strategy.gather_gain(layout, self.after, indices)

    def compute_exact_share_nano(
        self,
        gradient: PathGradient,
        layout: ParameterLayout,
        member: Weighted,
        total_weight: int,
    ) -> int:
        """−g·κ∘(w/Σw)Δ over all parameters in nano-loss, truncated toward zero."""
        total = 0.0
        for name, start, end in zip(layout.names, layout.offsets, layout.offsets[1:], strict=False):
            digits = member.update.tensors[name].reshape(-1).astype(np.float64)
            gain = self.strategy.compute_gain(name, self.after)
            total -= float((_compute_mean(gradient, start, end) * gain) @ digits)
        factor = Fraction(member.weight, total_weight) * Fraction(2) ** member.effective_exponent
        return math.trunc(Fraction(total) * factor * NANO)

    def compute_history_share_nano(self, gradient: PathGradient, layout: ParameterLayout) -> int:
        """What earlier rounds, through the server state, have of the drop: nobody's."""
        if not self.strategy.has_state:
            return 0
        total = 0.0
        for name, start, end in zip(layout.names, layout.offsets, layout.offsets[1:], strict=False):
            history = self.strategy.compute_history(name, self.before, self.after)
            total -= float(np.sum(_compute_mean(gradient, start, end) * history))
        return math.trunc(Fraction(total) * NANO)


def _compute_mean(gradient: PathGradient, start: int, end: int) -> NDArray[np.float64]:
    """Mean over tasks of the path gradient between two flat indices."""
    slices = [g[start:end].astype(np.float64) for g in gradient.gradients.values()]
    mean: NDArray[np.float64] = np.sum(slices, axis=0) / len(slices)
    return mean
