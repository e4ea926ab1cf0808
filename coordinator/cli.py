"""`zk0-coordinator`: drive rounds."""

from __future__ import annotations

import signal
from pathlib import Path
from types import FrameType

import click

from coordinator.recording_options import RecordingOptions, recording_options
from zk0.console import (
    NetworkOptions,
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
    """Open rounds, collect what nodes prove, aggregate it and publish checkpoints."""
    start_logging(verbose)


@cli.command("run-round")
@network_options
@wallet_options
@click.option("--rounds", type=click.IntRange(1), default=1, show_default=True, help="How many.")
@click.option(
    "--superlink",
    default="127.0.0.1:9092",
    show_default=True,
    help="HOST:PORT; started there if none answers.",
)
@click.option("--superlink-ca", type=click.Path(path_type=Path), help="Of a running SuperLink.")
@click.option("--pool", type=click.Path(path_type=Path), help="Held-out episodes, one set a task.")
@click.option(
    "--min-nodes",
    type=click.IntRange(1),
    help="Open a round once so many nodes have joined.  [default: the quorum]",
)
@recording_options
@json_option
def run_round(
    options: NetworkOptions,
    wallet: str,
    password_file: Path | None,
    rounds: int,
    superlink: str,
    superlink_ca: Path | None,
    pool: Path | None,
    min_nodes: int | None,
    recording: RecordingOptions | None,
    as_json: bool,
) -> None:
    """Run one full round, or what is left of the one that is open, then --rounds − 1 more."""
    from coordinator import bootstrap
    from coordinator.table import format_round

    signal.signal(signal.SIGTERM, _interrupt)
    base = bootstrap.open_base(options, wallet, password_file)
    published_ca = options.home / "superlink-ca.pem"
    summaries = []
    with (
        bootstrap.open_superlink(base.home, superlink, superlink_ca, published_ca) as endpoint,
        bootstrap.open_runner(base, pool, endpoint, min_nodes, recording) as runner,
    ):
        for _ in range(rounds):
            summary = runner.run_round()
            summaries.append(summary)
            if not as_json:
                click.echo(format_round(summary))
    if as_json:
        print_json([summary.to_json() for summary in summaries])


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """SIGTERM ends a coordinator like Ctrl-C: children are stopped on the way out."""
    raise KeyboardInterrupt


@cli.command()
@network_options
@wallet_options
@click.option("--yes", is_flag=True, help="Do not ask.")
def abort(options: NetworkOptions, wallet: str, password_file: Path | None, yes: bool) -> None:
    """Give the running round up; the next one starts from the same base."""
    from coordinator.seats import ask_to_abort
    from zk0.bootstrap import open_ledger
    from zk0.console import confirm
    from zk0.errors import RoundError

    ledger = open_ledger(options, wallet, password_file)
    newest = ledger.get_round_count()
    round_ = ledger.get_round(newest)
    if newest == 0 or round_.phase.is_over:
        raise RoundError("no round is running")
    confirm(ask_to_abort(ledger, round_), yes)
    ledger.abort_round(newest)
    click.echo(f"round {newest} aborted")


@cli.command("simulate")
@click.option("--rounds", type=click.IntRange(1), default=100, show_default=True, help="How many.")
@click.option("--nodes", type=click.IntRange(1, 63), default=10, show_default=True)
@click.option(
    "--policy",
    type=click.Choice(["toy", "tiny"]),
    default="toy",
    show_default=True,
    help="A linear control-plane policy, or the embedded tiny SmolVLA.",
)
@click.option(
    "--strategy",
    default="fedavg",
    show_default=True,
    help="fedavg, fedprox, fedavgm, fedadam, fedyogi, median or trimmed-mean.",
)
@click.option("--poisoned", type=click.IntRange(0), default=0, help="Of the nodes, send −3·update.")
@click.option("--commitments", is_flag=True, help="Commit every update on a devnet of its own.")
@click.option("--proofs", is_flag=True, help="Prove and finalize every round on it, too: slow.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
def simulate_rounds(
    rounds: int,
    nodes: int,
    policy: str,
    strategy: str,
    poisoned: int,
    commitments: bool,
    proofs: bool,
    seed: int,
) -> None:
    """Run a whole federation in this process; prints one JSON line a round and a summary."""
    from coordinator.simulate import SimulationOptions, simulate

    options = SimulationOptions(
        rounds, nodes, policy, strategy, poisoned, commitments, proofs, seed
    )
    simulate(options, click.echo)


@cli.command()
@network_options
@wallet_options
@click.option("--coordinator", help="Whose bond.  [default: this wallet's]")
@click.option("--amount", type=click.IntRange(1), help="Wei.  [default: what the bond lacks]")
@click.option("--yes", is_flag=True, help="Do not ask.")
def bond(
    options: NetworkOptions,
    wallet: str,
    password_file: Path | None,
    coordinator: str | None,
    amount: int | None,
    yes: bool,
) -> None:
    """Put up a coordinator's bond, or add to it."""
    from coordinator.seats import plan_bond
    from zk0.bootstrap import open_ledger
    from zk0.chain.deployments import parse_address
    from zk0.console import confirm

    ledger = open_ledger(options, wallet, password_file)
    account = parse_address(coordinator) if coordinator else ledger.account
    value = plan_bond(ledger, account, amount)
    confirm(f"add {value} wei to the bond of {account}?", yes)
    receipt = ledger.bond_coordinator(account, value)
    state = "drives the rounds" if ledger.get_coordinators().current == account else "stands by"
    click.echo(f"{account} {state}, {receipt.gas} gas")


@cli.command()
@network_options
@wallet_options
@json_option
def status(options: NetworkOptions, wallet: str, password_file: Path | None, as_json: bool) -> None:
    """Show the coordinators, their bonds, and who drives the rounds."""
    from coordinator.seats import describe_coordinators, format_coordinators
    from zk0.bootstrap import open_ledger

    found = describe_coordinators(open_ledger(options, wallet, password_file))
    if as_json:
        print_json(found)
    else:
        click.echo(format_coordinators(found))


@cli.command()
@network_options
@wallet_options
def succeed(options: NetworkOptions, wallet: str, password_file: Path | None) -> None:
    """Let the next coordinator take over from one that has opened no round for too long."""
    from zk0.bootstrap import open_ledger

    ledger = open_ledger(options, wallet, password_file)
    receipt = ledger.succeed_coordinator()
    current = ledger.get_coordinators().current
    click.echo(f"{current} drives the rounds from now on, {receipt.gas} gas")


def main() -> None:
    run(cli)
