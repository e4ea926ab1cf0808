"""`zk0`: a devnet to develop on, and the history that the contracts keep."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import click

from zk0.console import (
    NetworkOptions,
    confirm,
    get_home,
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
    """A network in which contracts judge contributions to one robot policy."""
    start_logging(verbose)


@cli.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8545, show_default=True)
@click.option("--home", type=click.Path(path_type=Path), default=get_home, help="[default: ~/.zk0]")
@click.option("--quorum", type=click.IntRange(1), default=1, show_default=True)
@click.option(
    "--circuit",
    type=click.Choice(["alignment-960", "alignment-3840"]),
    default="alignment-3840",
    show_default=True,
    help="960 proves faster, and an honest node can fall under the threshold.",
)
def devnet(port: int, home: Path, quorum: int, circuit: str) -> None:
    """Start Anvil with one-second blocks and its state in a file, and deploy a network on it.

    A network that was deployed before is continued. Runs until stopped.
    """
    from zk0.devnet import open_devnet

    stopping: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _frame: stopping.append(received))
    with open_devnet(home, port=port, quorum=quorum, circuit=circuit) as running:
        click.echo(running.describe())
        click.echo("running; stop with Ctrl-C", err=True)
        while not stopping and running.is_running:
            time.sleep(0.2)
    click.echo("stopped, state saved", err=True)


@cli.command()
@network_options
@click.option("--node", help="Only this node's contributions.")
@click.option("--round", "round_id", type=click.IntRange(1), help="Only this round.")
@json_option
def history(options: NetworkOptions, node: str | None, round_id: int | None, as_json: bool) -> None:
    """Show what happened, from the contracts' events alone."""
    from zk0.bootstrap import open_ledger
    from zk0.chain.history import build_history, list_transactions, to_json
    from zk0.history import check_round, describe_nothing, format_history, parse_node

    ledger = open_ledger(options)
    wanted = parse_node(node)
    check_round(round_id, ledger.get_round_count())
    events = ledger.get_events()
    rows = build_history(events, round_id=round_id, node=wanted)
    gas = {tx: ledger.get_gas(tx) for tx in list_transactions(rows)}
    rows = build_history(events, gas, round_id=round_id, node=wanted)
    if as_json:
        print_json({"rounds": to_json(rows)})
    else:
        click.echo(format_history(rows) or describe_nothing(wanted))


@cli.command()
@network_options
@wallet_options
@click.option(
    "--round", "first", type=click.IntRange(1), help="The first one.  [default: the next to settle]"
)
@click.option("--rounds", type=click.IntRange(1), default=1, show_default=True, help="How many.")
@click.option(
    "--amount", required=True, help="For each round: 0.5eth, 100gwei, or the smallest units."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def fund(
    options: NetworkOptions,
    wallet: str,
    password_file: Path | None,
    first: int | None,
    rounds: int,
    amount: str,
    yes: bool,
    as_json: bool,
) -> None:
    """Pay into the network's reward vault for one round, or for each of several.

    What a round does not pay rolls over to the next one; nothing comes back to whoever paid it in.
    """
    from zk0.bootstrap import open_ledger
    from zk0.rewards import ask_to_fund, describe_funding, format_funding, parse_amount

    each = parse_amount(amount)
    ledger = open_ledger(options, wallet, password_file)
    rewards = ledger.rewards
    start = first or rewards.get_next_round()
    confirm(ask_to_fund(ledger, rewards, start, rounds, each), yes)
    receipt = rewards.fund(start, rounds, each)
    if as_json:
        print_json(describe_funding(rewards, receipt, start, rounds, each))
    else:
        click.echo(format_funding(rewards, receipt, start, rounds, each))


def main() -> None:
    run(cli)
