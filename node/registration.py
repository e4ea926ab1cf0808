"""Joins the network on chain, if this wallet has not: task, data set size, bond, node key."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from zk0.errors import InsufficientFundsError, RoundError
from zk0.ports import Ledger
from zk0.protocol.statement import Address

log = logging.getLogger(__name__)

GAS_RESERVE_WEI = 10**15
"""Kept for gas beyond the bond when the balance is checked before joining."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What joining would cost, for the question before it."""

    task: int
    dataset_size: int
    bond_wei: int


def plan_registration(ledger: Ledger, task: int, dataset_size: int) -> Plan | None:
    """What has to be paid to join; None when this wallet is an active node already.

    Raises:
        RoundError: it is registered for another task, or is leaving.
        InsufficientFundsError: the balance does not cover the bond.
    """
    network = ledger.network
    found = ledger.get_registration(ledger.account)
    if found is not None and found.is_active:
        if found.task != task:
            raise RoundError(
                f"{ledger.account} is registered for task {network.tasks[found.task]}, not "
                f"{network.tasks[task]}; use that data set, or exit and join again"
            )
        if dataset_size < found.dataset_size:
            log.warning(
                "the data set has %d examples, registered are %d", dataset_size, found.dataset_size
            )
        return None
    if found is not None and found.is_suspended:
        lacking = found.dataset_size * network.bond_per_example_wei - found.bond_wei
        raise RoundError(
            f"{ledger.account} is suspended, its bond lacks {lacking} wei: pay it with "
            "`zk0-node top-up`, then join again, or leave with `zk0-node exit`"
        )
    if found is not None and found.exit_at:
        raise RoundError(
            f"{ledger.account} is leaving the network; take the bond back with "
            "`zk0-node withdraw` before joining again"
        )
    bond = dataset_size * network.bond_per_example_wei
    balance = ledger.get_balance_wei(ledger.account)
    if balance < bond + GAS_RESERVE_WEI:
        raise InsufficientFundsError(
            f"joining with {dataset_size} examples needs a bond of {bond} wei and about "
            f"{GAS_RESERVE_WEI} wei for gas, {ledger.account} has {balance} wei; "
            "fund it or register fewer examples with --examples"
        )
    return Plan(task, dataset_size, bond)


def plan_top_up(ledger: Ledger, node: Address, amount_wei: int | None) -> int:
    """Wei to add to a node's bond: `amount_wei`, else what the bond lacks.

    Raises:
        RoundError: the node is not registered or leaving, or its bond lacks nothing.
        InsufficientFundsError: the balance does not cover it.
    """
    found = ledger.get_registration(node)
    if found is None or not (found.is_active or found.is_suspended):
        state = "not registered" if found is None else "leaving the network"
        raise RoundError(f"{node} is {state}, so its bond cannot be topped up; join it first")
    lacking = found.dataset_size * ledger.network.bond_per_example_wei - found.bond_wei
    if amount_wei is None and lacking <= 0:
        raise RoundError(
            f"the bond of {node} covers its data set; name an --amount to add to it anyway"
        )
    value = lacking if amount_wei is None else amount_wei
    balance = ledger.get_balance_wei(ledger.account)
    if balance < value + GAS_RESERVE_WEI:
        raise InsufficientFundsError(
            f"topping up needs {value} wei and about {GAS_RESERVE_WEI} wei for gas, "
            f"{ledger.account} has {balance} wei; fund it, or give a smaller --amount"
        )
    return value


def join(ledger: Ledger, plan: Plan, load_key: Callable[[], bytes]) -> None:
    """Register on chain and read back what was written."""
    receipt = ledger.join(
        task=plan.task,
        dataset_size=plan.dataset_size,
        node_key=load_key(),
        bond_wei=plan.bond_wei,
    )
    found = ledger.get_registration(ledger.account)
    if found is None or not found.is_active:
        raise RoundError(f"{ledger.account} joined, and the chain does not show it; look again")
    log.info(
        "joined for task %s with %d examples and a bond of %d wei, %d gas",
        ledger.network.tasks[found.task],
        found.dataset_size,
        found.bond_wei,
        receipt.gas,
    )
