"""Something that an owner may do as often as it likes: announcing tasks in its timelock."""

from __future__ import annotations

from typing import Any

from web3.contract import Contract
from web3.contract.contract import ContractFunction

from zk0.chain.contracts import Contracts, call
from zk0.chain.interfaces import load_abi

NONE = bytes(32)


def _open(contracts: Contracts) -> Contract:
    owner = call(contracts.node_registry, "owner")
    return contracts.rpc.eth.contract(address=owner, abi=load_abi("TimelockController"))


def _arguments(contracts: Contracts, task: str) -> tuple[Any, ...]:
    nodes = contracts.node_registry
    return nodes.address, 0, nodes.encode_abi("addTask", [task]), NONE, NONE


def announce_task(contracts: Contracts, task: str) -> ContractFunction:
    """The call that announces it."""
    timelock = _open(contracts)
    delay = int(call(timelock, "getMinDelay"))
    return timelock.functions.schedule(*_arguments(contracts, task), delay)


def is_announced(contracts: Contracts, task: str) -> bool:
    timelock = _open(contracts)
    operation = call(timelock, "hashOperation", *_arguments(contracts, task))
    return bool(call(timelock, "isOperation", operation))
