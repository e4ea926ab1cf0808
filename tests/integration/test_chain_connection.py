"""The real ledger against what can be wrong with an RPC, an address or an account."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from zk0.chain.deploy import NetworkPlan, deploy_network
from zk0.chain.deployments import Deployment, load_deployment
from zk0.chain.devnet import Devnet, DevnetOptions, start_devnet
from zk0.chain.events import find_first_block
from zk0.chain.ledger import ChainLedger, connect
from zk0.chain.rpc import get_chain_id, get_shown_url
from zk0.chain.transactions import SendPolicy
from zk0.chain.wallet import create_keystore, open_wallet
from zk0.errors import (
    ChainError,
    ConfigError,
    InsufficientFundsError,
    NoContractError,
    RpcUnavailableError,
    WalletError,
    WrongChainError,
)
from zk0.ports import Cid, Receipt
from zk0.protocol.round import Parameters
from zk0.protocol.statement import Address, CircuitId, Digest

PARAMETERS = Parameters(
    min_commit_window_s=50, commit_window_s=100, collect_window_s=100, seal_window_s=100,
    challenge_window_s=100, proving_window_s=100, finalize_window_s=100, quorum=1, max_nodes=3,
    min_exponent=-20, max_exponent=-6, max_weight_share_bps=10_000, z_min=4,
    max_regression_nano=1000, parameter_count=10_000, frames_per_task=8,
)  # fmt: skip
PLAN = NetworkPlan(
    circuit="alignment-960", circuit_id=CircuitId(b"\x11" * 32), sample_size=960,
    devnet_srs=True, owner=open_wallet("dev:0", 31337).address,
    coordinator=open_wallet("dev:1", 31337).address, tasks=("lift", "reach"),
    parameters=PARAMETERS, genesis=Digest(b"\x22" * 32), genesis_cid=Cid("bafkgenesis"),
    manifest=Digest(b"\x33" * 32), manifest_cid=Cid("bafkmanifest"),
)  # fmt: skip
QUICK = SendPolicy(poll_s=0.01)


@pytest.fixture(scope="module")
def devnet() -> Iterator[Devnet]:
    with start_devnet(None, DevnetOptions(block_time_s=None)) as running:
        yield running


@pytest.fixture(scope="module")
def folder(devnet: Devnet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deployments")
    deploy_network(devnet.rpc_url, PLAN, folder)
    return folder


@pytest.fixture(scope="module")
def deployment(folder: Path) -> Deployment:
    return load_deployment(folder, 31337)


@pytest.fixture
def fresh(devnet: Devnet, deployment: Deployment) -> Iterator[Devnet]:
    """The devnet, put back afterwards as it was."""
    snapshot = devnet.request("evm_snapshot")
    yield devnet
    devnet.request("evm_revert", snapshot)


def open_ledger(
    devnet: Devnet, deployment: Deployment, name: str, policy: SendPolicy = QUICK
) -> ChainLedger:
    return connect(devnet.rpc_url, deployment, open_wallet(name, 31337), policy)


# ---------------------------------------------------------------------- what is at the other end


def test_the_deployment_has_a_vault_that_pays_for_its_rounds(
    devnet: Devnet, deployment: Deployment
) -> None:
    terms = connect(devnet.rpc_url, deployment).rewards.terms
    assert terms.vault == deployment.reward_vault
    assert terms.asset is None
    assert (terms.objection_window_s, terms.ruling_window_s) == (10, 60)


def test_a_network_without_a_known_vault_says_what_to_do(
    devnet: Devnet, deployment: Deployment
) -> None:
    ledger = connect(devnet.rpc_url, replace(deployment, reward_vault=None))
    assert ledger.get_round_count() == 0
    with pytest.raises(ConfigError, match="rewardVault"):
        _ = ledger.rewards
    given = connect(devnet.rpc_url, deployment.registry, vault=deployment.reward_vault)
    assert given.rewards.terms.vault == deployment.reward_vault


def test_what_is_no_vault_of_this_network_is_refused(
    devnet: Devnet, deployment: Deployment
) -> None:
    with pytest.raises(NoContractError, match="not a RewardVault"):
        connect(devnet.rpc_url, deployment, vault=deployment.node_registry)
    with pytest.raises(NoContractError, match="there is no contract"):
        connect(devnet.rpc_url, deployment, vault=Address("0x" + "12" * 20))


def test_a_vault_of_another_network_is_refused(
    fresh: Devnet, deployment: Deployment, tmp_path: Path
) -> None:
    other = deploy_network(fresh.rpc_url, PLAN, tmp_path)
    with pytest.raises(NoContractError, match="pays for the rounds of registry"):
        connect(fresh.rpc_url, deployment, vault=other.reward_vault)


def test_a_network_can_be_deployed_without_a_vault(fresh: Devnet, tmp_path: Path) -> None:
    found = deploy_network(fresh.rpc_url, replace(PLAN, vault=None), tmp_path)
    assert found.reward_vault is None


def test_no_rpc_is_one_sentence(deployment: Deployment) -> None:
    with pytest.raises(RpcUnavailableError, match=r"cannot reach the RPC at http://127\.0\.0\.1:9"):
        connect("http://127.0.0.1:9", deployment)
    with pytest.raises(RpcUnavailableError):
        get_chain_id("http://127.0.0.1:9")


@pytest.mark.parametrize("url", ["", "127.0.0.1:8545", "ws://127.0.0.1:8545", "/dev/null"])
def test_what_is_no_http_url_is_refused_before_it_is_tried(
    url: str, deployment: Deployment
) -> None:
    with pytest.raises(ConfigError, match="expected an RPC URL"):
        connect(url, deployment)


def test_a_web_server_is_not_taken_for_an_rpc(deployment: Deployment) -> None:
    class Page(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>hello</html>")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Silent."""

    server = HTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with pytest.raises(RpcUnavailableError, match="not an Ethereum JSON-RPC"):
            connect(f"http://127.0.0.1:{server.server_port}", deployment)
    finally:
        server.shutdown()
        server.server_close()


def test_secrets_in_an_rpc_url_are_not_repeated() -> None:
    shown = get_shown_url("https://user:pass@rpc.example.org:8443/v2/SECRET?key=SECRET")
    assert shown == "https://rpc.example.org:8443"
    with pytest.raises(RpcUnavailableError) as caught:
        get_chain_id("http://127.0.0.1:9/v2/SECRET")
    assert "SECRET" not in str(caught.value)


def test_another_chain_than_the_deployments_is_refused(
    devnet: Devnet, deployment: Deployment
) -> None:
    with pytest.raises(WrongChainError, match="deployed on chain 8453, and the RPC is on chain"):
        connect(devnet.rpc_url, replace(deployment, chain_id=8453))


def test_a_dev_wallet_cannot_be_smuggled_to_another_chain(deployment: Deployment) -> None:
    with start_devnet(None, DevnetOptions(block_time_s=None, chain_id=8453)) as other:
        assert get_chain_id(other.rpc_url) == 8453
        with pytest.raises(WalletError, match="31337 only"):
            connect(other.rpc_url, deployment.registry, open_wallet("dev:0", 31337))


def test_an_address_without_code_says_what_to_check(devnet: Devnet, deployment: Deployment) -> None:
    nobody = Address("0x" + "12" * 20)
    for target in (nobody, replace(deployment, registry=nobody)):
        with pytest.raises(NoContractError, match="there is no contract at 0x1212"):
            connect(devnet.rpc_url, target)


def test_another_contract_is_not_taken_for_the_registry(
    devnet: Devnet, deployment: Deployment
) -> None:
    for other in (
        deployment.node_registry,
        deployment.alignment_verifier,
        deployment.ezkl_verifier,
    ):
        with pytest.raises(NoContractError, match="is not a ContributionRegistry"):
            connect(devnet.rpc_url, other)


def test_a_deployment_file_whose_contracts_do_not_belong_together_is_refused(
    devnet: Devnet, deployment: Deployment
) -> None:
    with pytest.raises(NoContractError, match="restore the file"):
        connect(devnet.rpc_url, replace(deployment, node_registry=deployment.registry))


def test_a_first_block_after_the_creation_is_noticed(
    devnet: Devnet, deployment: Deployment
) -> None:
    with pytest.raises(NoContractError, match="no NetworkCreated event"):
        connect(devnet.rpc_url, replace(deployment, block=deployment.block + 1000))


def test_the_registrys_address_is_enough(devnet: Devnet, deployment: Deployment) -> None:
    found = connect(devnet.rpc_url, deployment.registry, vault=deployment.reward_vault)
    known = connect(devnet.rpc_url, deployment)
    assert replace(found.network, first_block=0) == replace(known.network, first_block=0)
    assert [e.name for e in found.get_events()] == [e.name for e in known.get_events()]


@pytest.mark.parametrize(("created", "latest"), [(0, 0), (0, 9), (5, 9), (9, 9), (1, 1000)])
def test_the_first_block_is_found_by_halving(created: int, latest: int) -> None:
    assert find_first_block(lambda block: block >= created, latest) == created


# ---------------------------------------------------------------------- paying and sending


def test_too_little_balance_says_what_is_there_and_what_is_needed(
    fresh: Devnet, deployment: Deployment, tmp_path: Path
) -> None:
    path = tmp_path / "poor.json"
    create_keystore(path, "x", work_factor=1 << 10)
    wallet = open_wallet(str(path), 31337, ask=lambda prompt: "x")
    poor = connect(fresh.rpc_url, deployment, wallet, QUICK)
    bond = poor.network.compute_bond_wei(100)

    def join() -> Receipt:
        return poor.join(task=0, dataset_size=100, node_key=b"k", bond_wei=bond)

    with pytest.raises(InsufficientFundsError, match=r"needs 0\.001000000 ETH .* has 0\.000000"):
        join()
    fresh.fund(wallet.address, bond)
    with pytest.raises(InsufficientFundsError, match=r"has 0\.001000000 ETH: fund the account"):
        join()
    fresh.fund(wallet.address, bond + 10**16)
    receipt = join()
    assert poor.get_balance_wei(wallet.address) == 10**16 - receipt.fee_wei
    assert receipt.gas == poor.get_gas(receipt.transaction)
    assert receipt.fee_wei > receipt.gas


def test_what_does_not_fit_the_contracts_types_is_refused_before_sending(
    fresh: Devnet, deployment: Deployment
) -> None:
    node = open_ledger(fresh, deployment, "dev:2")
    with pytest.raises(ChainError, match="do not fit"):
        node.commit_update(1, Digest(b"\x01" * 32), 1 << 40, -6)
    with pytest.raises(ChainError, match="do not fit"):
        node.commit_update(1, Digest(b"\x01" * 31), 1, -6)
