"""The coordinators of a network as commands show them: bonds, and who drives the rounds."""

from __future__ import annotations

from typing import Any

from zk0.errors import InsufficientFundsError, RoundError
from zk0.ports import Ledger
from zk0.protocol.coordinators import is_coordinators_doing
from zk0.protocol.round import Phase, Round
from zk0.protocol.statement import Address

GAS_RESERVE_WEI = 10**15
"""Kept for gas beyond the bond when the balance is checked."""


def require_current(ledger: Ledger) -> None:
    """Raises RoundError unless this wallet drives the rounds."""
    state = ledger.get_coordinators()
    if ledger.account == state.current:
        return
    seat = state.seat_of(ledger.account)
    if seat is None:
        what = "is not on the list of coordinators: ask the owner to approve it"
    elif not state.is_fit(ledger.account):
        what = "is not fit: put up its bond with `zk0-coordinator bond`"
    else:
        what = "stands by: its turn comes when the current one misses a deadline or is idle"
    raise RoundError(
        f"{state.current or 'nobody'} is the coordinator of registry {ledger.network.registry}; "
        f"this wallet, {ledger.account}, {what}"
    )


def ask_to_abort(ledger: Ledger, round_: Round) -> str:
    """The question before an abort: which round, and what it costs as things stand now."""
    question = f"Abort round {round_.round_id} ({round_.phase.label}) of {ledger.network.registry}?"
    if round_.phase is Phase.COMMITTING:
        return f"{question} The second round in a row without closed commits passes the turn on."
    if is_coordinators_doing(round_, ledger.get_block().timestamp):
        penalty_wei = ledger.get_coordinators().rules.penalty_wei
        return f"{question} It costs the coordinator {penalty_wei} wei of its bond."
    return question


def plan_bond(ledger: Ledger, account: Address, amount_wei: int | None) -> int:
    """Wei to add to a coordinator's bond: `amount_wei`, else what it lacks.

    Raises:
        RoundError: it is not on the list, is leaving, or lacks nothing.
        InsufficientFundsError: the balance does not cover it.
    """
    state = ledger.get_coordinators()
    seat = state.seat_of(account)
    if seat is None:
        raise RoundError(
            f"{account} is not on the list of coordinators: ask the owner to approve it"
        )
    if seat.exit_at:
        raise RoundError(f"{account} is leaving; it must withdraw its bond before it bonds again")
    lacking = state.rules.bond_wei - seat.bond_wei
    if amount_wei is None and lacking <= 0:
        raise RoundError(f"the bond of {account} is complete; name an --amount to add to it anyway")
    value = lacking if amount_wei is None else amount_wei
    balance = ledger.get_balance_wei(ledger.account)
    if balance < value + GAS_RESERVE_WEI:
        raise InsufficientFundsError(
            f"the bond needs {value} wei and about {GAS_RESERVE_WEI} wei for gas, "
            f"{ledger.account} has {balance} wei; fund it, or give a smaller --amount"
        )
    return value


def describe_coordinators(ledger: Ledger) -> dict[str, Any]:
    """The list and its rules, JSON-ready."""
    state = ledger.get_coordinators()
    newest = ledger.get_round_count()
    last = ledger.get_round(newest)
    return {
        "registry": ledger.network.registry,
        "current": state.current,
        "since": state.since,
        "idle_at": state.compute_idle_at(last.deadline),
        "round": {"id": newest, "phase": last.phase.label} if newest else None,
        "required_bond_wei": state.rules.bond_wei,
        "penalty_wei": state.rules.penalty_wei,
        "coordinators": [
            {
                "coordinator": seat.coordinator,
                "bond_wei": seat.bond_wei,
                "fit": state.is_fit(seat.coordinator),
                "exit_at": seat.exit_at,
            }
            for seat in state.seats
        ],
    }


def format_coordinators(found: dict[str, Any]) -> str:
    """The same for a person."""
    lines = [
        f"registry {found['registry']}, an abort of its doing costs {found['penalty_wei']} wei"
    ]
    for seat in found["coordinators"]:
        current = seat["coordinator"] == found["current"]
        waiting = "stands by" if seat["fit"] else f"lacks {_lacking(found, seat)} wei"
        state = "drives the rounds" if current else waiting
        if seat["exit_at"]:
            state = f"is leaving; its bond is free at block time {seat['exit_at']}"
        lines.append(f"{seat['coordinator']}  bond {seat['bond_wei']} wei  {state}")
    if found["current"] is None:
        lines.append("nobody drives the rounds: put up a bond with `zk0-coordinator bond`")
    elif found["round"] is None or found["round"]["phase"] in ("Finalized", "Aborted"):
        lines.append(
            f"without a round until block time {found['idle_at']}, `zk0-coordinator succeed` "
            "hands over to the next one"
        )
    return "\n".join(lines)


def _lacking(found: dict[str, Any], seat: dict[str, Any]) -> int:
    return int(max(0, found["required_bond_wei"] - seat["bond_wei"]))
