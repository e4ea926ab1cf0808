"""Runs the demo from an empty folder to `summary.json`."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from zk0.chain.history import build_history, list_transactions
from zk0.chain.ledger import ChainLedger, connect
from zk0.chain.rows import to_json
from zk0.chain.wallet import DEVNET_CHAIN_ID, open_dev_wallet
from zk0.demo.fleet import DemoFleet
from zk0.demo.summary import build_summary, draw_chart, format_table
from zk0.devnet import RunningNetwork, open_devnet
from zk0.errors import TransportError
from zk0.networks import DEVNET_CIRCUIT, DEVNET_TASKS
from zk0.outputs.folder import OutputFolder
from zk0.rewards import show_amount

FREELOADER_TASK = "touch"
FREELOADER_EXAMPLES = 400
SPONSOR = "dev:7"
"""Who pays into the vault; not one of the fleet's wallets, as processes must not share a key."""
FUNDED_WEI = 10**18
"""For each round. It pays 1 ETH for a drop of 1, and what is left rolls over."""
WINDOW_PATIENCE_S = 300.0


@dataclass(frozen=True, slots=True)
class DemoOptions:
    outputs: Path
    rounds: int = 3
    circuit: str = DEVNET_CIRCUIT
    evaluate_every: int = 1


def _show(name: str, line: str) -> None:
    click.echo(f"{name:>12} │ {line}")


def name_nodes() -> dict[str, str]:
    """Address → how the demo calls it."""
    names = [*DEVNET_TASKS, "freeloader"]
    return {
        open_dev_wallet(f"dev:{number}", DEVNET_CHAIN_ID).address: name
        for number, name in enumerate(names, 1)
    }


def run_demo(options: DemoOptions) -> Path:
    """Devnet, three honest nodes and a freeloader, some rounds; returns the output folder.

    Raises:
        TransportError: the coordinator or a node ended before the rounds were done.
    """
    start = time.monotonic()
    folder = OutputFolder.open(options.outputs, datetime.now()).root
    home = folder / "home"
    home.mkdir(parents=True)
    click.echo(f"outputs in {folder}; starting Anvil and deploying the contracts")
    result = folder / "server" / "rounds.json"
    quorum = len(DEVNET_TASKS) + 1
    with open_devnet(home, port=0, quorum=quorum, circuit=options.circuit) as network:
        click.echo(network.describe())
        fund_rounds(network, options.rounds)
        fleet = DemoFleet(network.anvil.rpc_url, home, folder / "logs", _show)
        try:
            fleet.start_coordinator(options.rounds, result, extra=_list_recording(folder, options))
            for number, task in enumerate(DEVNET_TASKS, 1):
                fleet.start_node(number, task)
            fleet.start_freeloader(quorum, FREELOADER_TASK, FREELOADER_EXAMPLES)
            _wait(fleet)
            fleet.close()
            ledger = connect(network.anvil.rpc_url, network.deployment)
            await_claims(ledger)
            for number, name in enumerate(name_nodes().values(), 1):
                fleet.claim(number, name)
        finally:
            fleet.close()
        summary = _write_outputs(folder, network, ledger, result, time.monotonic() - start)
    _explain(folder, network, summary)
    return folder


def _list_recording(folder: Path, options: DemoOptions) -> list[str]:
    """The coordinator's options for what people look at; `stack` is the task nobody trains on."""
    names = [f"--node-name={address}={name}" for address, name in name_nodes().items()]
    every = f"--evaluate-every={options.evaluate_every}"
    return [f"--outputs={folder}", every, "--unseen=stack", *names]


def fund_rounds(network: RunningNetwork, rounds: int) -> None:
    """A sponsor pays into the vault for the first `rounds` rounds."""
    sponsor = open_dev_wallet(SPONSOR, DEVNET_CHAIN_ID)
    rewards = connect(network.anvil.rpc_url, network.deployment, sponsor).rewards
    rewards.fund(1, rounds, FUNDED_WEI)
    click.echo(f"{SPONSOR} paid {show_amount(FUNDED_WEI, None)} a round into the reward vault")


def await_claims(ledger: ChainLedger) -> None:
    """Wait until the claims of every settled round are open.

    Raises:
        TransportError: the chain stands still.
    """
    rows = build_history(ledger.get_events())
    opens_at = max((row.settlement.opens_at for row in rows if row.settlement), default=0)
    end = time.monotonic() + WINDOW_PATIENCE_S
    while ledger.get_block().timestamp < opens_at:
        if time.monotonic() > end:
            raise TransportError(f"the chain's time did not reach {opens_at}, when claims open")
        time.sleep(0.2)


def _wait(fleet: DemoFleet) -> None:
    coordinator = fleet.children["coordinator"]
    while coordinator.exit_code is None:
        for child in fleet.children.values():
            if child is not coordinator and child.exit_code is not None:
                raise TransportError(
                    f"{child.name} ended with exit code {child.exit_code}; its log is in "
                    f"{fleet.logs / (child.name + '.log')}"
                )
        time.sleep(0.2)
    if coordinator.exit_code != 0:
        raise TransportError(
            f"the coordinator ended with exit code {coordinator.exit_code}; its log is in "
            f"{fleet.logs / 'coordinator.log'}"
        )


def _write_outputs(
    folder: Path, network: RunningNetwork, ledger: ChainLedger, result: Path, seconds: float
) -> dict[str, Any]:
    rounds = json.loads(result.read_bytes())
    events = ledger.get_events()
    gas = {tx: ledger.get_gas(tx) for tx in list_transactions(build_history(events))}
    history = build_history(events, gas)
    summary = build_summary(network.deployment, rounds, history, seconds)
    (folder / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    (folder / "history.json").write_text(json.dumps({"rounds": to_json(history)}, indent=2) + "\n")
    draw_chart(summary, name_nodes(), folder / "rounds.png")
    return summary


def _explain(folder: Path, network: RunningNetwork, summary: Mapping[str, Any]) -> None:
    """What happened, and how to look at it again."""
    state = network.anvil.state
    registry = network.deployment.registry
    rpc = "http://127.0.0.1:8545"
    click.echo("\n" + format_table(summary, name_nodes()))
    click.echo(
        f"\n{summary['seconds']:.0f} s. Summary, models, evaluations, logs and pictures: {folder}\n"
        "\nRead the history from the chain again:\n"
        f"  anvil --state {state} --port 8545 &\n"
        f"  cast logs --rpc-url {rpc} --from-block 0 --address {registry} "
        "'ContributionSettled(uint256 indexed,address indexed,uint8,int256,uint256)'\n"
        f"  cast call --rpc-url {rpc} {registry} 'head()(bytes32)'\n"
        f"  cast logs --rpc-url {rpc} --from-block 0 --address {network.deployment.reward_vault} "
        "'RewardClaimed(uint256 indexed,address indexed,uint256)'\n"
        f"  zk0 history --rpc-url {rpc} --home {network.home}\n"
        f"  zk0 audit --rpc-url {rpc} --home {network.home}\n"
        "anvil and cast are in node_modules/@foundry-rs/*/bin, zk0 in .venv/bin."
    )
