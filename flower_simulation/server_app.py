"""Rounds over simulated nodes: Flower carries, the protocol's own functions aggregate."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

from flwr.app import Context, Message
from flwr.serverapp import Grid, ServerApp

from flower_simulation.options import Options
from zk0.errors import TransportError
from zk0.experiments.setting import Setting, make_setting
from zk0.experiments.simulation import Simulation
from zk0.learning.flower_parcel import pack_parcel, unpack_parcel
from zk0.ports import Parcel, Tensors, TrainingResult

NODES_WITHIN_S = 120.0
REPLY_WITHIN_S = 3600.0

app = ServerApp()


@app.main()  # type: ignore[untyped-decorator]
def main(grid: Grid, context: Context) -> None:
    """One JSON line a round on stdout, and in `outputs` if the run's configuration names it."""
    options = Options.of(context.run_config)
    nodes = wait_for_nodes(grid, options.nodes)
    setting = make_setting(
        options.policy,
        nodes=len(nodes),
        strategy=options.strategy,
        poisoned=options.poisoned,
    )
    simulation = Simulation(setting, options.seed)

    def train(round_id: int, parameters: Tensors) -> Sequence[TrainingResult]:
        return ask_all(grid, nodes, setting, simulation, round_id, parameters)

    simulation.trainer = train
    lines = []
    for _ in range(options.rounds):
        lines.append(json.dumps(simulation.run_round().to_json()))
        print(lines[-1], flush=True)
    if options.outputs:
        Path(options.outputs).write_text("\n".join(lines) + "\n")


def wait_for_nodes(grid: Grid, count: int) -> list[int]:
    """Node ids, once all are there. Raises TransportError."""
    end = time.monotonic() + NODES_WITHIN_S
    while len(nodes := list(grid.get_node_ids())) < count:
        if time.monotonic() > end:
            raise TransportError(
                f"expected {count} nodes, found {len(nodes)}; set options.num-supernodes of the "
                "connection and the run's `nodes` to the same number"
            )
        time.sleep(0.2)
    return nodes


def ask_all(
    grid: Grid,
    nodes: Sequence[int],
    setting: Setting,
    simulation: Simulation,
    round_id: int,
    parameters: Tensors,
) -> list[TrainingResult]:
    """Every member's training, in the members' order. Raises TransportError."""
    orders = {m.name: simulation.get_order(round_id, m.name) for m in setting.members}
    fields = {f"seed/{name}": seed for name, (seed, _) in orders.items()}
    share = next(iter(orders.values()))[1]
    parcel = Parcel({"rate_share": share, **fields}, parameters)
    messages = [
        Message(pack_parcel(parcel), dst_node_id=node, message_type="train") for node in nodes
    ]
    results: dict[int, TrainingResult] = {}
    for reply in grid.send_and_receive(messages, timeout=REPLY_WITHIN_S):
        if reply.has_error():
            raise TransportError(f"round {round_id}: a node failed: {reply.error}")
        answer = unpack_parcel(reply.content)
        results[int(answer.fields["member"])] = TrainingResult(
            parameters=answer.tensors,
            num_examples=int(answer.fields["num_examples"]),
            loss_before=float(answer.fields["loss_before"]),
            loss_after=float(answer.fields["loss_after"]),
            seconds=float(answer.fields["seconds"]),
        )
    if sorted(results) != list(range(len(setting.members))):
        raise TransportError(
            f"round {round_id}: expected answers of {len(setting.members)} members, found "
            f"{sorted(results)}"
        )
    return [results[number] for number in sorted(results)]
