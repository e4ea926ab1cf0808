"""The devnet: Anvil found, started, continued from its state, stopped; deployments on it."""

from __future__ import annotations

import os
import socket
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from zk0.chain.deploy import (
    NetworkPlan,
    Participation,
    compute_longest_round_s,
    deploy_network,
)
from zk0.chain.deployments import load_deployment
from zk0.chain.devnet import (
    LOG_FILE,
    ROOT,
    STATE_FILE,
    DevnetOptions,
    find_anvil,
    start_devnet,
)
from zk0.chain.history import build_history, list_transactions
from zk0.chain.ledger import connect
from zk0.chain.refusals import NotAdmittedError
from zk0.chain.transactions import SendPolicy
from zk0.chain.wallet import open_wallet
from zk0.errors import ChainError, ConfigError
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
AT_ONCE = DevnetOptions(block_time_s=None)


def test_a_devnet_continues_from_its_state_with_its_history(tmp_path: Path) -> None:
    state, deployments = tmp_path / "state", tmp_path / "deployments"
    wallet = open_wallet("dev:1", 31337)
    with start_devnet(state, AT_ONCE) as first:
        ledger = connect(
            first.rpc_url, deploy_network(first.rpc_url, PLAN, deployments), wallet, QUICK
        )
        node = connect(first.rpc_url, ledger.network.registry, open_wallet("dev:2", 31337), QUICK)
        node.join(task=1, dataset_size=10, node_key=b"k", bond_wei=10**15)
        first.advance(1)
        ledger.open_round(b"\x04" * 32)
        node.commit_update(1, Digest(b"\x05" * 32), 10, -8)
        before = (ledger.get_round(1), ledger.get_events(), ledger.network)
        assert first.is_running
    assert not first.is_running
    assert (state / STATE_FILE).is_file()
    with start_devnet(state, AT_ONCE) as second:
        known = load_deployment(deployments, 31337)
        again = connect(second.rpc_url, known, wallet, QUICK)
        assert (again.get_round(1), again.get_events(), again.network) == before
        by_address = connect(second.rpc_url, known.registry)
        # An address alone does not say where the vault is.
        without_vault = [e for e in before[1] if e.contract != known.reward_vault]
        assert by_address.get_events() == without_vault
        rows = build_history(again.get_events())
        gas = {t: again.get_gas(t) for t in list_transactions(rows)}
        (row,) = build_history(again.get_events(), gas)
        assert row.contributions[0].gas > 50_000
        again.abort_round(1)
        assert again.get_round(1).phase is Phase.ABORTED


def test_blocks_come_every_second_unless_asked_otherwise(tmp_path: Path) -> None:
    with start_devnet() as running:
        ledger = connect(
            running.rpc_url,
            deploy_network(running.rpc_url, PLAN, tmp_path),
            open_wallet("dev:1", 31337),
        )
        ledger.open_round(b"\x04" * 32)
        ledger.abort_round(1)
        opened, aborted = ledger.get_events(round_id=1)
        assert aborted.block > opened.block


def test_a_stopped_devnet_leaves_no_process_and_stops_twice() -> None:
    devnet = start_devnet(None, AT_ONCE)
    pid = devnet.pid
    devnet.stop()
    devnet.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_taken_port_is_an_error_that_names_it() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port} is taken"):
            start_devnet(None, DevnetOptions(port=port))


def test_two_devnets_do_not_share_a_state(tmp_path: Path) -> None:
    with (
        start_devnet(tmp_path, AT_ONCE) as first,
        pytest.raises(ConfigError, match="a devnet is running with the state in"),
    ):
        start_devnet(tmp_path, AT_ONCE)
    assert not first.is_running
    start_devnet(tmp_path, AT_ONCE).stop()


def test_a_damaged_state_is_an_error_and_is_kept(tmp_path: Path) -> None:
    (tmp_path / STATE_FILE).write_text("{ damaged")
    with pytest.raises(ChainError, match="state file is intact"):
        start_devnet(tmp_path, AT_ONCE)
    assert (tmp_path / STATE_FILE).read_text() == "{ damaged"
    assert (tmp_path / LOG_FILE).stat().st_size > 0


def test_a_missing_anvil_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ZK0_ANVIL", raising=False)
    with pytest.raises(ConfigError, match="run `npm ci`"):
        find_anvil(tmp_path)
    monkeypatch.setenv("ZK0_ANVIL", str(tmp_path / "nothing"))
    with pytest.raises(ConfigError, match="ZK0_ANVIL names"):
        find_anvil()


def test_another_anvil_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ZK0_ANVIL", raising=False)
    shipped = find_anvil()
    monkeypatch.setenv("ZK0_ANVIL", str(shipped))
    assert find_anvil(Path("/nowhere")) == shipped


def test_a_deployment_that_the_contracts_refuse_says_why_and_writes_nothing(
    tmp_path: Path,
) -> None:
    with start_devnet(None, AT_ONCE) as running:
        short = replace(PLAN, exit_delay_s=1)
        with pytest.raises(ChainError, match="ExitDelayTooShort"):
            deploy_network(running.rpc_url, short, tmp_path / "deployments")
    assert not (tmp_path / "deployments").exists()


def test_a_deployment_needs_the_repository(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs a checkout"):
        deploy_network("http://127.0.0.1:9", PLAN, tmp_path, root=tmp_path)


def test_the_longest_round_counts_the_windows_of_both_draws_twice() -> None:
    assert compute_longest_round_s(PARAMETERS) == 806


def test_keystores_made_by_foundry_open_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    anvil = find_anvil()
    cast = Path(str(anvil).replace("anvil", "cast"))
    assert ROOT in cast.parents
    folder = tmp_path / ".foundry" / "keystores"
    folder.mkdir(parents=True)
    made = subprocess.run(
        [cast, "wallet", "new", folder, "alice", "--unsafe-password", "secret"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ZK0_PASSWORD", "secret")
    wallet = open_wallet("alice", 8453)
    assert wallet.address in made.stdout.lower()


def test_who_may_join_is_part_of_the_plan(tmp_path: Path) -> None:
    node = open_wallet("dev:2", 31337)
    with start_devnet(None, AT_ONCE) as running:
        large = replace(PLAN, participation=Participation(minimum_dataset=50))
        ledger = connect(
            running.rpc_url, deploy_network(running.rpc_url, large, tmp_path / "1"), node, QUICK
        )
        with pytest.raises(NotAdmittedError):
            ledger.join(task=0, dataset_size=49, node_key=b"k", bond_wei=10**15)
        ledger.join(task=0, dataset_size=50, node_key=b"k", bond_wei=10**15)
        listed = replace(PLAN, participation=Participation(allow_list_owner=PLAN.owner))
        ledger = connect(
            running.rpc_url, deploy_network(running.rpc_url, listed, tmp_path / "2"), node, QUICK
        )
        with pytest.raises(NotAdmittedError):
            ledger.join(task=0, dataset_size=50, node_key=b"k", bond_wei=10**15)
    with pytest.raises(ConfigError, match="has one rule of participation"):
        Participation(allow_list_owner=PLAN.owner, minimum_dataset=50)
