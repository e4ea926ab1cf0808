"""Builds a node's real adapters."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

from circuits.catalog import get_circuit_by_id
from circuits.prover import EzklProver
from node.home import NodeHome
from node.pipeline import NodePipeline
from zk0.bootstrap import open_ledger, open_manifest
from zk0.config import NetworkManifest
from zk0.console import NetworkOptions
from zk0.errors import ConfigError
from zk0.learning.federation import DatasetSettings
from zk0.ports import Learner, Ledger, Network, Prover, Tensors, TrainingResult
from zk0.protocol.statement import CircuitId
from zk0.provers import Provers
from zk0.storage import open_store

log = logging.getLogger(__name__)

PROVER_TIME_LIMIT_S = 600.0
"""Far above a proof's seconds: several provers may share a small machine."""


@dataclass(frozen=True, slots=True)
class NodeTools:
    """What a node works with."""

    ledger: Ledger
    manifest: NetworkManifest
    home: NodeHome


class NoLearner:
    """In place of a learner where nothing is trained (`zk0-node prove`)."""

    num_examples = 0

    def train(self, base: Tensors, seed: int, rate_share: float = 1.0) -> TrainingResult:
        raise ConfigError("this command does not train; start `zk0-node join` for that")


def open_tools(options: NetworkOptions, wallet: str, password_file: Path | None) -> NodeTools:
    """Ledger, manifest and home folder. Raises what `zk0.bootstrap.open_ledger` raises."""
    ledger = open_ledger(options, wallet, password_file)
    network = ledger.network
    root = options.home / "node"
    home = NodeHome.of(root, network.chain_id, network.registry, ledger.account)
    manifest = open_manifest(network, open_store(options.store), root)
    return NodeTools(ledger, manifest, home)


def make_prover(chain_id: int, circuit_id: CircuitId) -> Prover:
    """The prover for a circuit, its proving key derived. Raises CircuitError."""
    circuit = get_circuit_by_id(circuit_id)
    prover = EzklProver(circuit, chain_id, time_limit_s=PROVER_TIME_LIMIT_S)
    prover.prepare()
    return prover


def make_learner(
    manifest: NetworkManifest, dataset: DatasetSettings, device: str | None = None
) -> Learner:
    """The network's policy on one data set; imports torch.

    Raises:
        DatasetError: the data set is missing, damaged or unusable.
        ConfigError: other normalisation statistics than the network's, or no such device.
    """
    from zk0.learning.datasets import load_dataset
    from zk0.learning.policy import load_policy
    from zk0.learning.robot import describe_robot
    from zk0.learning.training import SmolVlaLearner, TrainingRecipe
    from zk0.memory import release_memory

    policy = load_policy(manifest.model, manifest.scope, device=device)
    if policy.statistics_digest.hex() != manifest.statistics:
        raise ConfigError(
            f"the network normalises with statistics {manifest.statistics}, this machine has "
            f"{policy.statistics_digest.hex()}; fetch the network's statistics file"
        )
    recipe = TrainingRecipe(
        steps=manifest.training.steps,
        learning_rate=float(Fraction(manifest.training.learning_rate)),
        batch_size=manifest.training.batch_size,
        warmup_steps=manifest.training.warmup_steps,
        scheduler=manifest.training.scheduler,
        proximal_mu=float(manifest.training.proximal_mu),
    )
    learner = SmolVlaLearner(policy, load_dataset(dataset, describe_robot(manifest.model)), recipe)
    release_memory()
    return learner


def make_pipeline(tools: NodeTools, learner: Learner) -> NodePipeline:
    network = tools.ledger.network
    return NodePipeline(
        ledger=tools.ledger,
        provers=Provers(partial(make_prover, network.chain_id)),
        learner=learner,
        manifest=tools.manifest,
        home=tools.home,
    )


def find_task(network: Network, dataset: DatasetSettings, task: str | None) -> int:
    """The number of the task that a node registers.

    Raises:
        ConfigError: the network has no such task.
    """
    own = dataset.label if dataset.label != dataset.address else dataset.source.name
    name = task if task is not None else own.rpartition("/")[2]
    if name not in network.tasks:
        raise ConfigError(
            f"expected one of the network's tasks {list(network.tasks)}, found {name!r}; "
            "say which one the data set is for with --task"
        )
    return network.tasks.index(name)


@dataclass(frozen=True, slots=True)
class Service:
    """A running node's connection to its coordinator."""

    serve: Callable[[Callable[[], bool], Callable[[], None]], None]
    stop: Callable[[], None]


def make_service(
    tools: NodeTools, pipeline: NodePipeline, superlink: str, ca: Path, scratch: Path
) -> tuple[Service, Callable[[], None]]:
    """The SuperNode with our ClientApp, and what to do while there is no message."""
    from node.client_app import make_client_app
    from node.runner import NodeRunner
    from zk0.learning.flower_node import SuperNodeRuntime
    from zk0.learning.flower_wire import SuperLinkEndpoint

    runner = NodeRunner(pipeline, tools.ledger, scratch)
    runtime = SuperNodeRuntime(
        SuperLinkEndpoint(superlink, ca),
        tools.home.key_file,
        tools.home.flower_folder,
        make_client_app(runner),
    )
    return Service(runtime.serve, runtime.stop), runner.on_idle


def load_node_key(home: NodeHome) -> bytes:
    """The public bytes of this node's Flower key, made on first use."""
    from zk0.learning.flower_keys import compute_public_key_bytes, load_or_create_node_key

    return compute_public_key_bytes(load_or_create_node_key(home.key_file))
