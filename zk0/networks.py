"""Defines a devnet network: manifest, starting checkpoint and what the contracts are given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from zk0 import learning
from zk0.chain.deploy import NetworkPlan
from zk0.config import NetworkManifest, TrainingRecipe
from zk0.errors import StorageError
from zk0.ports import BlobStore, Cid
from zk0.protocol.checkpoint import read_checkpoint
from zk0.protocol.round import Parameters
from zk0.protocol.statement import Address, CircuitId, Digest
from zk0.protocol.tensorfile import compute_file_digest
from zk0.strategy_names import apply_preset

EMBEDDED = Path(learning.__file__).parent / "embedded"
TINY = EMBEDDED / "models" / "tiny"
DEVNET_TASKS = ("lift", "place", "touch")
DEVNET_CIRCUIT = "alignment-3840"


@dataclass(frozen=True, slots=True)
class NetworkFiles:
    """A network's two founding blobs, stored and pinned."""

    manifest: NetworkManifest
    manifest_cid: Cid
    genesis: Digest
    genesis_cid: Cid
    parameters: Parameters


def make_devnet_manifest(circuit: str, strategy: str = "fedavg") -> NetworkManifest:
    """The embedded tiny SmolVLA with everything trainable.

    Raises:
        ConfigError: no strategy of that name.
    """
    manifest = NetworkManifest(
        circuit=circuit,
        model="tiny",
        scope="all",
        statistics=compute_file_digest(TINY / "statistics.json").hex(),
        training=TrainingRecipe(steps=50, batch_size=16, learning_rate="0.0004"),
        max_norm="100",
    )
    return apply_preset(manifest, strategy)


def make_devnet_parameters(parameter_count: int, quorum: int = 1) -> Parameters:
    """Generous windows: several nodes train and prove on one small machine."""
    return Parameters(
        min_commit_window_s=10,
        commit_window_s=1200,
        collect_window_s=600,
        seal_window_s=600,
        challenge_window_s=600,
        proving_window_s=900,
        finalize_window_s=600,
        quorum=quorum,
        max_nodes=64,
        min_exponent=-24,
        max_exponent=-8,
        max_weight_share_bps=5000,
        z_min=4,
        max_regression_nano=20_000_000,
        parameter_count=parameter_count,
        frames_per_task=32,
    )


def store_network(
    store: BlobStore,
    folder: Path,
    *,
    quorum: int = 1,
    circuit: str = DEVNET_CIRCUIT,
    strategy: str = "fedavg",
) -> NetworkFiles:
    """Put manifest and starting checkpoint into the BlobStore.

    Raises:
        ConfigError: no strategy of that name.
        StorageError: the disk or the store refused.
    """
    manifest = make_devnet_manifest(circuit, strategy)
    genesis_file = TINY / "genesis.safetensors"
    genesis = compute_file_digest(genesis_file)
    count = read_checkpoint(genesis_file, genesis).layout.parameter_count
    try:
        folder.mkdir(parents=True, exist_ok=True)
        manifest_file = folder / "manifest.json"
        manifest_file.write_bytes(manifest.to_bytes())
    except OSError as error:
        raise StorageError(f"cannot write into {folder}: {error.strerror}") from error
    return NetworkFiles(
        manifest,
        store.put(manifest_file),
        genesis,
        store.put(genesis_file),
        make_devnet_parameters(count, quorum),
    )


def make_plan(
    files: NetworkFiles, *, circuit_id: CircuitId, sample_size: int, owner: Address
) -> NetworkPlan:
    """What is deployed: the owner also coordinates, on the devnet."""
    return NetworkPlan(
        circuit=files.manifest.circuit,
        circuit_id=circuit_id,
        sample_size=sample_size,
        devnet_srs=True,
        owner=owner,
        coordinator=owner,
        tasks=DEVNET_TASKS,
        parameters=files.parameters,
        genesis=files.genesis,
        genesis_cid=files.genesis_cid,
        manifest=files.manifest.digest,
        manifest_cid=files.manifest_cid,
    )
