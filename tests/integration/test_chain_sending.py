"""The sender on a chain that does not mine at once: nonces, replacements, late refusals."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.doubles.timelock import announce_task, is_announced
from zk0.chain.contracts import open_contracts
from zk0.chain.deploy import NetworkPlan, deploy_network
from zk0.chain.deployments import Deployment
from zk0.chain.devnet import Devnet, DevnetOptions, start_devnet
from zk0.chain.ledger import ChainLedger, connect
from zk0.chain.refusals import DeadlinePassedError
from zk0.chain.rpc import open_rpc
from zk0.chain.transactions import Sender, SendPolicy
from zk0.chain.wallet import open_wallet
from zk0.errors import RpcUnavailableError, TransactionError
from zk0.ports import Cid, Receipt
from zk0.protocol.round import Parameters
from zk0.protocol.statement import CircuitId, Digest

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
POOL = b"\x44" * 32
QUICK = SendPolicy(poll_s=0.01)


@pytest.fixture
def devnet() -> Iterator[Devnet]:
    with start_devnet(None, DevnetOptions(block_time_s=None)) as running:
        yield running


@pytest.fixture
def deployment(devnet: Devnet, tmp_path: Path) -> Deployment:
    return deploy_network(devnet.rpc_url, PLAN, tmp_path)


@pytest.fixture
def boss(devnet: Devnet, deployment: Deployment) -> Callable[[SendPolicy], ChainLedger]:
    wallet = open_wallet("dev:1", 31337)
    return lambda policy: connect(devnet.rpc_url, deployment, wallet, policy)


@pytest.fixture
def background() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def wait_until(holds: Callable[[], bool]) -> None:
    for _ in range(1500):
        if holds():
            return
        threading.Event().wait(0.02)
    raise AssertionError("it never came to that")


def get_pool(devnet: Devnet) -> list[dict[str, Any]]:
    pending = devnet.request("txpool_content")["pending"]
    return [transaction for of_one in pending.values() for transaction in of_one.values()]


def test_threads_that_share_a_key_get_nonces_in_order(
    devnet: Devnet, deployment: Deployment, background: ThreadPoolExecutor
) -> None:
    rpc = open_rpc(devnet.rpc_url)
    contracts = open_contracts(rpc, deployment.registry)
    sender = Sender(rpc, 31337, open_wallet("dev:0", 31337), QUICK)
    tasks = [f"task {i}" for i in range(8)]
    sent: list[Future[Receipt]] = [
        background.submit(sender.send, announce_task(contracts, task)) for task in tasks
    ]
    receipts = [future.result(60) for future in sent]
    assert len({receipt.transaction for receipt in receipts}) == 8
    assert all(is_announced(contracts, task) for task in tasks)


def test_a_stuck_transaction_is_sent_again_with_a_higher_tip(
    devnet: Devnet,
    boss: Callable[[SendPolicy], ChainLedger],
    background: ThreadPoolExecutor,
) -> None:
    ledger = boss(SendPolicy(poll_s=0.01, resend_after_s=0.3))
    devnet.request("evm_setAutomine", False)
    opening = background.submit(ledger.open_round, POOL)
    wait_until(lambda: bool(get_pool(devnet)))
    (first,) = get_pool(devnet)
    wait_until(lambda: get_pool(devnet)[0]["hash"] != first["hash"])
    (second,) = get_pool(devnet)
    assert second["nonce"] == first["nonce"]
    for fee in ("maxFeePerGas", "maxPriorityFeePerGas"):
        assert int(second[fee], 16) * 100 >= int(first[fee], 16) * 110
    devnet.request("evm_mine")
    receipt = opening.result(60)
    assert receipt.transaction.hex() != first["hash"].removeprefix("0x")
    assert ledger.get_round_count() == 1


def test_what_is_never_mined_is_given_up_with_its_nonce_and_hash(
    devnet: Devnet, boss: Callable[[SendPolicy], ChainLedger]
) -> None:
    ledger = boss(SendPolicy(poll_s=0.01, give_up_after_s=0.3))
    devnet.request("evm_setAutomine", False)
    with pytest.raises(TransactionError, match=r"openRound was sent \(nonce 0, 0x[0-9a-f]{64}\)"):
        ledger.open_round(POOL)
    devnet.request("anvil_dropAllTransactions")
    devnet.request("evm_setAutomine", True)
    ledger.open_round(POOL)
    assert ledger.get_round_count() == 1


def test_a_refusal_that_only_the_mined_block_shows_is_the_same_error(
    devnet: Devnet,
    deployment: Deployment,
    boss: Callable[[SendPolicy], ChainLedger],
    background: ThreadPoolExecutor,
) -> None:
    coordinator = boss(QUICK)
    node = connect(devnet.rpc_url, deployment, open_wallet("dev:2", 31337), QUICK)
    node.join(task=0, dataset_size=10, node_key=b"k", bond_wei=10**15)
    devnet.advance(1)
    coordinator.open_round(POOL)
    devnet.request("evm_setAutomine", False)
    late = background.submit(node.commit_update, 1, Digest(b"\x01" * 32), 10, -6)
    wait_until(lambda: bool(get_pool(devnet)))
    devnet.advance(500)
    with pytest.raises(DeadlinePassedError, match="was mined before this was known") as caught:
        late.result(60)
    assert caught.value.arguments["deadline"] == coordinator.get_round(1).deadline
    assert coordinator.get_round(1).contributions == ()


def test_a_chain_that_went_back_is_followed(
    devnet: Devnet, boss: Callable[[SendPolicy], ChainLedger]
) -> None:
    ledger = boss(SendPolicy(poll_s=0.01, give_up_after_s=20))
    snapshot = devnet.request("evm_snapshot")
    ledger.open_round(POOL)
    ledger.abort_round(1)
    devnet.request("evm_revert", snapshot)
    assert ledger.get_round_count() == 0
    ledger.open_round(POOL)
    assert ledger.get_round_count() == 1


def test_a_chain_that_goes_away_is_said_to_be_unreachable(
    devnet: Devnet, boss: Callable[[SendPolicy], ChainLedger]
) -> None:
    ledger = boss(QUICK)
    devnet.stop()
    with pytest.raises(RpcUnavailableError, match="is a chain running there"):
        ledger.open_round(POOL)
    with pytest.raises(RpcUnavailableError):
        ledger.get_block()
