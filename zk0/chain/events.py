"""The contracts' events: fetched in ranges that the RPC accepts, decoded with the ABI."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from eth_abi.abi import decode
from eth_hash.auto import keccak
from web3 import Web3
from web3.exceptions import Web3RPCError
from web3.types import LogReceipt

from zk0.chain.contracts import to_address
from zk0.chain.interfaces import compute_signature, get_type, load_abi
from zk0.chain.rpc import translate_errors
from zk0.errors import RpcUnavailableError
from zk0.ports import Event
from zk0.protocol.statement import Address

FIRST_RANGE_BLOCKS = 10_000
_CONTRACTS = (
    "ContributionRegistry",
    "CoordinatorSet",
    "NetworkParameters",
    "NodeRegistry",
    "RewardVault",
    "TimelockController",
    "VerifierRouter",
)


@cache
def _events_by_topic() -> Mapping[bytes, dict[str, Any]]:
    return {
        keccak(compute_signature(entry).encode()): entry
        for contract in _CONTRACTS
        for entry in load_abi(contract)
        if entry["type"] == "event"
    }


def get_topic(name: str) -> bytes:
    """The first topic of the event `name`."""
    return next(topic for topic, e in _events_by_topic().items() if e["name"] == name)


def get_logs(
    rpc: Web3,
    addresses: Sequence[Address],
    topics: Sequence[bytes | None],
    first_block: int,
    last_block: int,
) -> Iterator[Event]:
    """Events in [first_block, last_block], oldest first.

    RPCs limit ranges, each its own way: a refused range is halved until it passes.

    Raises:
        RpcUnavailableError: a single block is refused too.
    """
    start, width = first_block, FIRST_RANGE_BLOCKS
    while start <= last_block:
        end = min(start + width - 1, last_block)
        try:
            with translate_errors("the events"):
                logs = _fetch(rpc, addresses, topics, start, end)
        except RpcUnavailableError as error:
            if not isinstance(error.__cause__, Web3RPCError) or start == end:
                raise
            width = max(1, (end - start + 1) // 2)
            continue
        events = (_decode(log) for log in logs)
        yield from sorted(
            (e for e in events if e is not None), key=lambda e: (e.block, e.log_index)
        )
        start = end + 1


def _fetch(
    rpc: Web3,
    addresses: Sequence[Address],
    topics: Sequence[bytes | None],
    first_block: int,
    last_block: int,
) -> Sequence[LogReceipt]:
    wanted = [None if topic is None else "0x" + topic.hex() for topic in topics]
    return rpc.eth.get_logs(
        {
            "address": [Web3.to_checksum_address(a) for a in addresses],
            "fromBlock": first_block,
            "toBlock": last_block,
            "topics": wanted,
        }
    )


def _decode(log: LogReceipt) -> Event | None:
    """One log; None for an event that is not in the ABI."""
    topics = [bytes(topic) for topic in log["topics"]]
    entry = _events_by_topic().get(topics[0]) if topics else None
    if entry is None:
        return None
    inputs = entry["inputs"]
    indexed = [i for i in inputs if i["indexed"]]
    stored = [i for i in inputs if not i["indexed"]]
    values = decode([get_type(i) for i in stored], bytes(log["data"]))
    args = dict(zip((i["name"] for i in stored), values, strict=True))
    for entry_input, topic in zip(indexed, topics[1:], strict=True):
        args[entry_input["name"]] = decode([get_type(entry_input)], topic)[0]
    ordered = {i["name"]: _plain(i, args[i["name"]]) for i in inputs}
    node = ordered.get("node")
    return Event(
        name=entry["name"],
        contract=to_address(log["address"]),
        round_id=ordered.get("round"),
        node=None if node is None else to_address(node),
        args=ordered,
        block=log["blockNumber"],
        log_index=log["logIndex"],
        transaction=bytes(log["transactionHash"]),
    )


def _plain(entry: dict[str, Any], value: Any) -> Any:
    """Structs as mappings, lists as lists; addresses are in lower case already."""
    if entry["type"] == "tuple":
        pairs = zip(entry["components"], value, strict=True)
        return {part["name"]: _plain(part, inner) for part, inner in pairs}
    if isinstance(value, (tuple, list)):
        item = {**entry, "type": entry["type"].rpartition("[")[0]}
        return [_plain(item, inner) for inner in value]
    return value


def find_first_block(has_code: Callable[[int], bool], latest: int) -> int:
    """The block in which a contract appeared; `has_code(n)` is monotone and holds at `latest`."""
    low, high = 0, latest
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if has_code(middle) else (middle + 1, high)
    return low
