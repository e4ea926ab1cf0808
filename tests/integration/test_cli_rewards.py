"""`zk0-node claim` and `zk0 fund` as they are typed: mistakes, the question, what is printed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import node.cli
import zk0.cli
from zk0.chain.ledger import connect
from zk0.chain.wallet import open_dev_wallet
from zk0.devnet import RunningNetwork, open_devnet
from zk0.errors import ConfigError, NoContractError, Zk0Error
from zk0.ports import RewardLedger

COIN = 10**18
Invoke = Callable[..., Result]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNetwork]:
    home = tmp_path_factory.mktemp("rewards")
    with open_devnet(home, port=0, quorum=1, circuit="alignment-960", block_time_s=None) as running:
        yield running


@pytest.fixture
def invoke(network: RunningNetwork) -> Invoke:
    """Run a command line; errors of ours are raised as `zk0.console.run` would print them."""

    def call(program: str, *arguments: str, answer: str | None = None) -> Result:
        cli = {"zk0": zk0.cli.cli, "zk0-node": node.cli.cli}[program]
        options = ["--rpc-url", network.anvil.rpc_url, "--home", str(network.home)]
        found = CliRunner().invoke(cli, [*arguments, *options], input=answer)
        if isinstance(found.exception, Zk0Error):
            raise found.exception
        return found

    return call


@pytest.fixture
def rewards(network: RunningNetwork) -> RewardLedger:
    return connect(network.anvil.rpc_url, network.deployment).rewards


def abort_a_round(network: RunningNetwork) -> int:
    """A round that pays nobody and whose money rolls over."""
    wallet = open_dev_wallet("dev:0", 31337)
    ledger = connect(network.anvil.rpc_url, network.deployment, wallet)
    ledger.open_round(b"\x44" * 32)
    round_id = ledger.get_round_count()
    ledger.abort_round(round_id)
    return round_id


def test_money_is_paid_in_for_a_stream_of_rounds(
    invoke: Invoke, network: RunningNetwork, rewards: RewardLedger
) -> None:
    first = rewards.get_next_round()
    done = invoke(
        "zk0", "fund", "--wallet", "dev:6", "--rounds", "2", "--amount", "0.5eth", "--yes",
        "--json",
    )  # fmt: skip
    told = json.loads(done.stdout)
    assert (told["first_round"], told["rounds"]) == (first, 2)
    assert told["total_wei"] == COIN
    assert told["vault"] == network.deployment.reward_vault
    assert connect(network.anvil.rpc_url, network.deployment).get_balance_wei(told["vault"]) == COIN


def test_nothing_is_paid_in_without_a_yes(invoke: Invoke, network: RunningNetwork) -> None:
    reader = connect(network.anvil.rpc_url, network.deployment)
    account = open_dev_wallet("dev:6", 31337).address
    before = reader.get_balance_wei(account)
    asked = invoke("zk0", "fund", "--wallet", "dev:6", "--amount", "2eth", answer="n\n")
    assert asked.exit_code != 0
    for said in (account, "chain 31337", "pays 2 ETH", "gets nothing back", "[y/N]"):
        assert said in asked.stderr
    assert reader.get_balance_wei(account) == before


@pytest.mark.parametrize("amount", ["", "-1", "1.5", "lots"])
def test_a_malformed_amount_is_one_sentence(invoke: Invoke, amount: str) -> None:
    with pytest.raises(ConfigError, match="expected an amount like"):
        invoke("zk0", "fund", "--wallet", "dev:6", f"--amount={amount}", "--yes")


def test_a_round_that_is_settled_is_not_funded(
    invoke: Invoke, network: RunningNetwork, rewards: RewardLedger
) -> None:
    wallet = open_dev_wallet("dev:6", 31337)
    round_id = abort_a_round(network)
    connect(network.anvil.rpc_url, network.deployment, wallet).rewards.settle(round_id)
    with pytest.raises(Zk0Error, match=f"fund round {round_id + 1} or a later one"):
        invoke(
            "zk0", "fund", "--wallet", "dev:6", "--round", str(round_id), "--amount", "1", "--yes"
        )


def test_a_wallet_without_rewards_is_told_so_and_sends_nothing(
    invoke: Invoke, network: RunningNetwork
) -> None:
    abort_a_round(network)
    account = open_dev_wallet("dev:5", 31337).address
    reader = connect(network.anvil.rpc_url, network.deployment)
    before = reader.get_balance_wei(account)
    assert invoke("zk0-node", "claim", "--wallet", "dev:5").stdout == (
        f"nothing is owed to {account}\n"
    )
    one = invoke("zk0-node", "claim", "--wallet", "dev:5", "--round", "1")
    assert one.stdout == f"round 1: nothing is owed to {account}\n"
    told = json.loads(invoke("zk0-node", "claim", "--wallet", "dev:5", "--json").stdout)
    assert (told["paid_wei"], told["transactions"], told["settled"]) == (0, [], [])
    assert reader.get_balance_wei(account) == before


def test_a_round_that_is_not_there_cannot_be_claimed(invoke: Invoke) -> None:
    with pytest.raises(ConfigError, match="found --round 99"):
        invoke("zk0-node", "claim", "--wallet", "dev:5", "--round", "99")


def test_a_network_without_a_vault_says_what_is_missing(
    invoke: Invoke, network: RunningNetwork, tmp_path: Path
) -> None:
    file = network.home / "deployments" / "31337.json"
    entry = json.loads(file.read_bytes())
    del entry["rewardVault"]
    (tmp_path / "31337.json").write_text(json.dumps(entry))
    where = ("--deployments", str(tmp_path))
    for command in (("zk0-node", "claim"), ("zk0", "fund", "--amount", "1", "--yes")):
        with pytest.raises(ConfigError, match="rewardVault, or give --vault ADDRESS"):
            invoke(*command, "--wallet", "dev:5", *where)
    status = invoke("zk0-node", "status", "--wallet", "dev:5", "--json", *where)
    assert json.loads(status.stdout)["rewards"] is None
    with pytest.raises(ConfigError, match="0x12"):
        invoke("zk0-node", "claim", "--wallet", "dev:5", *where, "--vault", "0x12")


def test_another_contract_is_not_taken_for_the_vault(
    invoke: Invoke, network: RunningNetwork
) -> None:
    registry = network.deployment.registry
    with pytest.raises(NoContractError, match="not a RewardVault"):
        invoke("zk0-node", "claim", "--wallet", "dev:5", "--vault", registry)


def test_status_shows_an_empty_purse(invoke: Invoke, network: RunningNetwork) -> None:
    told = json.loads(invoke("zk0-node", "status", "--wallet", "dev:5", "--json").stdout)
    assert told["rewards"] == {
        "vault": network.deployment.reward_vault,
        "owed_wei": 0,
        "claimable_wei": 0,
        "claimed_wei": 0,
        "rounds": [],
    }
