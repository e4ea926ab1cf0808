"""`zk0`: a devnet to develop on, the history that the contracts keep, and a network's rules."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import click

from zk0.cli_audit import audit
from zk0.cli_datasets import datasets
from zk0.cli_objections import expire_objection, object_to, rule, withdraw_bond
from zk0.compare import compare
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
from zk0.evaluate import evaluate


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
@click.option(
    "--strategy",
    default="fedavg",
    show_default=True,
    help="fedavg, fedprox, fedavgm, fedadam, fedyogi, median or trimmed-mean.",
)
def devnet(port: int, home: Path, quorum: int, circuit: str, strategy: str) -> None:
    """Start Anvil with one-second blocks and its state in a file, and deploy a network on it.

    A network that was deployed before is continued. Runs until stopped.
    """
    from zk0.devnet import open_devnet

    stopping: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _frame: stopping.append(received))
    with open_devnet(home, port=port, quorum=quorum, circuit=circuit, strategy=strategy) as running:
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
    from zk0.chain.history import build_history, list_transactions
    from zk0.chain.rows import to_json
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


@cli.command()
@network_options
@json_option
def parameters(options: NetworkOptions, as_json: bool) -> None:
    """Show the rules of the next round, and what is announced in the timelock."""
    from zk0.bootstrap import open_ledger
    from zk0.governance import describe_rules, format_rules

    found = describe_rules(open_ledger(options))
    if as_json:
        print_json(found)
    else:
        click.echo(format_rules(found))


@cli.command("propose-parameters")
@network_options
@wallet_options
@click.option("--set", "changes", multiple=True, metavar="NAME=VALUE", help="Repeat for several.")
@click.option("--circuit", help="Another circuit: its identifier, 32 bytes as 0x…")
@click.option("--yes", is_flag=True, help="Do not ask.")
def propose_parameters(
    options: NetworkOptions,
    wallet: str,
    password_file: Path | None,
    changes: tuple[str, ...],
    circuit: str | None,
    yes: bool,
) -> None:
    """Announce other rules for later rounds in the timelock."""
    from zk0.bootstrap import open_ledger
    from zk0.governance import apply_changes, describe_change

    ledger = open_ledger(options, wallet, password_file)
    timelock = ledger.open_timelock()
    now = ledger.get_next_rules()
    wanted, circuit_id = apply_changes(now, changes, circuit)
    timelock.rehearse(wanted, circuit_id)
    confirm(
        f"chain {ledger.network.chain_id}: {ledger.account} announces "
        f"{describe_change(now, wanted, circuit_id)}; it can happen in "
        f"{timelock.min_delay_s} s and costs gas now?",
        yes,
    )
    receipt = timelock.announce(wanted, circuit_id)
    click.echo(f"announced, {receipt.gas} gas; `zk0 parameters` shows it with its time")


@cli.command("execute-parameters")
@network_options
@wallet_options
@click.option("--operation", help="Which one, as `zk0 parameters` names it.  [default: the only]")
@click.option("--yes", is_flag=True, help="Do not ask.")
def execute_parameters(
    options: NetworkOptions,
    wallet: str,
    password_file: Path | None,
    operation: str | None,
    yes: bool,
) -> None:
    """Carry out a change of the rules whose delay has passed. Anyone may."""
    from zk0.bootstrap import open_ledger
    from zk0.governance import choose_announced, describe_change

    ledger = open_ledger(options, wallet, password_file)
    timelock = ledger.open_timelock()
    chosen = choose_announced(timelock.list_announced(), operation, ledger.get_block().timestamp)
    change = describe_change(ledger.get_next_rules(), chosen.parameters, chosen.circuit_id)
    confirm(
        f"chain {ledger.network.chain_id}: {ledger.account} carries out {change}, for rounds "
        "opened from then on, and pays the gas?",
        yes,
    )
    receipt = timelock.execute(chosen)
    version = ledger.get_next_rules().version
    click.echo(f"rules {version} are in force for later rounds, {receipt.gas} gas")


@cli.command("cancel-parameters")
@click.argument("operation")
@network_options
@wallet_options
@click.option("--yes", is_flag=True, help="Do not ask.")
def cancel_parameters(
    options: NetworkOptions,
    operation: str,
    wallet: str,
    password_file: Path | None,
    yes: bool,
) -> None:
    """Withdraw the announced change OPERATION, as `zk0 parameters` names it."""
    from zk0.bootstrap import open_ledger
    from zk0.governance import describe_change, find_announced, find_followers

    ledger = open_ledger(options, wallet, password_file)
    timelock = ledger.open_timelock()
    announced = timelock.list_announced()
    chosen = find_announced(announced, operation, "one of these names")
    change = describe_change(ledger.get_next_rules(), chosen.parameters, chosen.circuit_id)
    followers = find_followers(announced, chosen)
    lost = f" Announced after it, and lost with it: {', '.join(followers)}." if followers else ""
    confirm(
        f"chain {ledger.network.chain_id}: {ledger.account} withdraws {change}, and pays the gas?"
        + lost,
        yes,
    )
    receipt = timelock.cancel(chosen)
    click.echo(f"withdrawn, {receipt.gas} gas")


cli.add_command(audit)
cli.add_command(compare)
cli.add_command(evaluate)
cli.add_command(datasets)
for command in (object_to, rule, expire_objection, withdraw_bond):
    cli.add_command(command)


def main() -> None:
    run(cli)
