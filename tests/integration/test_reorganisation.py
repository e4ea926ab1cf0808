"""A chain that takes back three blocks after each kind of step: no round loses anything by it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
from tests.doubles.world import MANIFEST, PARAMETERS, SHAPE, TASKS
from zk0.chain.deploy import NetworkPlan, deploy_network
from zk0.chain.devnet import Devnet, DevnetOptions, start_devnet
from zk0.chain.ledger import ChainLedger, connect
from zk0.chain.transactions import SendPolicy
from zk0.chain.wallet import open_wallet
from zk0.learning.linear import LinearExaminer, LinearLearner
from zk0.ports import Cid, Ledger, Parcel, Receipt
from zk0.protocol.checkpoint import NO_PARENT, NO_REGISTRY, Checkpoint, CheckpointMetadata
from zk0.protocol.contribution import Outcome
from zk0.protocol.round import Phase
from zk0.protocol.statement import CircuitId, Digest
from zk0.provers import Provers
from zk0.storage.directory import DirectoryStore
from zk0.testing.fleet import LocalFleet

DEPTH = 3
DRAWS = {"draw_sample": "sample_seed", "draw_challenge": "challenge_seed"}
STEPS = (
    "open_round", "commit_update", "close_commits", "draw_sample", "commit_sample", "seal_round",
    "draw_challenge", "publish_challenge", "prove_contribution", "finalize_round",
)  # fmt: skip
NODES = ("lift", "place")
CIRCUIT = get_circuit("alignment-960")


@dataclass
class Unrest:
    """Takes the last blocks back after the first transaction of each step."""

    devnet: Devnet
    sent: Counter[str] = field(default_factory=Counter)
    seeds: dict[str, list[bytes]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def after(self, step: str, ledger: Ledger) -> None:
        with self.lock:
            self.sent[step] += 1
            if step in DRAWS:
                seed = getattr(ledger.get_round(1), DRAWS[step])
                self.seeds.setdefault(step, []).append(seed)
            if self.sent[step] == 1:
                self.devnet.request("anvil_reorg", DEPTH, [])


class UnrulyLedger:
    """The real ledger; whatever it has sent may be gone when it looks again."""

    def __init__(self, ledger: ChainLedger, unrest: Unrest) -> None:
        self._ledger = ledger
        self._unrest = unrest

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._ledger, name)
        if name not in STEPS:
            return method

        def send(*args: Any) -> Receipt:
            receipt: Receipt = method(*args)
            self._unrest.after(name, self._ledger)
            return receipt

        return send


@dataclass(frozen=True, slots=True)
class Setting:
    """A network on Anvil with two nodes that have joined, and its coordinator."""

    boss: ChainLedger
    runner: CoordinatorRunner
    unrest: Unrest


@pytest.fixture
def setting(tmp_path: Path) -> Iterator[Setting]:
    with start_devnet(None, DevnetOptions(block_time_s=None)) as devnet:
        yield build(tmp_path, devnet)


def build(root: Path, devnet: Devnet) -> Setting:
    store = DirectoryStore(root / "blobs")
    genesis_file = root / "genesis.safetensors"
    meta = CheckpointMetadata(0, NO_REGISTRY, 0, NO_PARENT, "linear", "all")
    genesis = Checkpoint(SHAPE.make_base(), meta).write(genesis_file)
    owner = open_wallet("dev:0", 31337).address
    plan = NetworkPlan(
        circuit="alignment-960", circuit_id=CIRCUIT.circuit_id, sample_size=960, devnet_srs=True,
        owner=owner, coordinator=owner, tasks=TASKS, parameters=PARAMETERS, genesis=genesis,
        genesis_cid=store.put(genesis_file), manifest=Digest(b"\x33" * 32),
        manifest_cid=Cid("bafkmanifest"),
    )  # fmt: skip
    deployment = deploy_network(devnet.rpc_url, plan, root / "deployments")
    unrest = Unrest(devnet)
    ledgers = [
        connect(devnet.rpc_url, deployment, open_wallet(f"dev:{i}", 31337), SendPolicy(poll_s=0.01))
        for i in range(len(NODES) + 1)
    ]
    fleet = LocalFleet({})
    for task, ledger in zip(NODES, ledgers[1:], strict=True):
        fleet.handlers[task.encode()] = join(root / task, task, ledger, unrest)
    # Nobody's registration is among the blocks that go.
    for _ in range(DEPTH):
        devnet.request("evm_mine")
    return Setting(ledgers[0], make_runner(root, ledgers[0], store, fleet, unrest), unrest)


def join(
    root: Path, task: str, ledger: ChainLedger, unrest: Unrest
) -> Callable[[str, Parcel], Parcel]:
    """Register a node whose key is its task's name; what answers its messages."""
    learner = LinearLearner(task, SHAPE)
    size = learner.num_examples
    ledger.join(
        task=TASKS.index(task), dataset_size=size, node_key=task.encode(),
        bond_wei=ledger.network.compute_bond_wei(size),
    )  # fmt: skip
    network = ledger.network
    home = NodeHome.of(root, network.chain_id, network.registry, ledger.account)
    unruly: Any = UnrulyLedger(ledger, unrest)
    pipeline = NodePipeline(
        ledger=unruly, provers=Provers(make_prover), learner=learner, manifest=MANIFEST, home=home
    )
    return NodeRunner(pipeline, unruly, home.root).handle


def make_runner(
    root: Path, ledger: ChainLedger, store: DirectoryStore, fleet: LocalFleet, unrest: Unrest
) -> CoordinatorRunner:
    network = ledger.network
    unruly: Any = UnrulyLedger(ledger, unrest)
    tools = Tools(
        ledger=unruly, store=store, provers=Provers(make_prover),
        examiner=LinearExaminer(TASKS, SHAPE), manifest=MANIFEST, poll_s=0.0, block_wait_s=0.0,
        home=CoordinatorHome.of(root / "coordinator", network.chain_id, network.registry),
    )  # fmt: skip
    dispatch = Dispatch(fleet, unruly, fleet, ask_timeout_s=120, pause=lambda: None)
    return CoordinatorRunner(CoordinatorPipeline(tools, dispatch), unruly, tools.home)


def make_prover(circuit_id: CircuitId) -> EzklProver:
    assert circuit_id == CIRCUIT.circuit_id
    return EzklProver(CIRCUIT, chain_id=31337)


def test_a_reorganisation_after_every_kind_of_step_loses_nothing(setting: Setting) -> None:
    summary = setting.runner.run_round()
    unrest, round_ = setting.unrest, setting.boss.get_round(1)
    assert set(unrest.sent) == set(STEPS)
    # What vanished was sent again.
    assert min(unrest.sent.values()) >= 2, unrest.sent
    assert round_.phase is Phase.FINALIZED
    assert [c.outcome for c in round_.contributions] == [Outcome.ACCEPTED] * len(NODES)
    assert setting.boss.get_head() == round_.checkpoint == bytes.fromhex(summary.checkpoint)
    # Draws came out differently when the block that they drew from went too; the last one counts.
    for step, name in DRAWS.items():
        seeds = unrest.seeds[step]
        assert len(set(seeds)) >= 2
        assert getattr(round_, name) == seeds[-1]
