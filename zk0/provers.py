"""A prover for each circuit: the network's circuit can change from one round to the next."""

from __future__ import annotations

from collections.abc import Callable

from zk0.ports import Prover
from zk0.protocol.statement import CircuitId


class Provers:
    """Provers by circuit, made when first needed: deriving a proving key takes seconds."""

    def __init__(self, make: Callable[[CircuitId], Prover]) -> None:
        self._make = make
        self._made: dict[CircuitId, Prover] = {}

    def get(self, circuit_id: CircuitId) -> Prover:
        """Raises CircuitError: this installation does not have the circuit."""
        if circuit_id not in self._made:
            self._made[circuit_id] = self._make(circuit_id)
        return self._made[circuit_id]
