"""Calls to the contracts as Python expects them to end, in bytes that a forge test can repeat.

The chain in memory (`zk0.testing`) says what happens; the adapter of the real ledger
(`zk0.chain.ledger`) says what the call looks like, and the shipped ABIs what its logs do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cache
from typing import Any

from eth_abi.abi import encode
from eth_hash.auto import keccak

from zk0.chain.interfaces import CONTRACTS, compute_signature, get_type, load_abi
from zk0.chain.ledger import ChainLedger
from zk0.errors import ContractRevertError
from zk0.ports import Event, Receipt
from zk0.protocol.round import Round
from zk0.protocol.statement import Address
from zk0.testing.chain import MemoryChain, Transaction
from zk0.testing.ledger import MemoryLedger

REACH = 256
"""Blocks whose hashes a contract can ask for in forge, which has no EIP-2935."""
NODE_LIMIT = 16
CALL_TYPE = "(address,address,uint256,uint256,uint256,uint256,bytes32,bytes,uint8,bytes32)"
MOCK_REFUSAL = "MockVerifier_InvalidProof()"
"""What the verifier double says where the real one says AlignmentVerifier_InvalidProof."""


class Ending(IntEnum):
    """How a call is to end; the numbers are the forge test's."""

    RETURNS = 0
    LOGS = 1
    REVERTS = 2


@dataclass(frozen=True, slots=True)
class Call:
    """One call, when it happens, and how it ends."""

    sender: Address
    target: Address
    value_wei: int
    now: int
    block: int
    hash_block: int
    """A block whose hash the call may ask for; 0 for none."""
    block_hash: bytes
    data: bytes
    ending: Ending
    expected: bytes
    """32 bytes: the hash of what it returns or of its logs, or the selector of its error."""
    text: str
    """For a person."""

    def to_values(self) -> tuple[Any, ...]:
        """In the order of CALL_TYPE."""
        return (
            self.sender, self.target, self.value_wei, self.now, self.block, self.hash_block,
            self.block_hash, self.data, int(self.ending), self.expected,
        )  # fmt: skip


class RecordedChain(MemoryChain):
    """A chain in memory whose transactions can share a block, with forge's reach for hashes."""

    same_block = False
    last: Transaction | None = None

    def transact(self, sender: Address, action: Callable[[Transaction], None]) -> Receipt:
        if not self.same_block:
            self._mine(self.blocks[-1].timestamp + 1)
        block = self.blocks[-1]
        self.last = Transaction(sender, block.timestamp, block.number)
        action(self.last)
        for name, contract, args in self.last.events:
            of = args.get("round"), args.get("node")
            self.events.append(Event(name, contract, *of, args, block.number, 0, b""))
        return Receipt(b"", block.number, block.hash, gas=0, fee_wei=0)

    def join(self, tx: Transaction, **named: Any) -> None:
        """The node registry of the fixture holds more nodes than a round."""
        first = self.rules[0]
        self.rules[0] = replace(first, parameters=replace(first.parameters, max_nodes=NODE_LIMIT))
        try:
            super().join(tx, **named)
        finally:
            self.rules[0] = first

    def get_hash(self, number: int) -> bytes | None:
        """None also for the block that is being made, whose hash nobody knows."""
        newest = self.blocks[-1].number
        return self.blocks[number].hash if 0 < newest - number <= REACH else None


class _CapturedCall(Exception):  # noqa: N818
    """Ends a method of the ledger before it waits for a receipt."""

    def __init__(self, contract: str, data: bytes, value_wei: int) -> None:
        self.contract, self.data, self.value_wei = contract, data, value_wei


_SOURCES = ("ContributionRegistry", "CoordinatorSet", "NodeRegistry")


class _CapturingLedger(ChainLedger):
    """The real adapter, as far as a call's name and arguments."""

    def __init__(self, reader: MemoryLedger) -> None:
        self._reader = reader

    @property
    def account(self) -> Address:
        return self._reader.account

    def get_round(self, round_id: int) -> Round:
        return self._reader.get_round(round_id)

    def _send(self, contract: str, name: str, *args: Any, value: int = 0) -> Receipt:
        raise _CapturedCall(contract, encode_call(contract, name, args), value)


class Recorder:
    """Plays calls on a chain in memory and keeps them."""

    def __init__(self, chain: RecordedChain) -> None:
        self.chain = chain
        self.calls: list[Call] = []
        self._addresses = {
            "ContributionRegistry": chain.network.registry,
            "CoordinatorSet": chain.coordinator_set,
            "NodeRegistry": chain.network.node_registry,
        }
        self._closing_blocks: dict[int, int] = {}

    def call(self, sender: Address, method: str, *args: Any, **named: Any) -> type | None:
        """Call a method of the ledger; the class of the refusal, None if it went through."""
        ledger = MemoryLedger(self.chain, sender)
        try:
            getattr(_CapturingLedger(ledger), method)(*args, **named)
        except _CapturedCall as captured:
            contract, data, value_wei = captured.contract, captured.data, captured.value_wei
        else:
            raise AssertionError(f"{method} sent nothing")
        hash_block, block_hash = self._find_hash()
        try:
            getattr(ledger, method)(*args, **named)
        except ContractRevertError as error:
            refusal: type | None = type(error)
            ending, expected = Ending.REVERTS, _get_selector(type(error))
        else:
            refusal = None
            ending, expected = Ending.LOGS, self._hash_logs()
        self._note_closing_block()
        newest, target = self.chain.blocks[-1], self._addresses[contract]
        text = f"{method}{args}{named or ''} by {sender}: {refusal and refusal.__name__}"
        self.calls.append(
            Call(
                sender, target, value_wei, newest.timestamp, newest.number, hash_block,
                block_hash, data, ending, expected, text,
            )
        )  # fmt: skip
        return refusal

    def view(self, contract: str, name: str, args: tuple[Any, ...], found: tuple[Any, ...]) -> None:
        """A call of a view that must return `found`: structs as mappings, by field."""
        entry = _find_entry(contract, "function", name)
        data = encode_call(contract, name, args)
        values = [_order(o, v) for o, v in zip(entry["outputs"], found, strict=True)]
        returned = encode([get_type(o) for o in entry["outputs"]], values)
        newest = self.chain.blocks[-1]
        self.calls.append(
            Call(
                self.chain.network.coordinator, self._addresses[contract], 0, newest.timestamp,
                newest.number, 0, bytes(32), data, Ending.RETURNS, keccak(returned),
                f"{name}{args}: {found}",
            )
        )  # fmt: skip

    def get_closing_block(self, round_: Round) -> int:
        """The block that the sample was drawn from, which a sealed round has forgotten here."""
        return self._closing_blocks.get(round_.round_id, 0)

    def _note_closing_block(self) -> None:
        for round_id in (len(self.chain.rounds), len(self.chain.rounds) - 1):
            round_ = self.chain.rounds.get(round_id)
            if round_ is not None and not round_.total_weight:
                self._closing_blocks[round_id] = round_.closing_block

    def _find_hash(self) -> tuple[int, bytes]:
        """The closing or sealing block of the newest round, and its hash for the next call."""
        round_ = self.chain.rounds.get(len(self.chain.rounds))
        number = round_.closing_block if round_ else 0
        newest = self.chain.blocks[-1].number + (not self.chain.same_block)
        if not 0 < newest - number <= REACH or not number:
            return 0, bytes(32)
        return number, self.chain.blocks[number].hash

    def _hash_logs(self) -> bytes:
        assert self.chain.last is not None
        total = bytes(32)
        for name, emitter, args in self.chain.last.events:
            topics, data = encode_event(name, args)
            parts = [total, emitter, keccak(b"".join(topics)), keccak(data)]
            total = keccak(encode(["bytes32", "address", "bytes32", "bytes32"], parts))
        return total


def encode_call(contract: str, name: str, args: tuple[Any, ...]) -> bytes:
    """A call's data. Not web3's encoder, which looks at the whole ABI at every call."""
    types, selector = _describe("function", contract, name)
    return selector + encode(types, args)


@cache
def _describe(kind: str, contract: str, name: str) -> tuple[list[str], bytes]:
    entry = _find_entry(contract, kind, name)
    selector: bytes = keccak(compute_signature(entry).encode())[:4]
    return [get_type(i) for i in entry["inputs"]], selector


def encode_event(name: str, args: dict[str, Any]) -> tuple[list[bytes], bytes]:
    """Topics and data of an event; none of ours has an indexed argument of dynamic size."""
    contract = next(c for c in _SOURCES if _has_event(c, name))
    entry = _find_entry(contract, "event", name)
    indexed = [i for i in entry["inputs"] if i["indexed"]]
    stored = [i for i in entry["inputs"] if not i["indexed"]]
    topics = [encode([get_type(i)], [args[i["name"]]]) for i in indexed]
    data = encode([get_type(i) for i in stored], [args[i["name"]] for i in stored])
    return [keccak(compute_signature(entry).encode()), *topics], data


@cache
def _has_event(contract: str, name: str) -> bool:
    return any(e["type"] == "event" and e["name"] == name for e in load_abi(contract))


@cache
def _find_entry(contract: str, kind: str, name: str) -> dict[str, Any]:
    return next(e for e in load_abi(contract) if e["type"] == kind and e["name"] == name)


@cache
def _get_selector(refusal: type[ContractRevertError]) -> bytes:
    """Of the custom error that a class stands for, padded to 32 bytes."""
    name = refusal.custom_error()
    signature = MOCK_REFUSAL
    if name != "AlignmentVerifier_InvalidProof":
        signature = next(
            compute_signature(e)
            for contract in CONTRACTS
            for e in load_abi(contract)
            if e["type"] == "error" and e["name"] == name
        )
    return keccak(signature.encode())[:4].ljust(32, b"\0")


def _order(entry: dict[str, Any], value: Any) -> Any:
    """A struct's mapping as a tuple in the ABI's order; every field must be there, and no other."""
    kind: str = entry["type"]
    if kind == "tuple[]":
        return [_order({**entry, "type": "tuple"}, v) for v in value]
    if kind != "tuple":
        return value
    names = [c["name"] for c in entry["components"]]
    if set(names) != set(value):
        raise AssertionError(f"{entry['internalType']}: fields {set(names) ^ set(value)} differ")
    return tuple(_order(c, value[c["name"]]) for c in entry["components"])
