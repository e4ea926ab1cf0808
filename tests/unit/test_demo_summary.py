"""The demo's summary and table: who was paid, to the wei."""

from __future__ import annotations

import json
from pathlib import Path

from tests.doubles.world import COORDINATOR, TASKS, World, make_honest, make_noise
from zk0.chain.deployments import Deployment
from zk0.chain.history import build_history
from zk0.demo.summary import build_summary, format_table
from zk0.protocol.statement import CircuitId
from zk0.testing.ledger import MemoryLedger
from zk0.testing.rewards import MemoryRewards

COIN = 10**18


def test_the_table_and_the_summary_show_what_each_node_got(tmp_path: Path) -> None:
    world = World(tmp_path, {**make_honest(*TASKS), "freeloader": ("lift", make_noise(3))})
    MemoryRewards(world.vault, COORDINATOR).fund(1, 2, COIN)
    rounds = [world.coordinator()[1].run_round().to_json() for _ in range(2)]
    world.chain.advance(world.vault.terms.objection_window_s)
    for name in TASKS:
        MemoryRewards(world.vault, world.members[name].address).claim([1, 2])

    network = world.chain.network
    deployment = Deployment(
        network.chain_id, network.registry, network.node_registry, timelock=COORDINATOR,
        alignment_verifier=COORDINATOR, ezkl_verifier=COORDINATOR, circuit_id=CircuitId(bytes(32)),
        circuit="sample", block=0, abi_digest="", reward_vault=world.vault.terms.vault,
    )  # fmt: skip
    rows = build_history(MemoryLedger(world.chain, COORDINATOR).get_events())
    summary = json.loads(json.dumps(build_summary(deployment, rounds, rows, 12.34)))
    assert summary["chain"]["vault"] == world.vault.terms.vault
    due = [world.vault.settlements[r].payout_wei for r in (1, 2)]
    assert [round_["payout_wei"] for round_ in summary["rounds"]] == due
    assert summary["paid_wei"] == sum(due) > 0
    by_node: dict[str, int] = {}
    for round_ in summary["rounds"]:
        assert sum(c["paid_wei"] for c in round_["contributions"]) == round_["payout_wei"]
        for c in round_["contributions"]:
            by_node[c["node"]] = by_node.get(c["node"], 0) + c["paid_wei"]

    names = {member.address: name for name, member in world.members.items()}
    assert by_node[world.members["freeloader"].address] == 0
    table = [line.split() for line in format_table(summary, names).splitlines()]
    for address, name in names.items():
        assert [name, "got", str(by_node[address]), "wei"] in table
    together = next(line for line in table if line[:1] == ["together"])
    assert together[2] == str(sum(due))
    assert str(sum(due)) in together[5:]
