"""What commands say about coordinators, and the pure rules of succession."""

from __future__ import annotations

from dataclasses import replace

import pytest

from coordinator.seats import (
    ask_to_abort,
    describe_coordinators,
    format_coordinators,
    plan_bond,
    require_current,
)
from tests.ports.test_ledger import PARAMETERS, TASKS
from zk0.errors import InsufficientFundsError, RoundError
from zk0.protocol.coordinators import (
    CoordinatorRules,
    Coordinators,
    Seat,
    find_next,
    penalize,
    report_unclosed,
)
from zk0.protocol.round import Phase
from zk0.protocol.statement import Address
from zk0.testing.chain import MemoryChain, make_network, make_rules
from zk0.testing.ledger import MemoryLedger

FIRST, SECOND, THIRD = (Address(f"0x{i:040x}") for i in (0xC1, 0xC2, 0xC3))
RULES = CoordinatorRules(bond_wei=100, penalty_wei=40)


def make_state(*bonds: int) -> Coordinators:
    seats = tuple(
        Seat(name, bond) for name, bond in zip((FIRST, SECOND, THIRD), bonds, strict=True)
    )
    state = Coordinators(RULES, seats)
    return replace(state, current=find_next(state, None))


def make_chain(*bonds: int) -> MemoryChain:
    rules = make_rules(PARAMETERS)
    return MemoryChain(make_network(PARAMETERS, TASKS, FIRST), rules, seats=make_state(*bonds))


@pytest.mark.parametrize(
    "rules", [{"penalty_wei": 0}, {"penalty_wei": 10**18 + 1}, {"idle_window_s": 0}]
)
def test_rules_outside_the_contracts_bounds_are_refused(rules: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="coordinator rules: expected"):
        CoordinatorRules(**rules)


def test_the_turn_goes_round_past_those_without_a_bond() -> None:
    state = make_state(140, 99, 100)
    assert state.current == FIRST
    state, amount = penalize(state, missed_deadline=True, now=5)
    assert (state.current, state.since, amount) == (THIRD, 5, 40)
    state, _ = penalize(state, missed_deadline=True, now=6)
    assert state.current == FIRST
    state, _ = penalize(state, missed_deadline=False, now=7)
    assert state.current is None
    assert penalize(state, missed_deadline=True, now=8) == (state, 0)


def test_who_may_drive_is_told_what_to_do() -> None:
    chain = make_chain(100, 99, 100)
    require_current(MemoryLedger(chain, FIRST))
    for account, advice in (
        (SECOND, "put up its bond with `zk0-coordinator bond`"),
        (THIRD, "stands by"),
        (Address("0x" + "99" * 20), "ask the owner to approve it"),
    ):
        with pytest.raises(RoundError, match=advice):
            require_current(MemoryLedger(chain, account))


def test_a_bond_is_planned_by_what_it_lacks() -> None:
    ledger = MemoryLedger(make_chain(100, 60, 0), SECOND)
    assert plan_bond(ledger, SECOND, None) == 40
    assert plan_bond(ledger, FIRST, 7) == 7
    with pytest.raises(RoundError, match="is complete"):
        plan_bond(ledger, FIRST, None)
    with pytest.raises(RoundError, match="not on the list"):
        plan_bond(ledger, Address("0x" + "99" * 20), None)
    with pytest.raises(InsufficientFundsError):
        plan_bond(ledger, SECOND, 10**30)


def test_the_list_is_shown_with_bonds_and_turns() -> None:
    found = describe_coordinators(MemoryLedger(make_chain(100, 60, 100), FIRST))
    text = format_coordinators(found)
    assert f"{FIRST}  bond 100 wei  drives the rounds" in text
    assert f"{SECOND}  bond 60 wei  lacks 40 wei" in text
    assert f"{THIRD}  bond 100 wei  stands by" in text
    assert "zk0-coordinator succeed" in text
    nobody = describe_coordinators(MemoryLedger(make_chain(1, 2, 3), FIRST))
    assert "nobody drives the rounds" in format_coordinators(nobody)


def test_the_question_before_an_abort_says_what_it_costs() -> None:
    chain = make_chain(100, 0, 0)
    ledger = MemoryLedger(chain, FIRST)
    ledger.open_round(bytes([1]) * 32)
    round_ = ledger.get_round(1)
    assert "passes the turn on" in ask_to_abort(ledger, round_)
    late = ledger.get_block().timestamp - 1
    without_samples = replace(round_, phase=Phase.COLLECTING, deadline=late)
    assert ask_to_abort(ledger, without_samples).endswith(f"{ledger.network.registry}?")
    assert "costs the coordinator 40 wei" in ask_to_abort(
        ledger, replace(round_, phase=Phase.SEALED)
    )


def test_the_second_round_without_closed_commits_passes_the_turn_on() -> None:
    state = make_state(100, 100, 0)
    once = report_unclosed(state, 1, now=5)
    assert once.current == FIRST
    assert report_unclosed(once, 3, now=6).current == FIRST, "one in between was closed"
    twice = report_unclosed(once, 2, now=6)
    assert (twice.current, twice.since) == (SECOND, 6)
    assert report_unclosed(twice, 3, now=7).current == SECOND
