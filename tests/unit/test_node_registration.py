"""What `zk0-node` says before it joins, tops up or retires, and what a copied key brings."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest
from click.testing import CliRunner

from coordinator.dispatch import choose_owners
from node.cli import cli
from node.registration import join, plan_registration, plan_retirement
from node.status import describe_status, format_status
from tests.doubles.world import PARAMETERS, TASKS, World, make_honest
from zk0.errors import InsufficientFundsError, RoundError
from zk0.ports import Registration
from zk0.protocol.contribution import Outcome
from zk0.protocol.round import Phase
from zk0.protocol.statement import Address, Digest
from zk0.testing.chain import MemoryChain, make_network, make_rules
from zk0.testing.ledger import MemoryLedger

COORDINATOR = Address("0x" + "c0" * 20)
NODE = Address("0x" + "a1" * 20)
OTHER = Address("0x" + "a2" * 20)


def make_chain(idle_rounds: int = 2) -> MemoryChain:
    network = make_network(
        PARAMETERS, TASKS, COORDINATOR, bond_per_example_wei=10, min_bond_wei=1000,
        idle_rounds=idle_rounds,
    )  # fmt: skip
    return MemoryChain(network, make_rules(PARAMETERS))


def let_pass(chain: MemoryChain, rounds: int) -> None:
    """Rounds without anybody, over."""
    chain.advance(1)
    coordinator = MemoryLedger(chain, COORDINATOR)
    for _ in range(rounds):
        coordinator.open_round(b"\x01" * 32)
        number = coordinator.get_round_count()
        chain.rounds[number] = replace(chain.rounds[number], phase=Phase.FINALIZED)


def test_a_small_data_set_pays_for_its_seat() -> None:
    ledger = MemoryLedger(make_chain(), NODE)
    small, large = (plan_registration(ledger, 0, size) for size in (5, 101))
    assert small is not None
    assert large is not None
    assert (small.bond_wei, large.bond_wei) == (1000, 1010)
    ledger.chain.balances[NODE] = 999
    with pytest.raises(InsufficientFundsError, match="a bond of 1000 wei"):
        plan_registration(ledger, 0, 5)


def test_a_data_set_that_no_round_could_take_is_refused_before_anything_is_sent() -> None:
    ledger = MemoryLedger(make_chain(), NODE)
    most = ledger.network.max_dataset_size
    assert plan_registration(ledger, 0, most) is not None
    with pytest.raises(RoundError, match=f"join with --examples {most}$"):
        plan_registration(ledger, 0, most + 1)


def test_another_nodes_key_is_refused_before_it_costs_a_bond() -> None:
    chain = make_chain()
    first, second = MemoryLedger(chain, NODE), MemoryLedger(chain, OTHER)
    plan = plan_registration(first, 0, 5)
    assert plan is not None
    join(first, plan, lambda: b"key")
    with pytest.raises(RoundError, match=f"registered by {NODE} already"):
        join(second, plan, lambda: b"key")
    assert second.get_registration(OTHER) is None
    join(second, plan, lambda: b"another key")


def test_retiring_says_what_is_missing() -> None:
    chain = make_chain()
    ledger, stranger = MemoryLedger(chain, NODE), MemoryLedger(chain, OTHER)
    with pytest.raises(RoundError, match="is not registered, so it has no seat"):
        plan_retirement(stranger, NODE)
    ledger.join(task=0, dataset_size=5, node_key=b"key", bond_wei=1000)
    let_pass(chain, 1)
    with pytest.raises(RoundError, match=r"has let 1 rounds in a row pass.* 1 more"):
        plan_retirement(stranger, NODE)
    let_pass(chain, 1)
    assert plan_retirement(stranger, NODE) == 2
    stranger.retire(NODE)
    with pytest.raises(RoundError, match="is leaving the network, so it has no seat"):
        plan_retirement(stranger, NODE)


def test_the_command_frees_the_seat_and_says_when_the_bond_is_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chain = make_chain()
    MemoryLedger(chain, NODE).join(task=0, dataset_size=5, node_key=b"key", bond_wei=1000)
    let_pass(chain, 2)
    monkeypatch.setattr("zk0.bootstrap.open_ledger", lambda *_: MemoryLedger(chain, OTHER))
    arguments = ["retire", "--wallet", "w", "--node", NODE]
    refused = CliRunner().invoke(cli, arguments, input="n\n")
    assert refused.exit_code != 0
    assert f"{OTHER} retires {NODE}, which has let 2 rounds pass" in refused.output
    assert chain.nodes[NODE].is_active
    done = CliRunner().invoke(cli, [*arguments, "--yes", "--json"])
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert (found["node"], found["idle_rounds"]) == (NODE, 2)
    assert found["exit_at"] == chain.nodes[NODE].exit_at > 0
    assert not chain.nodes[NODE].is_active


def test_the_status_says_how_many_rounds_are_left() -> None:
    chain = make_chain()
    ledger = MemoryLedger(chain, NODE)
    ledger.join(task=0, dataset_size=5, node_key=b"key", bond_wei=1000)
    let_pass(chain, 1)
    found = describe_status(ledger, None)
    assert found["registration"]["required_bond_wei"] == 1000
    assert (found["registration"]["idle_rounds"], found["registration"]["idle_limit"]) == (1, 2)
    assert "1 rounds passed without this node; after 1 more anyone" in format_status(found)
    let_pass(chain, 1)
    assert "; anyone may retire it" in format_status(describe_status(ledger, None))


def test_a_key_is_whose_it_was_first_in_whatever_order_nodes_are_listed() -> None:
    first, copy, other = (
        Registration(Address(f"0x{i:040x}"), 0, 5, 1000, True, key, key_since=since)
        for i, key, since in ((3, b"key", (7, 4)), (1, b"key", (7, 5)), (2, b"other", (9, 0)))
    )
    for listed in permutations([first, copy, other]):
        assert choose_owners(listed) == {b"key": first, b"other": other}


def test_a_copied_node_key_gets_the_copier_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(tmp_path, make_honest(*TASKS))
    victim = world.members[TASKS[0]]
    copier = MemoryLedger(world.chain, Address("0x" + "ee" * 20))
    bond = world.chain.network.compute_bond_wei(100)
    copier.join(task=0, dataset_size=100, node_key=victim.key, bond_wei=bond)
    world.chain.advance(1)
    pipeline, runner = world.coordinator()
    round_id = pipeline.open()
    copier.commit_update(round_id, Digest(b"\x66" * 32), 100, -10)
    with caplog.at_level(logging.WARNING):
        assert runner.run_round().round_id == round_id
    ended = copier.get_round(round_id)
    honest = [c for c in ended.contributions if c.node != copier.account]
    assert [c.outcome for c in honest] == [Outcome.ACCEPTED] * len(TASKS)
    assert victim.address in [c.node for c in honest]
    own = ended.contribution_of(copier.account)
    assert own is not None
    assert own.outcome is Outcome.MISSING
