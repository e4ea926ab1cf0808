"""The ledger behind a poor RPC: limited ranges, stale counts, answers that fail now and then."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.doubles.timelock import announce_task, is_announced
from zk0.chain.contracts import open_contracts
from zk0.chain.deploy import NetworkPlan, deploy_network
from zk0.chain.deployments import Deployment
from zk0.chain.devnet import Devnet, DevnetOptions, start_devnet
from zk0.chain.ledger import connect
from zk0.chain.rpc import open_rpc
from zk0.chain.transactions import Sender, SendPolicy
from zk0.chain.wallet import open_wallet
from zk0.errors import RpcUnavailableError
from zk0.ports import Cid
from zk0.protocol.round import Parameters, Phase
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
QUICK = SendPolicy(poll_s=0.01)
Answer = Callable[[dict[str, Any]], dict[str, Any] | None]


@dataclass
class Proxy:
    """A real HTTP server before Anvil that answers some requests itself."""

    url: str
    upstream: str
    answer: Answer = lambda request: None
    """A JSON-RPC answer (without id) instead of Anvil's, or None; {} fails with HTTP 503."""
    asked: list[dict[str, Any]] = field(default_factory=list)

    def forward(self, body: bytes) -> bytes | None:
        request = json.loads(body)
        self.asked.append(request)
        own = self.answer(request)
        if own == {}:
            return None
        if own is not None:
            return json.dumps({"jsonrpc": "2.0", "id": request["id"], **own}).encode()
        to_anvil = urllib.request.Request(self.upstream, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(to_anvil, timeout=30) as response:
            content: bytes = response.read()
        return content


@pytest.fixture(scope="module")
def devnet() -> Iterator[Devnet]:
    with start_devnet(None, DevnetOptions(block_time_s=None)) as running:
        yield running


@pytest.fixture(scope="module")
def deployment(devnet: Devnet, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    return deploy_network(devnet.rpc_url, PLAN, tmp_path_factory.mktemp("deployments"))


@pytest.fixture
def proxy(devnet: Devnet) -> Iterator[Proxy]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            content = made.forward(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(503 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made = Proxy(f"http://127.0.0.1:{server.server_port}", devnet.rpc_url)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield made
    server.shutdown()
    server.server_close()


def limit_ranges(blocks: int) -> Answer:
    def answer(request: dict[str, Any]) -> dict[str, Any] | None:
        if request["method"] != "eth_getLogs":
            return None
        asked = request["params"][0]
        if int(asked["toBlock"], 16) - int(asked["fromBlock"], 16) < blocks:
            return None
        return {"error": {"code": -32005, "message": f"at most {blocks} blocks"}}

    return answer


def test_refused_ranges_are_halved_until_they_pass(
    devnet: Devnet, deployment: Deployment, proxy: Proxy
) -> None:
    direct = connect(devnet.rpc_url, deployment, open_wallet("dev:1", 31337), QUICK)
    for number in range(1, 9):
        direct.open_round(b"\x04" * 32)
        direct.abort_round(number)
    proxy.answer = limit_ranges(3)
    limited = connect(proxy.url, deployment)
    assert limited.network == direct.network
    events = limited.get_events()
    assert events == direct.get_events()
    assert [e.name for e in limited.get_events(round_id=4)] == ["RoundOpened", "RoundAborted"]


def test_an_rpc_that_serves_no_events_at_all_says_so(deployment: Deployment, proxy: Proxy) -> None:
    proxy.answer = limit_ranges(0)
    with pytest.raises(RpcUnavailableError, match="refused the events: at most 0 blocks"):
        connect(proxy.url, deployment)


def test_an_rpc_that_keeps_no_old_states_makes_the_first_block_zero(
    deployment: Deployment, proxy: Proxy
) -> None:
    def answer(request: dict[str, Any]) -> dict[str, Any] | None:
        if request["method"] == "eth_getCode" and request["params"][1] != "latest":
            return {"error": {"code": -32000, "message": "missing trie node"}}
        return None

    proxy.answer = answer
    assert connect(proxy.url, deployment.registry).network.first_block == 0


def test_a_stale_count_of_transactions_does_not_take_a_nonce_twice(
    devnet: Devnet, deployment: Deployment, proxy: Proxy
) -> None:
    owner = open_wallet("dev:0", 31337)
    stale = devnet.request("eth_getTransactionCount", owner.address, "latest")
    proxy.answer = lambda request: (
        {"result": stale} if request["method"] == "eth_getTransactionCount" else None
    )
    rpc = open_rpc(proxy.url)
    contracts = open_contracts(rpc, deployment.registry)
    sender = Sender(rpc, 31337, owner, QUICK)
    tasks = [f"stale {i}" for i in range(3)]
    devnet.request("evm_setAutomine", False)
    with ThreadPoolExecutor(3) as pool:
        sent = [pool.submit(sender.send, announce_task(contracts, task)) for task in tasks]
        for _ in range(1500):
            if int(devnet.request("txpool_status")["pending"], 16) == 3:
                break
            threading.Event().wait(0.02)
        devnet.request("evm_setAutomine", True)
        devnet.request("evm_mine")
        receipts = [future.result(60) for future in sent]
    assert len({receipt.transaction for receipt in receipts}) == 3
    assert all(is_announced(contracts, task) for task in tasks)


def test_a_stale_count_after_a_mined_transaction_is_seen_through(
    devnet: Devnet, deployment: Deployment, proxy: Proxy
) -> None:
    boss = open_wallet("dev:1", 31337)
    stale = devnet.request("eth_getTransactionCount", boss.address, "latest")
    proxy.answer = lambda request: (
        {"result": stale} if request["method"] == "eth_getTransactionCount" else None
    )
    ledger = connect(proxy.url, deployment, boss, QUICK)
    number = ledger.get_round_count() + 1
    ledger.open_round(b"\x04" * 32)
    ledger.abort_round(number)
    ledger.open_round(b"\x04" * 32)
    ledger.abort_round(number + 1)
    assert ledger.get_round_count() == number + 1


def test_a_transaction_under_way_outlives_an_rpc_that_fails_for_a_while(
    deployment: Deployment, proxy: Proxy
) -> None:
    failures = iter([{}, {"error": {"code": -32603, "message": "busy"}}, {}])

    def answer(request: dict[str, Any]) -> dict[str, Any] | None:
        wanted = request["method"] == "eth_getTransactionReceipt"
        return next(failures, None) if wanted else None

    ledger = connect(proxy.url, deployment, open_wallet("dev:1", 31337), QUICK)
    proxy.answer = answer
    number = ledger.get_round_count() + 1
    ledger.open_round(b"\x04" * 32)
    assert next(failures, None) is None
    sent = [r for r in proxy.asked if r["method"] == "eth_sendRawTransaction"]
    assert len(sent) == 1
    ledger.abort_round(number)
    assert ledger.get_round(number).phase is Phase.ABORTED
