"""Objections as the command line shows them: what one costs, what it does, and what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from zk0.errors import ConfigError
from zk0.ports import BlobStore, Cid, Ledger, Receipt, RewardLedger
from zk0.protocol.payout import MAX_OBJECTIONS, Objection, Settlement, compute_bond_wei
from zk0.protocol.statement import Digest
from zk0.protocol.tensorfile import compute_file_digest
from zk0.rewards import show_amount, show_time


def read_evidence(
    store: BlobStore, file: Path | None, digest: str | None, cid: str | None
) -> tuple[Digest, Cid]:
    """Digest and content identifier: of a file, which is stored now, or as they are given.

    Raises:
        ConfigError: neither or both are given, or a digest that is none.
        StorageError: the file cannot be stored.
    """
    if file is not None and digest is None and cid is None:
        return compute_file_digest(file), store.put(file)
    if file is not None or digest is None or not cid:
        raise ConfigError("expected --evidence FILE, or --digest and --cid of evidence in a store")
    try:
        found = bytes.fromhex(digest.removeprefix("0x"))
    except ValueError as error:
        raise ConfigError(f"expected --digest in hexadecimal, found {digest!r}") from error
    if len(found) != 32:
        raise ConfigError(f"expected --digest of 32 bytes, found {len(found)}")
    return Digest(found), Cid(cid)


def require_settled(rewards: RewardLedger, round_id: int) -> Settlement:
    """Raises ConfigError for a round that the vault has not settled."""
    found = rewards.get_settlement(round_id)
    if found is None:
        raise ConfigError(
            f"expected a settled round, found --round {round_id}: the next one to settle is "
            f"{rewards.get_next_round()}, and `zk0-node claim` settles what is over"
        )
    return found


def require_objection(rewards: RewardLedger, round_id: int, number: int | None = None) -> Objection:
    """Raises ConfigError when there is none, or another one than `number`."""
    found = rewards.get_objection(round_id)
    if found is None:
        raise ConfigError(f"there is no open objection to round {round_id}")
    if number not in (None, found.number):
        raise ConfigError(
            f"expected the open objection to round {round_id}, {found.number}, found --objection "
            f"{number}: read its evidence first"
        )
    return found


def require_judge(rewards: RewardLedger) -> None:
    """Raises ConfigError for another wallet than the judge's."""
    judge = rewards.get_judge()
    if rewards.account != judge:
        raise ConfigError(
            f"only the vault's judge {judge} rules on objections, found {rewards.account}: use "
            "the judge's --wallet"
        )


def ask_to_object(
    ledger: Ledger, rewards: RewardLedger, settled: Settlement, digest: Digest, cid: Cid
) -> str:
    """The question before a bond is put up."""
    terms = rewards.terms
    bond = compute_bond_wei(terms.objection_bond_wei, settled.objections)
    allowance = "" if terms.asset is None else " (the vault must be allowed to take it)"
    return (
        f"{ledger.account} on chain {ledger.network.chain_id} objects to the payout of round "
        f"{settled.round_id}, {show_amount(settled.payout_wei, terms.asset)}, with evidence "
        f"0x{digest.hex()} ({cid}), as objection {settled.objections + 1} of {MAX_OBJECTIONS}, for "
        f"a bond of {show_amount(bond, terms.asset)}{allowance}, which is lost if it is rejected?"
    )


def ask_to_rule(
    ledger: Ledger, rewards: RewardLedger, settled: Settlement, found: Objection, *, upheld: bool
) -> str:
    """The question before a ruling."""
    asset = rewards.terms.asset
    bond = show_amount(found.bond_wei, asset)
    effect = (
        f"upholds it: {show_amount(settled.unpaid_wei, asset)} go back to the pot, and the bond of "
        f"{bond} to {found.objector}"
        if upheld
        else f"rejects it: {found.objector} loses the bond of {bond}, and the payout stays"
    )
    return (
        f"{ledger.account} on chain {ledger.network.chain_id} rules on objection {found.number} to "
        f"round {settled.round_id} and {effect}?"
    )


def describe_step(rewards: RewardLedger, receipt: Receipt, **what: Any) -> dict[str, Any]:
    """JSON-ready."""
    return {
        "vault": rewards.terms.vault,
        "asset": rewards.terms.asset,
        **what,
        "transaction": "0x" + receipt.transaction.hex(),
        "gas": receipt.gas,
    }


def describe_objection(round_id: int, found: Objection) -> dict[str, Any]:
    """JSON-ready."""
    return {
        "round": round_id,
        "objection": found.number,
        "objector": found.objector,
        "bond_wei": found.bond_wei,
        "ruling_deadline": found.ruling_deadline,
    }


def format_objection(round_id: int, found: Objection) -> str:
    """For a person who has just objected."""
    return (
        f"objection {found.number} to round {round_id} is filed; claims wait for a ruling, until "
        f"{show_time(found.ruling_deadline)}"
    )


def format_ruling(settled: Settlement, number: int, *, upheld: bool) -> str:
    """For the judge."""
    name = f"objection {number} to round {settled.round_id}"
    if upheld:
        return f"{name} is upheld: the payout is back in the pot, the bond is free"
    return f"{name} is rejected: claims open at {show_time(settled.opens_at)}"
