"""Steps over collected updates: the candidate, and whatever follows from the proofs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from coordinator.collection import Collected
from coordinator.home import get_state_file
from zk0.config import NetworkManifest
from zk0.ports import Network
from zk0.protocol.aggregation import compute_clip_shifts
from zk0.protocol.checkpoint import Checkpoint, CheckpointMetadata
from zk0.protocol.contribution import compute_weights
from zk0.protocol.round import Round
from zk0.protocol.statement import Digest
from zk0.protocol.strategies import ServerState
from zk0.protocol.strategies.combination import Terms
from zk0.protocol.strategies.state import StateMetadata


@dataclass(frozen=True, slots=True)
class Weighted:
    """One update with what it counts with in every aggregate of its round."""

    update: Collected
    weight: int
    clip_shift: int

    @property
    def effective_exponent(self) -> int:
        return self.update.entry.exponent - self.clip_shift


def weigh(
    available: Sequence[Collected], network: Network, manifest: NetworkManifest
) -> list[Weighted]:
    """Weights and clip shifts of the available updates, in commit order."""
    parameters = network.parameters
    weights = compute_weights(
        [c.entry.num_examples for c in available], parameters.max_weight_share_bps
    )
    shifts = compute_clip_shifts(
        [c.square for c in available],
        [c.entry.exponent for c in available],
        weights,
        max_norm=manifest.max_norm_exact,
        clip_factor=manifest.clip_factor,
        min_exponent=parameters.min_exponent,
    )
    return [Weighted(c, w, s) for c, w, s in zip(available, weights, shifts, strict=True)]


def reweigh(available: Sequence[Collected], round_: Round) -> list[Weighted]:
    """Weights and clip shifts as the seal fixed them on chain."""
    sealed = {c.node: c for c in round_.available}
    return [
        Weighted(c, sealed[c.entry.node].weight, sealed[c.entry.node].clip_shift) for c in available
    ]


@dataclass(frozen=True, slots=True)
class Origin:
    """What a round starts from."""

    checkpoint: Checkpoint
    digest: Digest
    state: ServerState
    """Empty where the network's strategy keeps none."""


def write_step(
    path: Path,
    origin: Origin,
    members: Sequence[Weighted],
    round_id: int,
    network: Network,
    manifest: NetworkManifest,
) -> Digest:
    """What the network's strategy makes of `members`, as a checkpoint file; returns its digest.

    The server state after it, if there is one, goes beside it; the checkpoint names its digest.
    """
    strategy = manifest.strategy
    terms = Terms(
        [m.update.tensors for m in members],
        [m.weight for m in members],
        [m.effective_exponent for m in members],
    )
    tensors, after = strategy.advance(origin.checkpoint.tensors, terms, origin.state)
    state = None
    if strategy.has_state:
        source = StateMetadata(network.chain_id, network.registry, round_id, origin.digest)
        state = after.write(get_state_file(path), source)
    metadata = CheckpointMetadata(
        chain_id=network.chain_id,
        registry=network.registry,
        round_id=round_id,
        parent=origin.digest,
        model=manifest.model,
        scope=manifest.scope,
        state=state,
    )
    return Checkpoint(tensors, metadata).write(path)
