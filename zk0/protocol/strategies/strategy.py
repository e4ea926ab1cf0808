"""The pure function (base, updates, server state) → (checkpoint, server state)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zk0.errors import CheckpointError
from zk0.protocol.parameters import ParameterLayout
from zk0.protocol.strategies.combination import Combination, Mean, Terms
from zk0.protocol.strategies.rules import FedAvg, Rule
from zk0.protocol.strategies.state import ServerState, make_initial_state

Tensors = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Strategy:
    """One network's way from updates to checkpoints."""

    combination: Combination
    rule: Rule

    @property
    def has_state(self) -> bool:
        return bool(self.rule.slots)

    def make_initial_state(self, layout: ParameterLayout) -> ServerState:
        return make_initial_state(self.rule, layout)

    def advance(
        self, base: Tensors, terms: Terms, before: ServerState
    ) -> tuple[dict[str, NDArray[np.float32]], ServerState]:
        """θ' = float32(θ + D) and the state after the step.

        Raises:
            CheckpointError: a parameter or a state that is not finite comes out.
        """
        tensors: dict[str, NDArray[np.float32]] = {}
        slots: dict[str, dict[str, NDArray[np.float32]]] = {s: {} for s in self.rule.slots}
        for name, tensor in base.items():
            flat, old = tensor.reshape(-1), before.get(self.rule, name)
            out = np.empty(flat.size, dtype=np.float32)
            kept = tuple(np.empty(flat.size, dtype=np.float32) for _ in old)
            with np.errstate(over="ignore"):  # what overflows is refused below
                for cut, aggregate in self.combination.combine(name, flat.size, terms):
                    step, after = self.rule.step(aggregate, tuple(slot[cut] for slot in old))
                    out[cut] = (flat[cut].astype(np.float64) + step).astype(np.float32)
                    for target, values in zip(kept, after, strict=True):
                        target[cut] = values
            if not all(np.isfinite(values).all() for values in (out, *kept)):
                raise CheckpointError(
                    f"tensor {name}: the server's step leaves the range of float32; lower the "
                    "strategy's learning rate in a new network's manifest"
                )
            tensors[name] = out.reshape(tensor.shape)
            for slot, values in zip(self.rule.slots, kept, strict=True):
                slots[slot][name] = values.reshape(tensor.shape)
        return tensors, ServerState(slots)

    def compute_gain(self, name: str, after: ServerState) -> NDArray[np.float64] | float:
        """κ of one tensor, flat: what a coordinate of an update counts with in the step."""
        return self.rule.compute_gain(after.get(self.rule, name))

    def gather_gain(
        self, layout: ParameterLayout, after: ServerState, indices: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """κ at ascending flat `indices` int64[m], float64[m]."""
        kept = tuple(layout.gather(after.slots[slot], indices) for slot in self.rule.slots)
        return np.broadcast_to(np.float64(self.rule.compute_gain(kept)), indices.shape)

    def compute_history(
        self, name: str, before: ServerState, after: ServerState
    ) -> NDArray[np.float64] | float:
        """The part of the step of one tensor, flat, that earlier rounds made."""
        return self.rule.compute_history(before.get(self.rule, name), after.get(self.rule, name))


FEDAVG = Strategy(Mean(), FedAvg())
