"""Rounds and their pay over doubles: who settles, who is paid, and what a broken vault costs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.doubles.world import COORDINATOR, TASKS, World, make_honest, make_noise
from zk0.errors import InsufficientFundsError, RpcUnavailableError
from zk0.ports import Receipt
from zk0.protocol.contribution import Outcome
from zk0.protocol.round import Phase
from zk0.protocol.statement import Address
from zk0.testing.ledger import MemoryLedger
from zk0.testing.rewards import MemoryRewards

SPONSOR = Address("0x" + "5d" * 20)
COIN = 10**18


def claim(world: World, name: str, *rounds: int) -> None:
    MemoryRewards(world.vault, world.members[name].address).claim(rounds)


def test_the_coordinator_settles_and_the_honest_are_paid_to_the_wei(tmp_path: Path) -> None:
    world = World(tmp_path, {**make_honest(*TASKS), "freeloader": ("lift", make_noise(3))})
    MemoryRewards(world.vault, SPONSOR).fund(1, 2, COIN)
    rounds = [world.run_round(), world.run_round()]
    assert world.vault.next_round == 3
    world.chain.advance(world.vault.terms.objection_window_s)
    before = {name: world.chain.balances[m.address] for name, m in world.members.items()}
    payouts = sum(world.vault.settlements[r].payout_wei for r in rounds)
    for name in TASKS:
        claim(world, name, *rounds)
    gained = {name: world.chain.balances[m.address] - before[name] for name, m in
              world.members.items()}  # fmt: skip
    assert sum(gained.values()) == payouts > 0
    assert all(gained[name] > 0 for name in TASKS)
    assert gained["freeloader"] == 0
    boss = MemoryLedger(world.chain, COORDINATOR)
    entry = boss.get_round(1).contribution_of(world.members["freeloader"].address)
    assert entry is not None
    assert entry.outcome is Outcome.BELOW_THRESHOLD


@pytest.mark.parametrize("error", [RpcUnavailableError, InsufficientFundsError])
def test_a_vault_that_fails_loses_no_round_and_is_settled_later(
    tmp_path: Path, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, make_honest(*TASKS))

    def fail(_self: MemoryRewards, _round_id: int) -> Receipt:
        raise error("not now")

    with monkeypatch.context() as broken:
        broken.setattr(MemoryRewards, "settle", fail)
        first = world.run_round()
    boss = MemoryLedger(world.chain, COORDINATOR)
    assert boss.get_round(first).phase is Phase.FINALIZED
    assert world.vault.next_round == first
    second = world.run_round()
    assert world.vault.next_round == second + 1


def test_a_backlog_does_not_hold_the_next_round_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coordinator.runner.SETTLED_AT_ONCE", 2)
    world = World(tmp_path, make_honest(*TASKS))
    boss = MemoryLedger(world.chain, COORDINATOR)
    for round_id in (1, 2, 3):
        boss.open_round(b"\x01" * 32)
        boss.abort_round(round_id)
    world.run_round()
    assert world.vault.next_round == 3
    world.run_round()
    assert world.vault.next_round == 5
