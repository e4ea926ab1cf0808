"""Rules that change on Anvil, through the timelock: real contracts, proofs and pipelines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import pytest

from circuits.catalog import get_circuit
from circuits.prover import EzklProver
from coordinator.dispatch import Dispatch
from coordinator.home import CoordinatorHome
from coordinator.pipeline import CoordinatorPipeline
from coordinator.runner import CoordinatorRunner
from coordinator.tools import Tools
from node.home import NodeHome
from node.pipeline import NodePipeline
from node.runner import NodeRunner
from tests.doubles.world import MANIFEST, PARAMETERS, SHAPE
from zk0.chain import refusals
from zk0.chain.deploy import NetworkPlan, deploy_network
from zk0.chain.devnet import Devnet, DevnetOptions, start_devnet
from zk0.chain.ledger import ChainLedger, connect
from zk0.chain.timelock import AnnouncedRules
from zk0.chain.transactions import SendPolicy
from zk0.chain.wallet import open_wallet
from zk0.errors import ConfigError, RoundError
from zk0.governance import (
    apply_changes,
    choose_announced,
    describe_rules,
    find_announced,
    find_followers,
    format_rules,
)
from zk0.learning.linear import LinearExaminer, LinearLearner
from zk0.ports import Cid
from zk0.protocol.checkpoint import NO_PARENT, NO_REGISTRY, Checkpoint, CheckpointMetadata
from zk0.protocol.contribution import Outcome
from zk0.protocol.statement import CircuitId, Digest
from zk0.provers import Provers
from zk0.storage.directory import DirectoryStore
from zk0.testing.fleet import LocalFleet

CIRCUIT = get_circuit("alignment-960")
TASKS = ("lift", "place")
DELAY_S = 60
RULES = replace(PARAMETERS, commit_window_s=900, collect_window_s=900, quorum=2)
CHANGES = ("zMin=3", "framesPerTask=16", "maxWeightShareBps=4000", "commitWindow=800")
OTHERS = replace(RULES, z_min=3, frames_per_task=16, max_weight_share_bps=4000, commit_window_s=800)


@dataclass(frozen=True)
class Side:
    """A network on Anvil with both sides of its rounds in this process."""

    devnet: Devnet
    pipeline: CoordinatorPipeline
    runner: CoordinatorRunner
    owner: ChainLedger
    stranger: ChainLedger
    home: CoordinatorHome


@pytest.fixture(scope="module")
def side(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:
    root = tmp_path_factory.mktemp("rules")
    store = DirectoryStore(root / "blobs")
    genesis_file = root / "genesis.safetensors"
    meta = CheckpointMetadata(0, NO_REGISTRY, 0, NO_PARENT, "linear", "all")
    genesis = Checkpoint(SHAPE.make_base(), meta).write(genesis_file)
    plan = NetworkPlan(
        circuit="alignment-960", circuit_id=CIRCUIT.circuit_id, sample_size=960, devnet_srs=True,
        owner=open_wallet("dev:0", 31337).address,
        coordinator=open_wallet("dev:1", 31337).address, tasks=TASKS, parameters=RULES,
        genesis=genesis, genesis_cid=store.put(genesis_file),
        manifest=Digest(b"\x33" * 32), manifest_cid=Cid("bafkmanifest"), timelock_delay_s=DELAY_S,
    )  # fmt: skip
    with start_devnet(None, DevnetOptions(block_time_s=None)) as devnet:
        deployment = deploy_network(devnet.rpc_url, plan, root / "deployments")
        owner, boss, stranger, *nodes = (
            connect(
                devnet.rpc_url, deployment, open_wallet(f"dev:{i}", 31337), SendPolicy(poll_s=0.01)
            )
            for i in range(5)
        )
        assert owner.open_timelock().address == deployment.timelock
        fleet = LocalFleet({})
        for task, ledger in zip(TASKS, nodes, strict=True):
            fleet.handlers[task.encode()] = join(ledger, task, root / task).handle
        home = CoordinatorHome.of(root / "coordinator", 31337, deployment.registry)
        tools = Tools(
            ledger=boss, store=store, provers=Provers(make_prover),
            examiner=LinearExaminer(TASKS, SHAPE), manifest=MANIFEST, home=home, poll_s=0.01,
            block_wait_s=0.0,
        )  # fmt: skip
        pause = partial(devnet.advance, 1)
        dispatch = Dispatch(fleet, boss, fleet, ask_timeout_s=120, pause=pause)
        pipeline = CoordinatorPipeline(tools, dispatch)
        runner = CoordinatorRunner(pipeline, boss, home)
        yield Side(devnet, pipeline, runner, owner, stranger, home)


def make_prover(circuit_id: CircuitId) -> EzklProver:
    assert circuit_id == CIRCUIT.circuit_id
    return EzklProver(CIRCUIT, chain_id=31337)


def join(ledger: ChainLedger, task: str, root: Path) -> NodeRunner:
    learner = LinearLearner(task, SHAPE)
    bond = ledger.network.compute_bond_wei(learner.num_examples)
    ledger.join(
        task=TASKS.index(task), dataset_size=learner.num_examples, node_key=task.encode(),
        bond_wei=bond,
    )  # fmt: skip
    home = NodeHome.of(root, 31337, ledger.network.registry, ledger.account)
    pipeline = NodePipeline(
        ledger=ledger, provers=Provers(make_prover), learner=learner, manifest=MANIFEST, home=home
    )
    return NodeRunner(pipeline, ledger, home.root, poll_s=0)


def get_report(side: Side, round_id: int) -> dict:
    return json.loads(side.home.report_file(round_id).read_bytes())


def test_a_change_passes_the_timelock_and_touches_only_the_next_round(side: Side) -> None:
    timelock = side.owner.open_timelock()
    wanted, circuit = apply_changes(side.owner.get_next_rules(), CHANGES, None)
    assert (wanted, circuit) == (OTHERS, CIRCUIT.circuit_id)
    assert timelock.list_announced() == []
    with pytest.raises(refusals.AccessControlUnauthorizedAccountError):
        side.stranger.open_timelock().announce(wanted, circuit)

    # Announced before the round, carried out in its middle by somebody else.
    timelock.announce(wanted, circuit)
    (announced,) = timelock.list_announced()
    assert (announced.parameters, announced.circuit_id) == (OTHERS, circuit)
    assert announced.is_alone
    with pytest.raises(refusals.TimelockUnexpectedOperationStateError):
        side.stranger.open_timelock().execute(announced)
    with pytest.raises(RoundError, match="the chain's time is"):
        choose_announced([announced], None, announced.ready_at - 1)
    round_id = side.pipeline.open()
    for stage in ("collect_commits", "draw_sample", "collect_updates"):
        getattr(side.pipeline, stage)(round_id)
    side.devnet.advance(DELAY_S)
    found = describe_rules(side.stranger)
    assert found["announced"][0]["changes"] == {
        "zMin": 3, "framesPerTask": 16, "maxWeightShareBps": 4000, "commitWindow": 800
    }  # fmt: skip
    assert "ready since" in format_rules(found)
    now = side.stranger.get_block().timestamp
    side.stranger.open_timelock().execute(choose_announced([announced], None, now))
    assert timelock.list_announced() == []
    assert side.stranger.get_next_rules().parameters == OTHERS
    assert side.runner.run_round().round_id == round_id
    assert get_report(side, 1)["parameters"] == asdict(RULES)

    assert side.runner.run_round().round_id == round_id + 1
    assert get_report(side, 2)["parameters"] == asdict(OTHERS)
    first, second = (side.stranger.get_round(i) for i in (1, 2))
    assert [c.outcome for r in (first, second) for c in r.contributions] == [Outcome.ACCEPTED] * 4
    assert {c.weight for c in first.contributions} == {256}
    assert {c.weight for c in second.contributions} == {204}
    assert (side.stranger.get_rules(1).version, side.stranger.get_rules(2).version) == (1, 2)


def announce(side: Side, changes: tuple[str, ...]) -> AnnouncedRules:
    """The announcement of a change, just made."""
    timelock = side.owner.open_timelock()
    before = {a.operation for a in timelock.list_announced()}
    timelock.announce(*apply_changes(side.owner.get_next_rules(), changes, None))
    (announced,) = (a for a in timelock.list_announced() if a.operation not in before)
    return announced


def choose(side: Side, announced: AnnouncedRules) -> AnnouncedRules:
    """As `zk0 execute-parameters --operation` would."""
    now = side.stranger.get_block().timestamp
    name = "0x" + announced.operation.hex()
    return choose_announced(side.stranger.open_timelock().list_announced(), name, now)


def test_changes_happen_in_the_order_in_which_they_were_announced(side: Side) -> None:
    timelock = side.stranger.open_timelock()
    first, second = announce(side, ("zMin=7",)), announce(side, ("zMin=8",))
    assert second.predecessor == first.operation
    side.devnet.advance(DELAY_S)
    with pytest.raises(RoundError, match=f"follows 0x{first.operation.hex()}: carry that out"):
        choose(side, second)
    with pytest.raises(refusals.TimelockUnexecutedPredecessorError):
        timelock.execute(second)
    assert f", after 0x{first.operation.hex()}" in format_rules(describe_rules(side.stranger))
    timelock.execute(choose(side, first))
    timelock.execute(choose(side, second))
    assert side.stranger.get_next_rules().parameters.z_min == 8
    # What was done can be announced again, and follows nothing that is over.
    again = announce(side, ("zMin=7",))
    assert again.data == first.data
    assert again.operation != first.operation
    assert again.predecessor == bytes(32)
    side.devnet.advance(DELAY_S)
    timelock.execute(choose(side, again))
    assert side.stranger.get_next_rules().parameters.z_min == 7


def test_a_change_is_withdrawn_by_its_owner_and_takes_what_follows_it_along(side: Side) -> None:
    timelock = side.owner.open_timelock()
    first, second, third = (announce(side, (f"zMin={n}",)) for n in (10, 11, 12))
    with pytest.raises(refusals.AccessControlUnauthorizedAccountError):
        side.stranger.open_timelock().cancel(first)
    listed = timelock.list_announced()
    assert find_followers(listed, first) == ["0x" + a.operation.hex() for a in (second, third)]
    assert find_followers(listed, third) == []
    timelock.cancel(first)
    side.devnet.advance(DELAY_S)
    assert [a.is_lost for a in timelock.list_announced()] == [True, True]
    for lost in (second, third):
        with pytest.raises(RoundError, match="can never be carried out"):
            choose(side, lost)
    assert "can never happen" in format_rules(describe_rules(side.stranger))
    # A new one does not follow what is lost.
    fresh = announce(side, ("zMin=11",))
    assert fresh.predecessor == bytes(32)
    for announced in (second, third, fresh):
        timelock.cancel(announced)
    assert timelock.list_announced() == []
    with pytest.raises(refusals.TimelockUnexpectedOperationStateError):
        timelock.cancel(fresh)
    with pytest.raises(ConfigError, match="expected one announced change, found 0 of 0"):
        find_announced([], "0x12", "one of these names")


def test_rules_that_the_contract_would_refuse_are_not_announced(side: Side) -> None:
    timelock = side.owner.open_timelock()
    now = side.owner.get_next_rules()
    with pytest.raises(refusals.ExitDelayTooShortError):
        timelock.announce(replace(now.parameters, proving_window_s=86_400), now.circuit_id)
    with pytest.raises(refusals.ParameterCountFixedError):
        timelock.announce(replace(now.parameters, parameter_count=5000), now.circuit_id)
    with pytest.raises(refusals.UnknownCircuitError):
        timelock.announce(now.parameters, CircuitId(b"\x77" * 32))
    assert timelock.list_announced() == []


@pytest.mark.parametrize(
    ("changes", "circuit", "message"),
    [
        ((), None, "nothing would change"),
        (("zmin=3",), None, "expected --set with one of minCommitWindow"),
        (("parameterCount=5",), None, "expected --set with one of"),
        (("zMin",), None, "expected --set zMin=INTEGER"),
        (("zMin=three",), None, "expected --set zMin=INTEGER"),
        (("quorum=0",), None, "quorum ≥ 1"),
        ((), "0x12", "expected --circuit as 0x and 64"),
    ],
)
def test_a_change_that_makes_no_sense_says_why(
    side: Side, changes: tuple[str, ...], circuit: str | None, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        apply_changes(side.owner.get_next_rules(), changes, circuit)
