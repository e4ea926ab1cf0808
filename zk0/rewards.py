"""Rewards as every command line sees them: what is owed, when, and settling what is over."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from zk0.chain.history import RoundRow
from zk0.errors import ConfigError, ContractRevertError
from zk0.ports import Ledger, Receipt, RewardLedger
from zk0.protocol.statement import Address

log = logging.getLogger(__name__)

_UNITS = {"": 0, "wei": 0, "gwei": 9, "eth": 18}
"""How many decimals each has."""


class RewardState(StrEnum):
    """What can be done about a reward."""

    UNSETTLED = "unsettled"
    WAITING = "waiting"
    FROZEN = "frozen"
    CLAIMABLE = "claimable"
    CLAIMED = "claimed"
    UNPAID = "unpaid"
    """The round's pot was empty, or an objection was upheld."""


@dataclass(frozen=True, slots=True)
class Reward:
    """What one node earned in one round. Amounts in the smallest units of the vault's asset."""

    round_id: int
    state: RewardState
    amount_wei: int
    """Claimed, or owed; 0 while unsettled."""
    until: int | None = None
    """When claims open (waiting), or the last second for a ruling (frozen); seconds."""


def list_rewards(rows: Sequence[RoundRow], node: Address, now: int) -> list[Reward]:
    """Of every round in which `node` has a credit, oldest first; `now` is the chain's time."""
    return [
        _describe(row, owed_wei=c.owed_wei or 0, claimed_wei=c.claimed_wei, now=now)
        for row in rows
        for c in row.contributions
        if c.node == node and c.credit_nano
    ]


def _describe(row: RoundRow, *, owed_wei: int, claimed_wei: int | None, now: int) -> Reward:
    settled = row.settlement
    if settled is None:
        return Reward(row.round_id, RewardState.UNSETTLED, 0)
    if claimed_wei is not None:
        return Reward(row.round_id, RewardState.CLAIMED, claimed_wei)
    if settled.payout_wei == 0:
        return Reward(row.round_id, RewardState.UNPAID, 0)
    if settled.is_frozen(now):
        return Reward(row.round_id, RewardState.FROZEN, owed_wei, settled.ruling_deadline)
    if not settled.is_open(now):
        return Reward(row.round_id, RewardState.WAITING, owed_wei, settled.opens_at)
    return Reward(row.round_id, RewardState.CLAIMABLE, owed_wei)


def find_unsettled(ledger: Ledger, rewards: RewardLedger) -> list[int]:
    """Rounds that are over and not settled, in the order in which they must be."""
    found = []
    for round_id in range(rewards.get_next_round(), ledger.get_round_count() + 1):
        if not ledger.get_round(round_id).phase.is_over:
            break
        found.append(round_id)
    return found


def settle_rounds(rewards: RewardLedger, round_ids: Sequence[int]) -> None:
    """Settle these rounds, which anyone may; one that somebody else settles first is no error.

    Raises:
        ContractRevertError: the vault refuses for another reason.
    """
    for round_id in round_ids:
        try:
            receipt = rewards.settle(round_id)
        except ContractRevertError:
            if rewards.get_next_round() <= round_id:
                raise
            continue
        log.info("round %d: settled in the vault, %d gas", round_id, receipt.gas)


def parse_amount(text: str) -> int:
    """`1000000`, `100gwei` or `0.5eth` in the asset's smallest units. Raises ConfigError."""
    match = re.fullmatch(r"(\d+)(?:\.(\d+))?\s*(wei|gwei|eth)?", text.strip().lower())
    if match:
        whole, fraction, unit = match[1], match[2] or "", match[3] or ""
        if len(fraction) <= _UNITS[unit]:
            return int(whole + fraction.ljust(_UNITS[unit], "0"))
    raise ConfigError(f"expected an amount like 1000000, 100gwei or 0.5eth, found {text!r}")


def show_amount(wei: int, asset: Address | None) -> str:
    """For a person; a token's decimals are the token's own business."""
    if asset is not None:
        return f"{wei} units of token {asset}"
    whole, rest = divmod(wei, 10**18)
    return f"{whole}.{rest:018d}".rstrip("0").rstrip(".") + " ETH"


def show_time(timestamp: int) -> str:
    """A block timestamp for a person, in UTC."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def ask_to_fund(
    ledger: Ledger, rewards: RewardLedger, first: int, rounds: int, each_wei: int
) -> str:
    """The question before money goes into the vault."""
    terms = rewards.terms
    total = show_amount(rounds * each_wei, terms.asset)
    allowance = "" if terms.asset is None else " (the vault must be allowed to take it)"
    return (
        f"{ledger.account} on chain {ledger.network.chain_id} pays {total}{allowance} into vault "
        f"{terms.vault} for {_name_rounds(first, rounds)}, and gets nothing back?"
    )


def describe_funding(
    rewards: RewardLedger, receipt: Receipt, first: int, rounds: int, each_wei: int
) -> dict[str, Any]:
    """JSON-ready."""
    return {
        "vault": rewards.terms.vault,
        "asset": rewards.terms.asset,
        "first_round": first,
        "rounds": rounds,
        "amount_per_round_wei": each_wei,
        "total_wei": rounds * each_wei,
        "transaction": "0x" + receipt.transaction.hex(),
        "gas": receipt.gas,
    }


def format_funding(
    rewards: RewardLedger, receipt: Receipt, first: int, rounds: int, each_wei: int
) -> str:
    """The same for a person."""
    total = show_amount(rounds * each_wei, rewards.terms.asset)
    return f"paid in {total} for {_name_rounds(first, rounds)}, {receipt.gas} gas"


def _name_rounds(first: int, rounds: int) -> str:
    return f"round {first}" if rounds == 1 else f"rounds {first} to {first + rounds - 1}"
