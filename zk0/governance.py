"""A network's rules for a terminal: what is in force, what is announced, what somebody wants."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from zk0.chain.ledger import ChainLedger
from zk0.chain.reading import PARAMETER_NAMES, describe_parameters, read_parameters
from zk0.chain.timelock import AnnouncedRules
from zk0.errors import ConfigError, NoContractError, RoundError
from zk0.protocol.round import Parameters, Rules
from zk0.protocol.statement import CircuitId

FIXED = "parameterCount"


def describe_rules(ledger: ChainLedger) -> dict[str, Any]:
    """What `zk0 parameters --json` prints; times are block timestamps in seconds."""
    now = ledger.get_next_rules()
    announced: Sequence[AnnouncedRules] = ()
    owner, delay, newest = None, None, None
    try:
        timelock = ledger.open_timelock()
    except NoContractError as error:
        owner = str(error)
    else:
        owner, delay = timelock.address, timelock.min_delay_s
        announced = timelock.list_announced()
        newest = "0x" + timelock.find_newest_pending().hex()
    timestamp = ledger.get_block().timestamp
    return {
        "version": now.version,
        "circuit_id": "0x" + now.circuit_id.hex(),
        "parameters": describe_parameters(now.parameters),
        "timelock": owner,
        "delay_s": delay,
        "newest_pending": newest,
        "announced": [
            {
                "operation": "0x" + a.operation.hex(),
                "ready_at": a.ready_at,
                "is_ready": timestamp >= a.ready_at and not (a.is_waiting or a.is_lost),
                "follows": "0x" + a.predecessor.hex() if a.is_waiting else None,
                "is_lost": a.is_lost,
                "circuit_id": "0x" + a.circuit_id.hex(),
                "parameters": describe_parameters(a.parameters),
                "changes": find_changes(now, a.parameters, a.circuit_id),
            }
            for a in announced
        ],
    }


def format_rules(found: Mapping[str, Any]) -> str:
    """As lines: what is in force, who can change it, what is announced."""
    width = max(map(len, found["parameters"]))
    lines = [f"rules {found['version']}, circuit {found['circuit_id']}"]
    lines += [f"  {name:<{width}}  {value}" for name, value in found["parameters"].items()]
    if found["delay_s"] is None:
        return "\n".join([*lines, found["timelock"]])
    lines.append(f"timelock {found['timelock']}, a change waits {found['delay_s']} s")
    for a in found["announced"]:
        when = datetime.fromtimestamp(a["ready_at"], UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        state = f"ready since {when}" if a["is_ready"] else f"possible from {when}"
        if a["is_lost"]:
            state = "can never happen: what it followed was cancelled"
        elif a["follows"]:
            state += f", after {a['follows']}"
        changes = ", ".join(f"{name} {value}" for name, value in a["changes"].items())
        lines.append(f"announced {a['operation']}\n  {changes or 'no change'}\n  {state}")
    return "\n".join(lines if found["announced"] else [*lines, "nothing is announced"])


def find_changes(now: Rules, parameters: Parameters, circuit_id: CircuitId) -> dict[str, Any]:
    """What differs from the rules in force, under the contract's names."""
    before = describe_parameters(now.parameters)
    wanted = describe_parameters(parameters)
    changed: dict[str, Any] = {n: v for n, v in wanted.items() if before[n] != v}
    if circuit_id != now.circuit_id:
        changed["circuitId"] = "0x" + circuit_id.hex()
    return changed


def describe_change(now: Rules, parameters: Parameters, circuit_id: CircuitId) -> str:
    """`zMin 4 → 5, quorum 2 → 3`."""
    before = {
        **describe_parameters(now.parameters),
        "circuitId": "0x" + now.circuit_id.hex(),
    }
    changes = find_changes(now, parameters, circuit_id)
    return ", ".join(f"{n} {before[n]} → {v}" for n, v in changes.items()) or "no change"


def apply_changes(
    now: Rules, changes: Sequence[str], circuit: str | None
) -> tuple[Parameters, CircuitId]:
    """The rules in force with `NAME=VALUE` changes.

    Raises:
        ConfigError: nothing changes, an unknown name, no number, or out of bounds.
    """
    values = describe_parameters(now.parameters)
    for change in changes:
        name, equals, text = change.partition("=")
        if name not in PARAMETER_NAMES or name == FIXED:
            names = ", ".join(n for n in PARAMETER_NAMES if n != FIXED)
            raise ConfigError(f"expected --set with one of {names}; found {name!r}")
        if not equals or not re.fullmatch(r"-?[0-9]{1,19}", text):
            raise ConfigError(f"expected --set {name}=INTEGER, found {change!r}")
        values[name] = int(text)
    try:
        wanted = read_parameters(values)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    circuit_id = now.circuit_id if circuit is None else _parse_circuit(circuit)
    if (wanted, circuit_id) == (now.parameters, now.circuit_id):
        raise ConfigError("nothing would change: name a parameter with --set, or a --circuit")
    return wanted, circuit_id


def _parse_circuit(text: str) -> CircuitId:
    if not re.fullmatch(r"0x[0-9a-fA-F]{64}", text):
        raise ConfigError(f"expected --circuit as 0x and 64 hexadecimal digits, found {text!r}")
    return CircuitId(bytes.fromhex(text[2:]))


def find_announced(
    announced: Sequence[AnnouncedRules], operation: str | None, how: str = "--operation"
) -> AnnouncedRules:
    """The one that `operation` names, or the only one.

    Raises:
        ConfigError: none, or more than one without a name; `how` says how to name one.
    """
    found = [a for a in announced if operation in (None, "0x" + a.operation.hex())]
    if len(found) != 1:
        names = ", ".join("0x" + a.operation.hex() for a in announced) or "nothing"
        raise ConfigError(
            f"expected one announced change, found {len(found)} of {len(announced)} ({names}): "
            f"choose with {how}"
        )
    return found[0]


def find_followers(announced: Sequence[AnnouncedRules], chosen: AnnouncedRules) -> list[str]:
    """Names of the announced changes that could never happen without `chosen`."""
    needed, followers = {chosen.operation}, []
    # A chain of them has at most as many links as there are.
    for _ in announced:
        for a in announced:
            if a.predecessor in needed and a.operation not in needed:
                needed.add(a.operation)
                followers.append("0x" + a.operation.hex())
    return followers


def choose_announced(
    announced: Sequence[AnnouncedRules], operation: str | None, now: int
) -> AnnouncedRules:
    """The one that `operation` names, or the only one, to be carried out.

    Raises:
        ConfigError: none, or more than one without a name.
        RoundError: its delay has not passed, it follows another one, or what it followed was
            cancelled, or it belongs to a batch of several calls.
    """
    chosen = find_announced(announced, operation)
    if chosen.is_lost:
        raise RoundError(
            f"the change 0x{chosen.operation.hex()} can never be carried out, since what it "
            "followed was cancelled: cancel it with `zk0 cancel-parameters`, and announce it again"
        )
    if chosen.is_waiting:
        raise RoundError(
            f"the change 0x{chosen.operation.hex()} follows 0x{chosen.predecessor.hex()}: carry "
            "that out first"
        )
    if not chosen.is_alone:
        raise RoundError(
            f"the change 0x{chosen.operation.hex()} is part of a batch: carry the batch out with "
            "the timelock's executeBatch, or as the governor's proposal"
        )
    if now < chosen.ready_at:
        raise RoundError(
            f"the change 0x{chosen.operation.hex()} is possible from block time "
            f"{chosen.ready_at} on, the chain's time is {now}: wait {chosen.ready_at - now} s"
        )
    return chosen
