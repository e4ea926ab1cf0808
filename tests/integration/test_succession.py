"""On real contracts: a coordinator goes missing, and its standby takes over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.ports.test_ledger import (
    LATE,
    PLAN,
    POOL,
    digest_of,
    end_with_base,
    make_challenge,
    point_of,
)
from zk0.chain.contracts import call, open_contracts
from zk0.chain.deploy import VaultPlan, deploy_network
from zk0.chain.deployments import Deployment
from zk0.chain.devnet import Devnet, DevnetOptions, start_devnet
from zk0.chain.ledger import ChainLedger, connect
from zk0.chain.refusals import NotCoordinatorError
from zk0.chain.rpc import open_rpc
from zk0.chain.transactions import SendPolicy
from zk0.chain.wallet import open_wallet
from zk0.protocol.contribution import MissingReason
from zk0.protocol.round import Phase


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Devnet, Deployment]]:
    with start_devnet(None, DevnetOptions(block_time_s=None)) as devnet:
        folder: Path = tmp_path_factory.mktemp("deployments")
        yield devnet, deploy_network(devnet.rpc_url, replace(PLAN, vault=VaultPlan()), folder)


def test_the_standby_runs_the_next_round_and_the_penalty_is_in_the_pot(
    network: tuple[Devnet, Deployment],
) -> None:
    devnet, deployment = network

    def open_ledger(name: str) -> ChainLedger:
        wallet = open_wallet(name, 31337)
        return connect(devnet.rpc_url, deployment, wallet, SendPolicy(poll_s=0.01))

    coordinator, standby, stranger = map(open_ledger, ("dev:1", "dev:7", "dev:6"))
    nodes = [open_ledger(f"dev:{i}") for i in (2, 3)]
    for position, node in enumerate(nodes):
        node.join(task=position, dataset_size=100, node_key=b"k", bond_wei=100 * 10**12)
    standby.bond_coordinator(standby.account, PLAN.coordinator_rules.bond_wei)

    devnet.advance(1)
    coordinator.open_round(POOL)
    for position, node in enumerate(nodes):
        node.commit_update(1, digest_of(position + 1), 100, -10)
    coordinator.close_commits(1)
    stranger.draw_sample(1)
    for position, node in enumerate(nodes):
        node.commit_sample(1, node.get_round(1).sample_seed, point_of(position + 1))
    devnet.advance(LATE)
    stranger.abort_round(1)
    sweep(devnet, deployment, stranger)

    assert deployment.reward_vault is not None
    contracts = open_contracts(
        open_rpc(devnet.rpc_url), deployment.registry, deployment.reward_vault
    )
    assert contracts.vault is not None
    assert call(contracts.vault, "pot") == PLAN.coordinator_rules.penalty_wei
    with pytest.raises(NotCoordinatorError):
        coordinator.open_round(POOL)
    run_round(standby, nodes, devnet)
    assert standby.get_round(2).phase is Phase.FINALIZED


def sweep(devnet: Devnet, deployment: Deployment, account: ChainLedger) -> None:
    contracts = open_contracts(open_rpc(devnet.rpc_url), deployment.registry)
    data = contracts.coordinators.encode_abi("sweep", args=[])
    sent = {"from": account.account, "to": contracts.coordinators.address, "data": data}
    devnet.request("eth_sendTransaction", sent)


def run_round(driver: ChainLedger, nodes: list[ChainLedger], devnet: Devnet) -> None:
    """The second round, in which nobody proves: the base is kept."""
    driver.open_round(POOL)
    for position, node in enumerate(nodes):
        node.commit_update(2, digest_of(position + 11), 100, -10)
    driver.close_commits(2)
    driver.draw_sample(2)
    for position, node in enumerate(nodes):
        node.commit_sample(2, node.get_round(2).sample_seed, point_of(position + 1))
    driver.seal_round(2, digest_of(30), [0, 0], [MissingReason.NONE] * 2)
    driver.draw_challenge(2)
    driver.publish_challenge(make_challenge(2))
    devnet.advance(LATE)
    driver.finalize_round(2, end_with_base())
