"""One real fleet through three rounds: real Anvil, EZKL, Flower and SmolVLA, with processes
that are killed on the way. The tests share it and run in order.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from auditor.bootstrap import audit_round
from auditor.findings import Verdict
from auditor.text import format_audit
from tests.e2e.leftovers import list_processes
from zk0.chain.history import build_history, list_transactions
from zk0.chain.ledger import ChainLedger, connect
from zk0.chain.rows import RoundRow, to_json
from zk0.console import NetworkOptions
from zk0.demo.fleet import DemoFleet
from zk0.demo.run import FUNDED_WEI, await_claims, fund_rounds
from zk0.devnet import RunningNetwork, open_devnet
from zk0.ports import Cid
from zk0.protocol.checkpoint import read_checkpoint
from zk0.protocol.contribution import Outcome
from zk0.protocol.round import Phase, Round
from zk0.protocol.tensorfile import parse_tensor_file, write_tensor_file
from zk0.storage import open_store

TOUCH, LIFT, PLACE = 1, 2, 3
WAIT_S = 420.0


@dataclass
class Fleet:
    network: RunningNetwork
    processes: DemoFleet
    ledger: ChainLedger
    folder: Path
    lines: list[tuple[str, str]] = field(default_factory=list)
    pids: set[int] = field(default_factory=set)

    def await_round(self, condition: Callable[[Round], bool], what: str) -> Round:
        """Poll the newest round until `condition` holds."""
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            newest = self.ledger.get_round_count()
            if newest and condition(round_ := self.ledger.get_round(newest)):
                return round_
            coordinator = self.processes.children["coordinator"]
            assert coordinator.exit_code in (None, 0), self._tell()
            time.sleep(0.1)
        raise AssertionError(f"{what} did not happen:\n" + self._tell())

    def _tell(self) -> str:
        """What the processes said last."""
        return "\n".join(f"{name}: {line}" for name, line in self.lines[-30:])

    def address(self, wallet: int) -> str:
        from zk0.chain.wallet import open_dev_wallet

        return open_dev_wallet(f"dev:{wallet}", 31337).address

    def start_coordinator(self, rounds: int) -> None:
        child = self.processes.start_coordinator(rounds, self.folder / "rounds.json")
        self.pids.add(child.pid)

    def start_node(self, wallet: int, task: str) -> None:
        self.pids.add(self.processes.start_node(wallet, task).pid)

    def kill(self, name: str) -> None:
        self.processes.children[name].kill()

    def await_end(self) -> None:
        """Until the coordinator has done its rounds."""
        coordinator = self.processes.children["coordinator"]
        end = time.monotonic() + WAIT_S
        while coordinator.exit_code is None and time.monotonic() < end:
            time.sleep(0.2)
        assert coordinator.exit_code == 0, self._tell()


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("fleet")
    lines: list[tuple[str, str]] = []
    with open_devnet(folder / "home", port=0, quorum=3, circuit="alignment-3840") as network:
        processes = DemoFleet(
            network.anvil.rpc_url,
            folder / "home",
            folder / "logs",
            lambda name, line: lines.append((name, line)),
        )
        ledger = connect(network.anvil.rpc_url, network.deployment)
        fleet = Fleet(network, processes, ledger, folder, lines)
        fund_rounds(network, 3)
        try:
            fleet.start_coordinator(1)
            fleet.start_node(TOUCH, "touch")
            fleet.start_node(LIFT, "lift")
            fleet.pids.add(processes.start_freeloader(PLACE, "place", 400).pid)
            yield fleet
        finally:
            processes.close()


def get_contribution(round_: Round, fleet: Fleet, wallet: int):
    entry = round_.contribution_of(fleet.address(wallet))
    assert entry is not None
    return entry


@pytest.mark.timeout(1200)
def test_a_node_killed_after_its_commit_continues_the_round(fleet: Fleet) -> None:
    touch = fleet.address(TOUCH)
    fleet.await_round(lambda r: r.contribution_of(touch) is not None, "touch's commit")
    fleet.kill("touch")
    fleet.start_node(TOUCH, "touch")
    fleet.await_end()
    round_ = fleet.ledger.get_round(1)
    assert round_.phase is Phase.FINALIZED
    assert get_contribution(round_, fleet, TOUCH).outcome is Outcome.ACCEPTED
    assert get_contribution(round_, fleet, LIFT).outcome is Outcome.ACCEPTED


def test_the_freeloader_is_turned_away_by_the_contract(fleet: Fleet) -> None:
    entry = get_contribution(fleet.ledger.get_round(1), fleet, PLACE)
    assert entry.outcome is Outcome.BELOW_THRESHOLD
    assert entry.sample_key is not None
    assert entry.share_nano == 0
    names = [e.name for e in fleet.ledger.get_events(round_id=1, node=fleet.address(PLACE))]
    assert "ContributionBelowThreshold" in names


@pytest.mark.timeout(1200)
def test_coordinator_killed_after_the_seal_and_node_killed_before_its_proof(fleet: Fleet) -> None:
    fleet.start_coordinator(1)
    fleet.await_round(lambda r: r.round_id == 2 and r.phase is Phase.SEALED, "the seal")
    fleet.kill("coordinator")
    sealed = fleet.ledger.get_round(2)
    fleet.start_coordinator(1)
    fleet.await_round(lambda r: r.phase is Phase.PROVING, "the challenge")
    fleet.kill("lift")
    at_kill = get_contribution(fleet.ledger.get_round(2), fleet, LIFT).outcome
    fleet.start_node(LIFT, "lift")
    fleet.await_end()
    round_ = fleet.ledger.get_round(2)
    assert at_kill is Outcome.NONE
    assert fleet.ledger.get_round_count() == 2
    assert round_.phase is Phase.FINALIZED
    assert round_.candidate == sealed.candidate
    assert get_contribution(round_, fleet, LIFT).outcome is Outcome.ACCEPTED


@pytest.mark.timeout(1200)
def test_the_same_wallet_with_an_honest_update_is_accepted(fleet: Fleet) -> None:
    fleet.processes.children["freeloader"].stop()
    fleet.start_node(PLACE, "place")
    fleet.start_coordinator(1)
    fleet.await_end()
    round_ = fleet.ledger.get_round(3)
    assert get_contribution(round_, fleet, PLACE).outcome is Outcome.ACCEPTED
    assert round_.final_loss_nano < round_.base_loss_nano


def test_the_honest_are_paid_to_the_wei_and_the_freeloader_gets_nothing(fleet: Fleet) -> None:
    await_claims(fleet.ledger)
    told = {}
    for wallet, name in ((TOUCH, "touch"), (LIFT, "lift"), (PLACE, "place")):
        before = fleet.ledger.get_balance_wei(fleet.address(wallet))
        told[wallet] = fleet.processes.claim(wallet, name)
        fleet.pids.add(fleet.processes.children[f"claim-{name}"].pid)
        gained = fleet.ledger.get_balance_wei(fleet.address(wallet)) - before
        # Less the gas, which is far below what was earned.
        assert 0.99 * told[wallet]["paid_wei"] < gained <= told[wallet]["paid_wei"]
    settlements = [fleet.ledger.rewards.get_settlement(round_id) for round_id in (1, 2, 3)]
    payouts = [s.payout_wei for s in settlements if s is not None]
    drops = [r.base_loss_nano - r.final_loss_nano for r in map(fleet.ledger.get_round, (1, 2, 3))]
    assert payouts == [10**9 * drop for drop in drops]
    assert all(0 < payout < FUNDED_WEI for payout in payouts)
    assert sum(said["paid_wei"] for said in told.values()) == sum(payouts)
    assert [s.unpaid_wei for s in settlements if s is not None] == [0, 0, 0]
    # The freeloader's wallet was honest in the third round only.
    assert [claimed["round"] for claimed in told[PLACE]["claimed"]] == [3]
    again = fleet.processes.claim(TOUCH, "again")
    assert (again["paid_wei"], again["transactions"]) == (0, [])


def get_history(fleet: Fleet) -> list[RoundRow]:
    events = fleet.ledger.get_events()
    gas = {tx: fleet.ledger.get_gas(tx) for tx in list_transactions(build_history(events))}
    return build_history(events, gas)


def test_the_history_from_events_equals_the_contracts_state(fleet: Fleet) -> None:
    rows = get_history(fleet)
    assert [row.round_id for row in rows] == [1, 2, 3]
    assert json.dumps(to_json(rows))
    for row in rows:
        round_ = fleet.ledger.get_round(row.round_id)
        assert (row.base_loss_nano, row.final_loss_nano) == (
            round_.base_loss_nano,
            round_.final_loss_nano,
        )
        assert row.checkpoint == round_.checkpoint
        for c in row.contributions:
            entry = round_.contribution_of(c.node)
            assert entry is not None
            assert (c.outcome, c.digest, c.share_nano or 0) == (
                entry.outcome,
                entry.digest,
                entry.share_nano,
            )
            assert c.gas > 0


def test_shares_add_up_and_proven_ones_estimate_exact_ones(fleet: Fleet) -> None:
    store = open_store(f"dir:{fleet.folder / 'home' / 'blobs'}")
    for row in get_history(fleet):
        path = fleet.folder / f"report-{row.round_id}.json"
        store.get(Cid(row.report_cid), path)
        report = json.loads(path.read_bytes())
        drop = report["completeness"]["drop_nano"]
        bound = 0.10 if row.round_id == 1 else 0.05
        assert abs(report["completeness"]["sum_of_shares_nano"] - drop) <= bound * drop
        assert report["pool_losses_nano"]["final"] < report["pool_losses_nano"]["base"]
        for c in report["contributions"]:
            if c["outcome"] == "Accepted":
                error = abs(c["share_nano"] - c["exact_share_nano"])
                # Three predicted errors hold in 99.5 % of cases; five leave no room for chance.
                assert error <= 5 * c["share_error_nano"]


def test_plain_numpy_over_the_published_updates_gives_the_checkpoints_digest(
    fleet: Fleet, tmp_path: Path
) -> None:
    store = open_store(f"dir:{fleet.folder / 'home' / 'blobs'}")
    for row in get_history(fleet):
        report_path = tmp_path / "report.json"
        store.get(Cid(row.report_cid), report_path)
        report = json.loads(report_path.read_bytes())
        base_path = tmp_path / "base"
        store.get(fleet.ledger.get_checkpoint_cid(row.base), base_path)
        base = read_checkpoint(base_path).tensors
        members = [c for c in report["contributions"] if c["outcome"] == "Accepted"]
        digits = []
        for c in members:
            store.get(Cid(c["cid"]), tmp_path / "update")
            digits.append(parse_tensor_file((tmp_path / "update").read_bytes()).tensors)
        lowest = min(c["exponent"] - c["clip_shift"] for c in members)
        weight = sum(c["weight"] for c in members)
        result = {}
        for name, theta in base.items():
            total = np.zeros(theta.shape, dtype=np.int64)
            for c, d in zip(members, digits, strict=True):
                shift = c["exponent"] - c["clip_shift"] - lowest
                total += c["weight"] * d[name].astype(np.int64) << shift
            step = np.ldexp(total.astype(np.float64) / weight, lowest)
            result[name] = (theta.astype(np.float64) + step).astype(np.float32)
        metadata = {
            "chain_id": 31337,
            "kind": "checkpoint",
            "model": "tiny",
            "parent": row.base.hex(),
            "registry": fleet.ledger.network.registry,
            "round": row.round_id,
            "scope": "all",
            "version": 1,
        }
        assert write_tensor_file(tmp_path / "again", result, metadata) == row.checkpoint


def test_an_audit_of_the_whole_round_confirms_it(fleet: Fleet, tmp_path: Path) -> None:
    """By a stranger with an RPC and the store: base, updates, proofs' samples, gradient, gate."""
    options = NetworkOptions(
        rpc_url=fleet.network.anvil.rpc_url,
        deployments=fleet.folder / "home" / "deployments",
        registry=None,
        store=f"dir:{fleet.folder / 'home' / 'blobs'}",
        home=tmp_path,
    )
    found = audit_round(options, 1, measured=True)
    assert found.verdict is Verdict.CONFIRMED, format_audit(found)
    assert len(found.findings) == 12


def test_no_process_is_left_behind(fleet: Fleet) -> None:
    fleet.processes.close()
    for pid in fleet.pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    left = list_processes(fleet.folder)
    left.pop(fleet.network.anvil.pid, None)
    assert left == {}
