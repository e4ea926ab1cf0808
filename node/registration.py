"""Joins the network on chain, if this wallet has not: task, data set size, bond, node key."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from zk0.errors import InsufficientFundsError, RoundError
from zk0.ports import Ledger

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
