"""What a revert means: the data of a refused call as one of our errors."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from functools import cache
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_hash.auto import keccak

from zk0.chain import refusals, vote_refusals  # noqa: F401 - defines the classes
from zk0.chain.interfaces import CONTRACTS, compute_signature, get_type, load_abi
from zk0.errors import ContractRevertError
from zk0.protocol.contribution import MissingReason, Outcome
from zk0.protocol.round import Phase

NODE_STATUS = ("None", "Active", "Exiting", "Suspended")
_ENUMS: Mapping[str, type[IntEnum]] = {
    "enum Phase": Phase,
    "enum Outcome": Outcome,
    "enum MissingReason": MissingReason,
}
_ERROR = keccak(b"Error(string)")[:4]
_PANIC = keccak(b"Panic(uint256)")[:4]


@cache
def _errors_by_selector() -> dict[bytes, dict[str, Any]]:
    return {
        keccak(compute_signature(entry).encode())[:4]: entry
        for contract in CONTRACTS
        for entry in load_abi(contract)
        if entry["type"] == "error"
    }


@cache
def list_revert_classes() -> Mapping[str, type[ContractRevertError]]:
    """Custom error's name → its class, for every leaf below ContractRevertError."""
    found: dict[str, type[ContractRevertError]] = {}
    pending = list(ContractRevertError.__subclasses__())
    while pending:
        cls = pending.pop()
        below = cls.__subclasses__()
        pending += below
        if not below:
            found[cls.custom_error()] = cls
    return found


def decode_revert(data: bytes) -> ContractRevertError:
    """The error that `data`, a call's revert data, stands for."""
    selector, body = data[:4], data[4:]
    try:
        if selector == _ERROR:
            return ContractRevertError(f"the contract refused: {decode(['string'], body)[0]}")
        if selector == _PANIC:
            (code,) = decode(["uint256"], body)
            return ContractRevertError(f"the contract failed with panic code {code:#04x}")
        entry = _errors_by_selector().get(selector)
        if entry is None:
            what = f"with data 0x{data[:68].hex()}" if data else "without saying why"
            return ContractRevertError(
                f"the contract refused {what}: is it the contract that this version knows?"
            )
        values = decode([get_type(i) for i in entry["inputs"]], body)
    except DecodingError as error:
        return ContractRevertError(f"the contract refused with damaged data: {error}")
    arguments = {i["name"]: _show(i, v) for i, v in zip(entry["inputs"], values, strict=True)}
    cls = list_revert_classes().get(entry["name"])
    if cls is None:
        return ContractRevertError(f"the contract refused: {entry['name']} {arguments}", arguments)
    return cls(arguments=arguments)


def _show(entry: dict[str, Any], value: Any) -> object:
    kind = entry.get("internalType", "")
    if kind == "enum NodeStatus":
        return NODE_STATUS[value]
    if kind in _ENUMS:
        return _ENUMS[kind](value).name.title().replace("_", "")
    return "0x" + value.hex() if isinstance(value, bytes) else value
