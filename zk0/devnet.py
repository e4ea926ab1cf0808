"""A devnet with a network on it: Anvil, contracts, founding blobs, funded dev wallets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from circuits.catalog import get_circuit
from zk0.chain.deploy import deploy_network
from zk0.chain.deployments import Deployment, load_deployment
from zk0.chain.devnet import STATE_FILE, Devnet, DevnetOptions, start_devnet
from zk0.chain.wallet import DEVNET_CHAIN_ID, open_dev_wallet
from zk0.networks import make_plan, store_network
from zk0.storage import open_store

SHOWN_WALLETS = 8


@dataclass(frozen=True, slots=True)
class RunningNetwork:
    """A deployed network and the Anvil that it lives on."""

    anvil: Devnet
    deployment: Deployment
    home: Path

    @property
    def is_running(self) -> bool:
        return self.anvil.is_running

    def describe(self) -> str:
        """Where everything is, for a developer."""
        lines = [
            f"rpc         {self.anvil.rpc_url}  (chain id {self.anvil.chain_id})",
            f"registry    {self.deployment.registry}",
            f"nodes       {self.deployment.node_registry}",
            f"timelock    {self.deployment.timelock}",
            f"verifier    {self.deployment.alignment_verifier}  ({self.deployment.circuit})",
            f"vault       {self.deployment.reward_vault or 'none'}",
            f"deployments {self.home / 'deployments'}",
            f"state       {self.anvil.state}",
            "wallets     (10,000 ETH each; everybody knows their keys)",
        ]
        for number in range(SHOWN_WALLETS):
            role = "coordinator" if number == 0 else ""
            wallet = open_dev_wallet(f"dev:{number}", DEVNET_CHAIN_ID)
            lines.append(f"  dev:{number}  {wallet.address}  {role}".rstrip())
        return "\n".join(lines)


@contextmanager
def open_devnet(
    home: Path,
    *,
    port: int,
    quorum: int,
    circuit: str,
    strategy: str = "fedavg",
    block_time_s: int | None = 1,
) -> Iterator[RunningNetwork]:
    """Anvil with its state below `home`, and the network that was or is now deployed on it.

    Raises:
        ConfigError: Foundry is missing, the port is taken, or there is no such strategy.
        ChainError: Anvil or the deployment failed.
    """
    state = home / "devnet"
    is_new = not (state / STATE_FILE).is_file()
    with start_devnet(state, DevnetOptions(port=port, block_time_s=block_time_s)) as anvil:
        if is_new:
            deployment = _deploy(anvil, home, quorum, circuit, strategy)
        else:
            deployment = load_deployment(home / "deployments", anvil.chain_id)
        yield RunningNetwork(anvil, deployment, home)


def _deploy(anvil: Devnet, home: Path, quorum: int, circuit: str, strategy: str) -> Deployment:
    built = get_circuit(circuit)
    store = open_store(f"dir:{home / 'blobs'}")
    files = store_network(store, home / "devnet", quorum=quorum, circuit=circuit, strategy=strategy)
    plan = make_plan(
        files,
        circuit_id=built.circuit_id,
        sample_size=built.manifest.sample_size,
        owner=open_dev_wallet("dev:0", DEVNET_CHAIN_ID).address,
    )
    return deploy_network(anvil.rpc_url, plan, home / "deployments")
