"""A whole network in one process: a coordinator and nodes over doubles, for pipeline tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from coordinator.dispatch import Dispatch
from coordinator.home import CoordinatorHome
from coordinator.pipeline import CoordinatorPipeline
from coordinator.runner import CoordinatorRunner
from coordinator.tools import Tools
from coordinator.workspace import Workspace
from node.home import NodeHome
from node.pipeline import NodePipeline
from node.runner import NodeRunner
from zk0.config import NetworkManifest, TrainingRecipe
from zk0.learning.linear import LinearExaminer, LinearLearner, LinearShape
from zk0.ports import Examiner, Learner, Parcel
from zk0.protocol.checkpoint import NO_PARENT, NO_REGISTRY, Checkpoint, CheckpointMetadata
from zk0.protocol.round import Parameters
from zk0.protocol.statement import Address, CircuitId, Digest, Statement
from zk0.provers import Provers
from zk0.storage.directory import DirectoryStore
from zk0.testing.chain import MemoryChain, make_network, make_rules
from zk0.testing.fleet import LocalFleet
from zk0.testing.ledger import MemoryLedger
from zk0.testing.noise import NoiseLearner
from zk0.testing.prover import SampleProver, decode_sample_proof
from zk0.testing.rewards import MemoryRewards, MemoryVault

STAGES = (
    "collect_commits",
    "draw_sample",
    "collect_updates",
    "seal",
    "challenge",
    "collect_proofs",
)
"""Of CoordinatorPipeline, between opening and settling a round."""
TASKS = ("lift", "place", "touch")
COORDINATOR = Address("0x" + "c0" * 20)
SHAPE = LinearShape(inputs=128, outputs=16, frames=256)
PARAMETERS = Parameters(
    min_commit_window_s=5, commit_window_s=600, collect_window_s=300, seal_window_s=300,
    challenge_window_s=300, proving_window_s=300, finalize_window_s=300, quorum=1, max_nodes=16,
    min_exponent=-24, max_exponent=-8, max_weight_share_bps=5000, z_min=4,
    max_regression_nano=1_000_000, parameter_count=SHAPE.layout.parameter_count,
    frames_per_task=32,
)  # fmt: skip
MANIFEST = NetworkManifest(
    circuit="sample",
    model="linear",
    scope="all",
    statistics="00" * 32,
    training=TrainingRecipe(steps=20, batch_size=128, learning_rate="0.2"),
    max_norm="100",
)


def verify(statement: Statement, proof: bytes) -> bool:
    try:
        return decode_sample_proof(proof) == statement
    except ValueError:
        return False


def make_sample_prover(circuit_id: CircuitId) -> SampleProver:
    """For a circuit of 960 or of 480 coordinates."""
    provers = {p.circuit_id: p for p in (SampleProver(960), SampleProver(480))}
    return provers[circuit_id]


def make_noise(seed: int) -> NoiseLearner:
    """Of a size that no check of the coordinator refuses."""
    return NoiseLearner(seed, scale=0.02, num_examples=SHAPE.frames)


@dataclass
class Member:
    """One node: its wallet, its files, and the runner of its present process."""

    address: Address
    key: bytes
    task: str
    learner: Learner
    home: NodeHome
    ledger: MemoryLedger
    runner: NodeRunner
    pipeline: NodePipeline


class World:
    """Members by name; `coordinator()` is a fresh coordinator process on the same files."""

    def __init__(self, root: Path, learners: dict[str, tuple[str, Learner]]) -> None:
        self.root = root
        self.manifest = MANIFEST
        self.examiner: Examiner = LinearExaminer(TASKS, SHAPE)
        self.store = DirectoryStore(root / "blobs")
        genesis_file = root / "genesis.safetensors"
        meta = CheckpointMetadata(0, NO_REGISTRY, 0, NO_PARENT, "linear", "all")
        self.genesis = Checkpoint(SHAPE.make_base(), meta).write(genesis_file)
        prover = SampleProver(960)
        network = make_network(
            PARAMETERS, TASKS, COORDINATOR, genesis=self.genesis,
            genesis_cid=self.store.put(genesis_file),
        )  # fmt: skip
        rules = make_rules(PARAMETERS, circuit_id=prover.circuit_id)
        self.chain = MemoryChain(network, rules, verify=verify)
        self.vault = MemoryVault(self.chain)
        self.fleet = LocalFleet({})
        self.members: dict[str, Member] = {}
        for number, (name, (task, learner)) in enumerate(learners.items(), 1):
            self.add(name, task, learner, number)
        self.chain.advance(1)

    def add(self, name: str, task: str, learner: Learner, number: int) -> None:
        address = Address(f"0x{number:040x}")
        key = f"node key {number}".encode()
        ledger = MemoryLedger(self.chain, address)
        ledger.join(
            task=TASKS.index(task),
            dataset_size=learner.num_examples,
            node_key=key,
            bond_wei=self.chain.network.compute_bond_wei(learner.num_examples),
        )
        home = NodeHome.of(
            self.root / name, self.chain.network.chain_id, self.chain.network.registry, address
        )
        pipeline, runner = self._start(ledger, home, learner)
        self.members[name] = Member(address, key, task, learner, home, ledger, runner, pipeline)
        self.fleet.handlers[key] = lambda kind, parcel: self.members[name].runner.handle(
            kind, parcel
        )

    def _start(
        self, ledger: MemoryLedger, home: NodeHome, learner: Learner
    ) -> tuple[NodePipeline, NodeRunner]:
        pipeline = NodePipeline(
            ledger=ledger,
            provers=Provers(make_sample_prover),
            learner=learner,
            manifest=self.manifest,
            home=home,
        )
        return pipeline, NodeRunner(pipeline, ledger, home.root, poll_s=0)

    def restart(self, name: str) -> None:
        """A new process on the same files."""
        member = self.members[name]
        member.pipeline, member.runner = self._start(member.ledger, member.home, member.learner)

    def intercept(
        self, name: str, change: Callable[[str, Parcel, Callable[[], Parcel]], Parcel]
    ) -> None:
        """Let a test answer in a member's place: `change(kind, parcel, honest_answer)`."""
        member = self.members[name]

        def handle(kind: str, parcel: Parcel) -> Parcel:
            return change(kind, parcel, lambda: member.runner.handle(kind, parcel))

        self.fleet.handlers[member.key] = handle

    def tools(self) -> Tools:
        network = self.chain.network
        return Tools(
            ledger=MemoryLedger(self.chain, COORDINATOR),
            store=self.store,
            provers=Provers(make_sample_prover),
            examiner=self.examiner,
            manifest=self.manifest,
            home=CoordinatorHome.of(self.root / "coordinator", network.chain_id, network.registry),
            rewards=MemoryRewards(self.vault, COORDINATOR),
            poll_s=0.0,
            block_wait_s=0.0,
        )

    def coordinator(self) -> tuple[CoordinatorPipeline, CoordinatorRunner]:
        tools = self.tools()
        dispatch = Dispatch(
            self.fleet,
            tools.ledger,
            self.fleet,
            ask_timeout_s=60,
            pause=lambda: self.chain.advance(1),
        )
        pipeline = CoordinatorPipeline(tools, dispatch)
        return pipeline, CoordinatorRunner(pipeline, tools.ledger, tools.home, tools.rewards)

    def get_base(self, round_id: int) -> tuple[Checkpoint, Digest]:
        """A round's base checkpoint and its digest."""
        tools = self.tools()
        round_ = tools.ledger.get_round(round_id)
        return Workspace(tools).get_base(round_), round_.base

    def run_until(self, pipeline: CoordinatorPipeline, last: str) -> int:
        """Open a round and go through its stages to `last`; returns its number."""
        round_id = pipeline.open()
        for stage in STAGES[: STAGES.index(last) + 1]:
            getattr(pipeline, stage)(round_id)
        return round_id

    def run_round(self) -> int:
        """One round by a fresh coordinator; returns its number."""
        _, runner = self.coordinator()
        return runner.run_round().round_id


def make_honest(*tasks: str) -> dict[str, tuple[str, Learner]]:
    return {task: (task, LinearLearner(task, SHAPE)) for task in tasks}
