"""A second vault of the same network, that pays in a token: found by --vault, funded, explained."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_hash.auto import keccak

from tests.doubles.payouts import PLAN
from tests.doubles.transactions import send_unlocked
from zk0.chain.deploy import deploy_network
from zk0.chain.deployments import Deployment
from zk0.chain.devnet import ROOT, Devnet, DevnetOptions, start_devnet
from zk0.chain.ledger import connect
from zk0.chain.rewards import ChainRewards
from zk0.chain.transactions import SendPolicy
from zk0.chain.wallet import open_wallet
from zk0.errors import InsufficientFundsError
from zk0.protocol.statement import Address
from zk0.rewards import ask_to_fund

SPONSOR = open_wallet("dev:6", 31337)
AMOUNT = 10**6


def send(devnet: Devnet, to: str | None, data: bytes) -> Any:
    """A transaction from the sponsor's unlocked account; its receipt."""
    call = {"from": SPONSOR.address, "data": "0x" + data.hex()} | ({"to": to} if to else {})
    return send_unlocked(devnet, call)


def create(devnet: Devnet, file: str, name: str, types: list[str], args: list[Any]) -> Address:
    path = ROOT / "out" / f"{file}.sol" / f"{name}.json"
    if not path.is_file():
        subprocess.run([str(ROOT / "scripts" / "forge"), "build"], check=True, cwd=ROOT)
    artifact = json.loads(path.read_bytes())
    code = bytes.fromhex(artifact["bytecode"]["object"][2:])
    created = send(devnet, None, code + encode(types, args))["contractAddress"]
    return Address(created.lower())


def call_token(devnet: Devnet, token: str, signature: str, *args: Any) -> None:
    types = signature[signature.index("(") + 1 : -1].split(",")
    send(devnet, token, keccak(signature.encode())[:4] + encode(types, list(args)))


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Devnet, Deployment]]:
    with start_devnet(None, DevnetOptions(block_time_s=None)) as devnet:
        yield devnet, deploy_network(devnet.rpc_url, PLAN, tmp_path_factory.mktemp("token"))


@pytest.fixture(scope="module")
def token(network: tuple[Devnet, Deployment]) -> Address:
    return create(network[0], "Tokens", "MoodyToken", [], [])


@pytest.fixture(scope="module")
def rewards(network: tuple[Devnet, Deployment], token: Address) -> ChainRewards:
    devnet, deployment = network
    types = ["address", "address", "address", "address", "uint256", "uint64", "uint64", "uint256"]
    args = [SPONSOR.address, SPONSOR.address, deployment.registry, token, 7, 60, 60, 5]
    vault = create(devnet, "RewardVault", "RewardVault", types, args)
    policy = SendPolicy(poll_s=0.01)
    return connect(devnet.rpc_url, deployment, SPONSOR, policy, vault=vault).rewards


def test_the_vault_says_which_token_it_pays_in(rewards: ChainRewards, token: Address) -> None:
    assert rewards.terms.asset == token
    assert rewards.get_rate_wei_per_nano(1) == 7


def test_a_token_that_is_not_there_or_not_allowed_is_one_sentence_with_the_command(
    rewards: ChainRewards, network: tuple[Devnet, Deployment], token: Address
) -> None:
    with pytest.raises(InsufficientFundsError, match="has 0 and lets the vault take 0"):
        rewards.fund(1, 2, AMOUNT)
    call_token(network[0], token, "mint(address,uint256)", SPONSOR.address, 10 * AMOUNT)
    with pytest.raises(InsufficientFundsError) as caught:
        rewards.fund(1, 2, AMOUNT)
    command = f"cast send {token} 'approve(address,uint256)' {rewards.terms.vault} {2 * AMOUNT}"
    assert command in str(caught.value)


def test_what_is_allowed_is_paid_in(
    rewards: ChainRewards, network: tuple[Devnet, Deployment], token: Address
) -> None:
    devnet, deployment = network
    call_token(devnet, token, "mint(address,uint256)", SPONSOR.address, 10 * AMOUNT)
    call_token(devnet, token, "approve(address,uint256)", rewards.terms.vault, 2 * AMOUNT)
    ledger = connect(devnet.rpc_url, deployment, SPONSOR, vault=rewards.terms.vault)
    question = ask_to_fund(ledger, rewards, 1, 2, AMOUNT)
    assert f"{2 * AMOUNT} units of token {token}" in question
    rewards.fund(1, 2, AMOUNT)
    funded = [e for e in ledger.get_events() if e.name == "Funded"]
    assert [e.args["amountPerRound"] for e in funded] == [AMOUNT]
    assert funded[0].contract == rewards.terms.vault
