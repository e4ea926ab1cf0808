"""Builds a coordinator's real adapters."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

from circuits.catalog import get_circuit_by_id
from circuits.prover import EzklProver
from coordinator.dispatch import Dispatch, NodeRegistrar
from coordinator.home import CoordinatorHome
from coordinator.pipeline import CoordinatorPipeline
from coordinator.recording import Recorder
from coordinator.recording_options import RecordingOptions
from coordinator.runner import CoordinatorRunner
from coordinator.seats import require_current
from coordinator.tools import Tools
from zk0.bootstrap import open_ledger, open_manifest
from zk0.config import NetworkManifest
from zk0.console import NetworkOptions
from zk0.errors import ChainError, ConfigError, TransportError
from zk0.ports import BlobStore, Examiner, Fleet, Ledger, Network, RewardLedger
from zk0.provers import Provers
from zk0.storage import open_store

if TYPE_CHECKING:
    from zk0.learning.flower_wire import SuperLinkEndpoint
    from zk0.learning.policy import Policy

log = logging.getLogger(__name__)

DOORKEEPER_S = 2.0
ASK_TIMEOUT_S = 60.0


def load_network_policy(manifest: NetworkManifest, network: Network) -> Policy:
    """The network's policy, normalising as the network does; imports torch.

    Raises:
        ConfigError: policy or statistics are not the network's.
    """
    from zk0.learning.policy import load_policy

    policy = load_policy(manifest.model, manifest.scope)
    if policy.statistics_digest.hex() != manifest.statistics:
        raise ConfigError(
            f"the network normalises with statistics {manifest.statistics}, this machine has "
            f"{policy.statistics_digest.hex()}; fetch the network's statistics file"
        )
    found = policy.layout.parameter_count
    if found != network.parameter_count:
        raise ConfigError(
            f"the network's contract says {network.parameter_count} parameters, the "
            f"policy {manifest.model} with scope {manifest.scope} has {found}"
        )
    return policy


def make_examiner(manifest: NetworkManifest, network: Network, pool: Path | None) -> Examiner:
    """The network's policy on the coordinator's pool; imports torch.

    Raises:
        DatasetError: the pool is missing or damaged.
        ConfigError: pool, policy or statistics are not the network's.
    """
    from zk0.learning.examination import PoolExaminer
    from zk0.learning.pool import EMBEDDED_POOL, load_pool
    from zk0.learning.robot import describe_robot

    policy = load_network_policy(manifest, network)
    examiner = PoolExaminer(
        policy, load_pool(pool or EMBEDDED_POOL, describe_robot(manifest.model))
    )
    if set(examiner.tasks) != set(network.tasks):
        raise ConfigError(
            f"the network's tasks are {sorted(network.tasks)}, the pool has "
            f"{sorted(examiner.tasks)}; give a pool with episodes of every task"
        )
    return examiner


@dataclass(frozen=True, slots=True)
class Base:
    """What is there before anything heavy is loaded."""

    ledger: Ledger
    rewards: RewardLedger | None
    reader: Ledger
    """A second connection, for the doorkeeper's thread."""
    store: BlobStore
    manifest: NetworkManifest
    home: CoordinatorHome


def open_base(options: NetworkOptions, wallet: str, password_file: Path | None) -> Base:
    """Ledger, store, manifest and home. Raises RoundError for another wallet."""
    ledger = open_ledger(options, wallet, password_file)
    network = ledger.network
    require_current(ledger)
    store = open_store(options.store)
    root = options.home / "coordinator"
    manifest = open_manifest(network, store, root)
    home = CoordinatorHome.of(root, network.chain_id, network.registry)
    rewards = ledger.rewards if network.vault else None
    return Base(ledger, rewards, open_ledger(options), store, manifest, home)


def make_tools(base: Base, pool: Path | None, min_nodes: int | None = None) -> Tools:
    """Prover and examiner; imports torch."""
    network = base.ledger.network
    return Tools(
        ledger=base.ledger,
        store=base.store,
        provers=Provers(lambda circuit: EzklProver(get_circuit_by_id(circuit), network.chain_id)),
        examiner=make_examiner(base.manifest, network, pool),
        manifest=base.manifest,
        home=base.home,
        rewards=base.rewards,
        min_nodes=min_nodes,
    )


class Doorkeeper:
    """Lets the keys of registered nodes into the SuperLink, from its start on.

    A thread of its own: a SuperNode that is turned away costs seconds of CPU to start again,
    and loading the policy takes longer than a node takes to join.
    """

    def __init__(self, endpoint: SuperLinkEndpoint, ledger: Ledger) -> None:
        self._endpoint = endpoint
        self._ledger = ledger
        self._known: set[bytes] = set()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def admit(self, node_key: bytes) -> None:
        """Register one key, once. Raises TransportError."""
        from zk0.learning.flower_runtime import register_node

        with self._lock:
            if node_key not in self._known:
                register_node(self._endpoint, node_key)
                self._known.add(node_key)

    def _watch(self) -> None:
        while not self._stop.wait(DOORKEEPER_S):
            try:
                for registration in self._ledger.get_active_nodes():
                    self.admit(registration.node_key)
            except (TransportError, ChainError) as error:
                log.warning("cannot admit nodes now: %s", error)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


@contextmanager
def open_superlink(
    home: CoordinatorHome, address: str, ca: Path | None, published_ca: Path
) -> Iterator[SuperLinkEndpoint]:
    """The SuperLink at `address` if one answers, else one of our own; its CA is published."""
    from zk0.learning.flower_runtime import is_superlink_reachable
    from zk0.learning.flower_superlink import LOOPBACK, start_superlink
    from zk0.learning.flower_wire import SuperLinkEndpoint

    host, _, port = address.rpartition(":")
    if not port.isdigit():
        raise ConfigError(f"expected --superlink HOST:PORT, found {address!r}")
    own_ca = ca or home.flower_folder / "tls" / "ca.pem"
    if own_ca.exists():
        endpoint = SuperLinkEndpoint(address, own_ca)
        if is_superlink_reachable(endpoint):
            log.info("using the SuperLink at %s", address)
            yield endpoint
            return
    superlink = start_superlink(home.flower_folder, host or LOOPBACK, int(port))
    try:
        published_ca.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(superlink.endpoint.ca, published_ca)
        log.info("SuperLink at %s, its CA in %s", superlink.endpoint.address, published_ca)
        yield superlink.endpoint
    finally:
        superlink.stop()


def make_recorder(tools: Tools, options: RecordingOptions) -> Recorder:
    """Raises ConfigError, DatasetError (unseen sets), StorageError; imports torch."""
    from zk0.learning.evaluator import PolicyEvaluator, gather_sets
    from zk0.learning.examination import PoolExaminer
    from zk0.learning.robot import describe_robot
    from zk0.learning.rollouts import RolloutPlan, SimulatorRollouts, require_simulator
    from zk0.outputs.folder import OutputFolder
    from zk0.outputs.hub import HuggingFaceHub, validate_repository
    from zk0.outputs.trackers import open_trackers

    hub = None
    if options.plan.push_to is not None:
        validate_repository(options.plan.push_to)
        hub = HuggingFaceHub()
    examiner = tools.examiner
    if not isinstance(examiner, PoolExaminer):
        raise ConfigError("outputs are written for a policy on a pool; this network has another")
    for task in options.plan.roll_out:
        require_simulator(task)
    robot = describe_robot(tools.manifest.model)
    sets = gather_sets(examiner.pool, options.unseen, robot)
    folder = OutputFolder.open(options.outputs, datetime.now())
    log.info("outputs in %s", folder.root)
    return Recorder(
        folder,
        tools.ledger,
        tools.home,
        PolicyEvaluator(examiner.policy, sets),
        options.plan,
        SimulatorRollouts(examiner.policy, RolloutPlan(episodes=options.episodes)),
        open_trackers(options.track, folder.root),
        hub,
    )


@contextmanager
def open_runner(
    base: Base,
    pool: Path | None,
    endpoint: SuperLinkEndpoint,
    min_nodes: int | None = None,
    recording: RecordingOptions | None = None,
) -> Iterator[CoordinatorRunner]:
    """A runner over Flower."""
    from zk0.learning.flower_fleet import open_fleet

    with Doorkeeper(endpoint, base.reader) as doorkeeper:
        tools = make_tools(base, pool, min_nodes)
        recorder = make_recorder(tools, recording) if recording else None
        with open_fleet(endpoint) as fleet, recorder or nullcontext():
            yield make_runner(tools, fleet, doorkeeper, recorder)


def make_runner(
    tools: Tools,
    fleet: Fleet,
    registrar: NodeRegistrar,
    recorder: Recorder | None = None,
) -> CoordinatorRunner:
    dispatch = Dispatch(
        fleet,
        tools.ledger,
        registrar,
        ask_timeout_s=ASK_TIMEOUT_S,
        pause=lambda: time.sleep(tools.poll_s),
    )
    pipeline = CoordinatorPipeline(tools, dispatch)
    return CoordinatorRunner(pipeline, tools.ledger, tools.home, tools.rewards, recorder)
