"""`zk0 object`, `rule`, `expire-objection`, `withdraw-bond`: against a payout, and about it."""

from __future__ import annotations

from pathlib import Path

import click

from zk0.console import (
    NetworkOptions,
    confirm,
    json_option,
    network_options,
    print_json,
    wallet_options,
)

_round = click.option(
    "--round", "round_id", type=click.IntRange(1), required=True, help="Which round."
)
_yes = click.option("--yes", is_flag=True, help="Do not ask.")


@click.command("object")
@network_options
@wallet_options
@_round
@click.option(
    "--evidence",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file, which is put into --store.",
)
@click.option("--digest", help="Instead of a file: SHA-256 of the evidence, in hexadecimal.")
@click.option("--cid", help="Instead of a file: where the evidence is.")
@_yes
@json_option
def object_to(
    options: NetworkOptions, wallet: str, password_file: Path | None, round_id: int,
    evidence: Path | None, digest: str | None, cid: str | None, yes: bool, as_json: bool,
) -> None:  # fmt: skip
    """Object to a round's payout, for a bond, before its claims open.

    The vault's judge rules. Each further objection to a round costs twice as much.
    """
    from zk0 import objections
    from zk0.bootstrap import open_ledger
    from zk0.storage import open_store

    ledger = open_ledger(options, wallet, password_file)
    rewards = ledger.rewards
    settled = objections.require_settled(rewards, round_id)
    found, place = objections.read_evidence(open_store(options.store), evidence, digest, cid)
    confirm(objections.ask_to_object(ledger, rewards, settled, found, place), yes)
    receipt = rewards.object_to(round_id, found, place)
    filed = objections.require_objection(rewards, round_id)
    if as_json:
        described = objections.describe_objection(round_id, filed)
        evidence_ = {"evidence": "0x" + found.hex(), "cid": place}
        print_json(objections.describe_step(rewards, receipt, **described, **evidence_))
    else:
        click.echo(objections.format_objection(round_id, filed) + f", {receipt.gas} gas")


@click.command()
@network_options
@wallet_options
@_round
@click.option("--objection", "number", type=click.IntRange(1), required=True, help="Which one.")
@click.option("--uphold/--reject", "upheld", default=None, help="The ruling.")
@_yes
@json_option
def rule(
    options: NetworkOptions, wallet: str, password_file: Path | None, round_id: int, number: int,
    upheld: bool | None, yes: bool, as_json: bool,
) -> None:  # fmt: skip
    """Rule on an objection, as the vault's judge, until its deadline.

    Upheld, the whole payout goes back to the pot. Rejected, the objector loses the bond.
    """
    from zk0 import objections
    from zk0.bootstrap import open_ledger
    from zk0.errors import ConfigError

    if upheld is None:
        raise ConfigError("expected --uphold or --reject")
    ledger = open_ledger(options, wallet, password_file)
    rewards = ledger.rewards
    objections.require_judge(rewards)
    settled = objections.require_settled(rewards, round_id)
    found = objections.require_objection(rewards, round_id, number)
    confirm(objections.ask_to_rule(ledger, rewards, settled, found, upheld=upheld), yes)
    receipt = rewards.rule(round_id, number, upheld=upheld)
    after = objections.require_settled(rewards, round_id)
    if as_json:
        described = objections.describe_objection(round_id, found)
        ruling = {"upheld": upheld, "payout_wei": after.payout_wei, "opens_at": after.opens_at}
        print_json(objections.describe_step(rewards, receipt, **described, **ruling))
    else:
        click.echo(objections.format_ruling(after, number, upheld=upheld) + f", {receipt.gas} gas")


@click.command("expire-objection")
@network_options
@wallet_options
@_round
@_yes
@json_option
def expire_objection(
    options: NetworkOptions, wallet: str, password_file: Path | None, round_id: int, yes: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Free the bond of an objection that nobody ruled on in time. Anyone may."""
    from zk0 import objections
    from zk0.bootstrap import open_ledger

    ledger = open_ledger(options, wallet, password_file)
    rewards = ledger.rewards
    found = objections.require_objection(rewards, round_id)
    confirm(
        f"{ledger.account} on chain {ledger.network.chain_id} frees the bond of objection "
        f"{found.number} to round {round_id} for {found.objector}, and pays the gas?",
        yes,
    )
    receipt = rewards.expire_objection(round_id)
    if as_json:
        described = objections.describe_objection(round_id, found)
        print_json(objections.describe_step(rewards, receipt, **described))
    else:
        click.echo(
            f"the bond is free: {found.objector} takes it with `zk0 withdraw-bond`, "
            f"{receipt.gas} gas"
        )


@click.command("withdraw-bond")
@network_options
@wallet_options
@_yes
@json_option
def withdraw_bond(
    options: NetworkOptions, wallet: str, password_file: Path | None, yes: bool, as_json: bool
) -> None:
    """Take back the bonds of objections that were upheld, or that nobody ruled on."""
    from zk0 import objections
    from zk0.bootstrap import open_ledger
    from zk0.errors import ConfigError
    from zk0.rewards import show_amount

    ledger = open_ledger(options, wallet, password_file)
    rewards = ledger.rewards
    amount = rewards.get_free_bond_wei(ledger.account)
    if not amount:
        raise ConfigError(
            f"{ledger.account} has no free bond: a bond is free once its objection is upheld, or "
            "nobody ruled on it in time and `zk0 expire-objection` was called"
        )
    shown = show_amount(amount, rewards.terms.asset)
    confirm(f"{ledger.account} on chain {ledger.network.chain_id} withdraws {shown}?", yes)
    receipt = rewards.withdraw_bond()
    if as_json:
        print_json(objections.describe_step(rewards, receipt, amount_wei=amount))
    else:
        click.echo(f"{shown} paid to {ledger.account}, {receipt.gas} gas")
