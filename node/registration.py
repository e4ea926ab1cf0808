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
        RoundError: it is registered for another task, or is leaving, or has too many examples.
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
        lacking = network.compute_bond_wei(found.dataset_size) - found.bond_wei
        raise RoundError(
            f"{ledger.account} is suspended, its bond lacks {lacking} wei: pay it with "
            "`zk0-node top-up`, then join again, or leave with `zk0-node exit`"
        )
    if found is not None and found.exit_at:
        raise RoundError(
            f"{ledger.account} is leaving the network; take the bond back with "
            "`zk0-node withdraw` before joining again"
        )
    if dataset_size > network.max_dataset_size:
        raise RoundError(
            f"a node of this network registers at most {network.max_dataset_size} examples, the "
            f"data set has {dataset_size}: join with --examples {network.max_dataset_size}"
        )
    bond = network.compute_bond_wei(dataset_size)
    balance = ledger.get_balance_wei(ledger.account)
    if balance < bond + GAS_RESERVE_WEI:
        is_least = bond == network.min_bond_wei
        remedy = "fund it" if is_least else "fund it or register fewer examples with --examples"
        raise InsufficientFundsError(
            f"joining with {dataset_size} examples needs a bond of {bond} wei and about "
            f"{GAS_RESERVE_WEI} wei for gas, {ledger.account} has {balance} wei; "
            f"{remedy}"
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
    lacking = ledger.network.compute_bond_wei(found.dataset_size) - found.bond_wei
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


def plan_retirement(ledger: Ledger, node: Address) -> int:
    """How many rounds that count a node has let pass: enough that anyone may retire it.

    Raises:
        RoundError: the node is not active, or has not let enough rounds pass.
    """
    found = ledger.get_registration(node)
    if found is None or not found.is_active:
        state = "not registered"
        if found is not None:
            state = "suspended" if found.is_suspended else "leaving the network"
        raise RoundError(f"{node} is {state}, so it has no seat to take; retire active nodes only")
    idle, needed = ledger.get_idle_rounds(node), ledger.network.idle_rounds
    if idle < needed:
        raise RoundError(
            f"{node} has let {idle} rounds in a row pass, and can be retired after "
            f"{needed}: wait for {needed - idle} more without its commitment"
        )
    return idle


def require_own_key(ledger: Ledger, node_key: bytes) -> None:
    """Refuse a key under which the coordinator already knows another node.

    Raises:
        RoundError: an active node registered it first.
    """
    for found in ledger.get_active_nodes():
        if found.node_key == node_key and found.node != ledger.account:
            raise RoundError(
                f"the node key is registered by {found.node} already, and the coordinator goes by "
                "the first registration: move node-key.pem out of this node's folder, which makes "
                "the next join create another one"
            )


def join(ledger: Ledger, plan: Plan, load_key: Callable[[], bytes]) -> None:
    """Register on chain and read back what was written."""
    node_key = load_key()
    require_own_key(ledger, node_key)
    receipt = ledger.join(
        task=plan.task,
        dataset_size=plan.dataset_size,
        node_key=node_key,
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
