"""`zk0-node`: join a network, take part in rounds, prove, leave."""

from __future__ import annotations

from pathlib import Path

import click

from zk0.console import (
    NetworkOptions,
    confirm,
    json_option,
    network_options,
    print_json,
    run,
    start_logging,
    wallet_options,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="zk0")
@click.option("-v", "--verbose", is_flag=True, help="Log more.")
def cli(verbose: bool) -> None:
    """Train a shared robot policy on your own data, and prove that it helped."""
    start_logging(verbose)


@cli.command()
@network_options
@wallet_options
@click.option(
    "--dataset",
    required=True,
    help="hf:OWNER/NAME[@REVISION], local:FOLDER, sim:TASK[@SEED] or an embedded set's name.",
)
@click.option(
    "--federation",
    type=click.Path(path_type=Path),
    help="TOML file with [tool.zk0.datasets]; --dataset is then a client's name in it.",
)
@click.option("--task", help="The network's task that the data set is for.  [default: its name]")
@click.option("--superlink", default="127.0.0.1:9092", show_default=True, help="HOST:PORT.")
@click.option(
    "--superlink-ca",
    type=click.Path(path_type=Path),
    help="The SuperLink's CA certificate.  [default: the coordinator's in <home>]",
)
@click.option(
    "--device", envvar="ZK0_DEVICE", help="cuda, mps or cpu.  [default: the first that is there]"
)
@click.option("--examples", type=click.IntRange(1), help="Register at most this many examples.")
@click.option("--yes", is_flag=True, help="Do not ask before joining on chain.")
def join(
    options: NetworkOptions,
    wallet: str,
    password_file: Path | None,
    dataset: str,
    federation: Path | None,
    task: str | None,
    superlink: str,
    superlink_ca: Path | None,
    device: str | None,
    examples: int | None,
    yes: bool,
) -> None:
    """Join the network and take part in its rounds until stopped."""
    from node.joining import JoinOptions, take_part

    take_part(
        options,
        JoinOptions(
            wallet=wallet,
            password_file=password_file,
            dataset=dataset,
            task=task,
            superlink=superlink,
            superlink_ca=superlink_ca or options.home / "superlink-ca.pem",
            examples=examples,
            yes=yes,
            federation=federation,
            device=device,
        ),
    )


@cli.command()
@network_options
@wallet_options
@click.option("--round", "round_id", type=click.IntRange(1), required=True, help="Which round.")
@json_option
def prove(
    options: NetworkOptions,
    wallet: str,
    password_file: Path | None,
    round_id: int,
    as_json: bool,
) -> None:
    """Prove a contribution from the chain and the own update file alone."""
    from node import bootstrap

    tools = bootstrap.open_tools(options, wallet, password_file)
    pipeline = bootstrap.make_pipeline(tools, bootstrap.NoLearner())
    receipt = pipeline.prove(round_id)
    own = tools.ledger.get_round(round_id).contribution_of(tools.ledger.account)
    if own is None:
        return
    if as_json:
        print_json(
            {
                "round": round_id,
                "node": own.node,
                "outcome": own.outcome.label,
                "alignment_bps": own.alignment_bps,
                "share_nano": own.share_nano,
                "transaction": "0x" + receipt.transaction.hex() if receipt else None,
                "gas": receipt.gas if receipt else None,
            }
        )
        return
    how = f"{receipt.gas} gas" if receipt else "it was proven before"
    click.echo(
        f"round {round_id}: {own.outcome.label}, alignment {own.alignment_bps} bps, "
        f"share {own.share_nano / 1e9:.9f} ({how})"
    )


@cli.command()
@network_options
@wallet_options
@json_option
def status(options: NetworkOptions, wallet: str, password_file: Path | None, as_json: bool) -> None:
    """Show this wallet's registration, its part in the newest round, and what it is owed."""
    from node.claiming import read_rewards
    from node.status import describe_status, format_status
    from zk0.bootstrap import open_ledger

    ledger = open_ledger(options, wallet, password_file)
    found = describe_status(ledger, read_rewards(ledger) if ledger.network.vault else None)
    if as_json:
        print_json(found)
    else:
        click.echo(format_status(found))


@cli.command("top-up")
@network_options
@wallet_options
@click.option("--node", help="Whose bond.  [default: this wallet's]")
@click.option("--amount", type=click.IntRange(1), help="Wei.  [default: what the bond lacks]")
@click.option("--yes", is_flag=True, help="Do not ask.")
def top_up(
    options: NetworkOptions,
    wallet: str,
    password_file: Path | None,
    node: str | None,
    amount: int | None,
    yes: bool,
) -> None:
    """Add to a node's bond; a suspended node is active again once it is covered."""
    from node.registration import plan_top_up
    from zk0.bootstrap import open_ledger
    from zk0.chain.deployments import parse_address

    ledger = open_ledger(options, wallet, password_file)
    target = parse_address(node) if node else ledger.account
    value = plan_top_up(ledger, target, amount)
    confirm(f"add {value} wei to the bond of {target}?", yes)
    receipt = ledger.top_up(target, value)
    found = ledger.get_registration(target)
    if found is not None:
        state = "active" if found.is_active else "still suspended"
        click.echo(f"{target} is {state}, bond {found.bond_wei} wei, {receipt.gas} gas")


@cli.command()
@network_options
@wallet_options
@click.option(
    "--round",
    "rounds",
    type=click.IntRange(1),
    multiple=True,
    help="Only this round; can be given several times.  [default: all]",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def claim(
    options: NetworkOptions,
    wallet: str,
    password_file: Path | None,
    rounds: tuple[int, ...],
    yes: bool,
    as_json: bool,
) -> None:
    """Be paid for what this wallet's contributions earned.

    Settles rounds that are over first, if nobody has. Claims open when a round's objection window
    has passed.
    """
    from node import claiming
    from zk0.bootstrap import open_ledger
    from zk0.history import check_round

    ledger = open_ledger(options, wallet, password_file)
    for round_id in rounds:
        check_round(round_id, ledger.get_round_count())
    rewards = ledger.rewards
    plan = claiming.plan_claim(ledger, rewards, rounds)
    if plan.settle or plan.claim:
        confirm(claiming.ask_to_claim(plan, ledger, rewards), yes)
    result = claiming.carry_out(plan, ledger, rewards, rounds, _show_progress)
    if as_json:
        print_json(claiming.describe_claim(result, ledger, rewards))
    else:
        click.echo(claiming.format_claim(result, ledger, rewards))


def _show_progress(done: int, total: int) -> None:
    if done < total:
        click.echo(f"{done} of {total} rounds claimed", err=True)


@cli.command("exit")
@network_options
@wallet_options
@click.option("--yes", is_flag=True, help="Do not ask.")
def request_exit(
    options: NetworkOptions, wallet: str, password_file: Path | None, yes: bool
) -> None:
    """Leave the network; the bond can be taken back after the exit delay."""
    from zk0.bootstrap import open_ledger

    ledger = open_ledger(options, wallet, password_file)
    confirm(f"{ledger.account} leaves {ledger.network.registry}?", yes)
    ledger.request_exit()
    registration = ledger.get_registration(ledger.account)
    if registration is not None:
        click.echo(f"left; the bond is free at block time {registration.exit_at}")


@cli.command()
@network_options
@wallet_options
@click.option("--node", required=True, help="Whose seat, an address.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def retire(
    options: NetworkOptions,
    wallet: str,
    password_file: Path | None,
    node: str,
    yes: bool,
    as_json: bool,
) -> None:
    """Free the seat of a node that has let too many rounds pass. Its bond stays its own."""
    from node.registration import plan_retirement
    from zk0.bootstrap import open_ledger
    from zk0.chain.deployments import parse_address

    ledger = open_ledger(options, wallet, password_file)
    target = parse_address(node)
    idle = plan_retirement(ledger, target)
    confirm(
        f"chain {ledger.network.chain_id}: {ledger.account} retires {target}, which has let {idle} "
        "rounds pass, and pays the gas? It loses its seat, not its bond.",
        yes,
    )
    receipt = ledger.retire(target)
    found = ledger.get_registration(target)
    exit_at = found.exit_at if found is not None else None
    if as_json:
        print_json(
            {
                "node": target,
                "idle_rounds": idle,
                "exit_at": exit_at,
                "transaction": "0x" + receipt.transaction.hex(),
                "gas": receipt.gas,
            }
        )
    else:
        click.echo(f"{target} is retired; its bond is free at block time {exit_at}")


@cli.command()
@network_options
@wallet_options
def withdraw(options: NetworkOptions, wallet: str, password_file: Path | None) -> None:
    """Take the bond back after leaving."""
    from zk0.bootstrap import open_ledger

    ledger = open_ledger(options, wallet, password_file)
    receipt = ledger.withdraw_bond()
    click.echo(f"bond paid back to {ledger.account}, {receipt.gas} gas")


@cli.command("create-wallet")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--password-file", type=click.Path(path_type=Path), help="Else ZK0_PASSWORD.")
def create_wallet(path: Path, password_file: Path | None) -> None:
    """Make a new encrypted keystore at PATH."""
    from zk0.chain.wallet import create_keystore, read_password

    password = read_password("New password: ", password_file=password_file)
    click.echo(create_keystore(path, password))


def main() -> None:
    run(cli)
