"""The timelock that owns a network: which rules are announced in it, and how to announce some."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode
from eth_hash.auto import keccak
from web3 import Web3
from web3.contract import Contract

from zk0.chain.contracts import Contracts, call, to_address
from zk0.chain.events import get_logs, get_topic
from zk0.chain.interfaces import compute_signature, get_type, load_abi
from zk0.chain.reading import describe_parameters, read_parameters
from zk0.chain.rpc import translate_errors
from zk0.chain.transactions import Sender
from zk0.errors import NoContractError, WalletError
from zk0.ports import Event, Receipt
from zk0.protocol.round import Parameters
from zk0.protocol.statement import Address, CircuitId

DONE = 1
"""The time that the timelock keeps of what was carried out; 0 of what was cancelled."""
NONE = bytes(32)
"""The predecessor of what follows nothing."""


@dataclass(frozen=True, slots=True)
class AnnouncedRules:
    """A change of a network's rules that its timelock holds, not carried out yet."""

    operation: bytes
    """The timelock's name for it, 32 bytes."""
    parameters: Parameters
    circuit_id: CircuitId
    ready_at: int
    """From this block timestamp on anyone may carry it out."""
    data: bytes
    predecessor: bytes
    """What has to be carried out first; zeros: nothing."""
    salt: bytes
    is_waiting: bool
    """Its predecessor is announced and not carried out."""
    is_lost: bool
    """It can never be carried out: what it followed, at whatever distance, was cancelled."""
    is_alone: bool
    """Whether the operation does nothing else: then `Timelock.execute` can carry it out."""


class Timelock:
    """The owner of a network's rules, when it is a timelock.

    Raises (on construction):
        NoContractError: the owner is an account, or another contract.
    """

    def __init__(self, contracts: Contracts, first_block: int, sender: Sender | None) -> None:
        self._rpc = contracts.rpc
        self._rules = contracts.network_parameters
        self._first_block = first_block
        self._sender = sender
        self.address = to_address(call(self._rules, "owner"))
        self._contract = self._open()
        self.min_delay_s = int(call(self._contract, "getMinDelay"))

    def _open(self) -> Contract:
        where = Web3.to_checksum_address(self.address)
        with translate_errors("the owner's code"):
            code = bytes(self._rpc.eth.get_code(where))
        if not code:
            raise NoContractError(
                f"the rules belong to the account {self.address}, not to a timelock: nothing "
                "announces a change before it happens"
            )
        return self._rpc.eth.contract(address=where, abi=load_abi("TimelockController"))

    # ------------------------------------------------------------------ reading

    def list_announced(self) -> Sequence[AnnouncedRules]:
        """Every change that waits or is ready, in the order of its time."""
        events = self._get_events("CallScheduled")
        book = _Book(self._contract, events)
        found = [
            announced
            for event in events
            if to_address(event.args["target"]) == to_address(self._rules.address)
            and (announced := self._read(event, book)) is not None
        ]
        return sorted(found, key=lambda a: a.ready_at)

    def find_newest_pending(self) -> bytes:
        """What a new announcement has to follow, so that nobody can turn their order round.

        Of whatever kind it is; zeros when nothing is pending. What is lost is passed over: whatever
        followed it would be lost too.
        """
        events = self._get_events("CallScheduled")
        book = _Book(self._contract, events)
        newest_first = (bytes(event.args["id"]) for event in reversed(events))
        return next((o for o in newest_first if book.is_pending(o) and not book.is_lost(o)), NONE)

    def _read(self, event: Event, book: _Book) -> AnnouncedRules | None:
        """None when it is done or cancelled, or is another call than `setParameters`."""
        operation, data = event.args["id"], event.args["data"]
        ready_at = book.get_time(operation)
        entry = next(e for e in load_abi("NetworkParameters") if e.get("name") == "setParameters")
        if ready_at <= DONE or data[:4] != keccak(compute_signature(entry).encode())[:4]:
            return None
        values, circuit_id = decode([get_type(i) for i in entry["inputs"]], data[4:])
        names = [part["name"] for part in entry["inputs"][0]["components"]]
        predecessor, salt = event.args["predecessor"], self._get_salt(operation)
        alone = call(
            self._contract, "hashOperation", self._rules.address, event.args["value"], data,
            predecessor, salt,
        )  # fmt: skip
        return AnnouncedRules(
            operation=operation,
            parameters=read_parameters(dict(zip(names, values, strict=True))),
            circuit_id=CircuitId(circuit_id),
            ready_at=ready_at,
            data=data,
            predecessor=predecessor,
            salt=salt,
            is_waiting=book.is_pending(predecessor),
            is_lost=book.is_lost(operation),
            is_alone=bytes(alone) == operation and event.args["value"] == 0,
        )

    def _get_salt(self, operation: bytes) -> bytes:
        """Kept in an event when it is not zero."""
        events = self._get_events("CallSalt", operation)
        return events[-1].args["salt"] if events else bytes(32)

    def _get_events(self, name: str, *topics: bytes) -> list[Event]:
        with translate_errors("the newest block"):
            last = int(self._rpc.eth.block_number)
        wanted = [get_topic(name), *topics]
        return list(get_logs(self._rpc, [self.address], wanted, self._first_block, last))

    # ------------------------------------------------------------------ changing

    def rehearse(self, parameters: Parameters, circuit_id: CircuitId) -> None:
        """Raises ContractRevertError when the rules would be refused."""
        with translate_errors("setParameters"):
            self._rules.functions.setParameters(*self._arguments(parameters, circuit_id)).call(
                {"from": Web3.to_checksum_address(self.address)}
            )

    def announce(self, parameters: Parameters, circuit_id: CircuitId) -> Receipt:
        """Schedule a change for the shortest delay, after everything that is pending.

        Raises:
            ContractRevertError: the rules are out of bounds, or this account may not announce.
            WalletError: there is no account.
        """
        self.rehearse(parameters, circuit_id)
        data = self._rules.encode_abi("setParameters", self._arguments(parameters, circuit_id))
        # The timelock takes no operation twice; with another salt the same rules are another one.
        salt = secrets.token_bytes(32)
        predecessor = self.find_newest_pending()
        call_ = (self._rules.address, 0, data, predecessor, salt, self.min_delay_s)
        return self._require_sender().send(self._contract.functions.schedule(*call_))

    def execute(self, announced: AnnouncedRules) -> Receipt:
        """Carry a change out. Raises ContractRevertError before its time."""
        call_ = (self._rules.address, 0, announced.data, announced.predecessor, announced.salt)
        return self._require_sender().send(self._contract.functions.execute(*call_))

    def cancel(self, announced: AnnouncedRules) -> Receipt:
        """Withdraw a change; what follows it is lost. Raises ContractRevertError for strangers."""
        return self._require_sender().send(self._contract.functions.cancel(announced.operation))

    def _arguments(self, parameters: Parameters, circuit_id: CircuitId) -> list[Any]:
        return [describe_parameters(parameters), circuit_id]

    def _require_sender(self) -> Sender:
        if self._sender is None:
            raise WalletError("this needs an account: give --wallet with a keystore")
        return self._sender

    @property
    def account(self) -> Address:
        """Who signs. Raises WalletError."""
        return self._require_sender().wallet.address


class _Book:
    """What became of the timelock's operations, each asked for once."""

    def __init__(self, contract: Contract, scheduled: Sequence[Event]) -> None:
        self._contract = contract
        self._predecessors: Mapping[bytes, bytes] = {
            bytes(event.args["id"]): bytes(event.args["predecessor"]) for event in scheduled
        }
        self._times: dict[bytes, int] = {}

    def get_time(self, operation: bytes) -> int:
        """From when it may be carried out; DONE, or 0 when it was cancelled or never announced."""
        if operation not in self._times:
            self._times[operation] = int(call(self._contract, "getTimestamp", operation))
        return self._times[operation]

    def is_pending(self, operation: bytes) -> bool:
        return operation != NONE and self.get_time(operation) > DONE

    def is_lost(self, operation: bytes) -> bool:
        """Whether a pending operation follows what was cancelled, at whatever distance."""
        while self.is_pending(operation):
            operation = self._predecessors[operation]
        return operation != NONE and self.get_time(operation) != DONE
