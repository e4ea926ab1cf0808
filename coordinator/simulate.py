"""`zk0-coordinator simulate`: a federation in this process, as JSON lines."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from circuits.catalog import get_circuit
from circuits.prover import EzklProver
from zk0.chain.wallet import DEVNET_CHAIN_ID
from zk0.errors import ConfigError
from zk0.experiments.chain import open_notary
from zk0.experiments.records import RoundRecord
from zk0.experiments.seeds import LocalNotary, Notary
from zk0.experiments.setting import Setting, make_setting
from zk0.experiments.simulation import Simulation


@dataclass(frozen=True, slots=True)
class SimulationOptions:
    """What is simulated. Contradictions are refused."""

    rounds: int
    nodes: int
    policy: str
    strategy: str
    poisoned: int
    commitments: bool
    proofs: bool
    seed: int


@contextmanager
def _open_notary(setting: Setting, options: SimulationOptions) -> Iterator[Notary]:
    if not (options.commitments or options.proofs):
        yield LocalNotary(options.seed)
        return
    circuit = get_circuit(f"alignment-{setting.sample_size}")
    prover = EzklProver(circuit, DEVNET_CHAIN_ID) if options.proofs else None
    genesis = Simulation(setting, options.seed).digest
    with open_notary(
        setting,
        genesis,
        circuit=circuit.manifest.name,
        circuit_id=circuit.circuit_id,
        prover=prover,
    ) as notary:
        yield notary


def simulate(options: SimulationOptions, show: Callable[[str], None]) -> None:
    """One JSON line a round, then one with the summary.

    Raises:
        ConfigError: an unknown policy or strategy, or no honest node.
    """
    if options.seed < 0:
        raise ConfigError(f"expected a seed of zero or above, found {options.seed}")
    start = time.monotonic()
    setting = make_setting(
        options.policy, nodes=options.nodes, strategy=options.strategy, poisoned=options.poisoned
    )
    with _open_notary(setting, options) as notary:
        ready, cpu = time.monotonic(), time.process_time()
        simulation = Simulation(setting, options.seed, notary)
        first = simulation.measure()
        records = []
        for _ in range(options.rounds):
            records.append(simulation.run_round())
            show(json.dumps(records[-1].to_json()))
        seconds = {
            "setup": round(ready - start, 2),
            "rounds": round(time.monotonic() - ready, 2),
            "rounds_cpu": round(time.process_time() - cpu, 2),
        }
    summary = _summarise(options, first, records, seconds)
    show(json.dumps({"summary": summary}))


def _summarise(
    options: SimulationOptions,
    first_loss: float,
    records: list[RoundRecord],
    seconds: dict[str, float],
) -> dict[str, Any]:
    stages = sorted({stage for record in records for stage in record.seconds})
    return {
        "policy": options.policy,
        "strategy": options.strategy,
        "nodes": options.nodes,
        "poisoned": options.poisoned,
        "commitments": options.commitments or options.proofs,
        "proofs": options.proofs,
        "seed": options.seed,
        "rounds": len(records),
        "pool_loss": {"first": first_loss, "last": records[-1].pool_loss},
        "bases_kept": sum(record.base_kept for record in records),
        "checkpoint": records[-1].checkpoint,
        "seconds": {
            **seconds,
            "stages": {
                stage: round(sum(record.seconds.get(stage, 0.0) for record in records), 2)
                for stage in stages
            },
        },
    }
