"""What the pipelines need from the outside world, as protocols.

Adapters live in `zk0.chain` (Ledger), `zk0.storage` (BlobStore), `circuits` (Prover) and
`zk0.learning` (Learner, Examiner). Doubles live in `zk0.testing`. One suite per port in
`tests/ports/` runs against every adapter and every double.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NewType, Protocol

import numpy as np
from numpy.typing import NDArray

from zk0.protocol.statement import Agreement, CircuitId, Commitment, Direction

Cid = NewType("Cid", str)
"""A content identifier: CIDv1, base32, raw leaves, 1 MiB chunks, 1024 links."""

Tensors = Mapping[str, NDArray[np.float32]]
"""Named float32 tensors: all trainable parameters, or a difference of such."""


class BlobStore(Protocol):
    """Content-addressed storage. All CIDs are computed locally and compared."""

    def put(self, file: Path) -> Cid:
        """Store and pin `file`. Raises StorageError."""
        ...

    def get(self, cid: Cid, to: Path) -> None:
        """Write the content of `cid` to `to`, atomically, checked against the CID.

        Raises BlobNotFoundError, BlobMismatchError, StorageError.
        """
        ...

    def pin(self, cid: Cid) -> None:
        """Keep `cid`. Raises BlobNotFoundError when it cannot be had."""
        ...

    def has(self, cid: Cid) -> bool:
        """Whether `cid` is here, complete and intact."""
        ...


@dataclass(frozen=True, slots=True)
class ProofResult:
    """A proof that was verified locally before it is returned."""

    proof: bytes
    agreement: Agreement


class Prover(Protocol):
    """Makes proofs for one circuit."""

    @property
    def circuit_id(self) -> CircuitId: ...

    @property
    def sample_size(self) -> int:
        """m, the number of sampled coordinates."""
        ...

    def compute_commitment(self, values: Direction) -> Commitment:
        """The KZG commitment to int8[m] values. Raises CircuitError."""
        ...

    def prove(
        self, common: Direction, task: Direction, sample: Direction, context: int
    ) -> ProofResult:
        """Prove the statement about `sample` (int8[m] each).

        Raises ProverError, ProverTimeoutError, ArtifactError.
        """
        ...


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """What local training gives: new parameters and what it measured."""

    parameters: Tensors
    num_examples: int
    loss_before: float
    loss_after: float
    """Held-out losses on the node's own episodes, fixed noise and time."""
    seconds: float


class Learner(Protocol):
    """The node's side of learning: one data set, one policy."""

    @property
    def num_examples(self) -> int:
        """Training frames that this data set holds."""
        ...

    def train(self, base: Tensors, seed: int) -> TrainingResult:
        """Train from `base` with every random draw fixed by `seed`. Raises DatasetError."""
        ...


@dataclass(frozen=True, slots=True)
class PathGradient:
    """Per-task gradients along base → candidate, and losses at both ends."""

    gradients: Mapping[str, NDArray[np.float32]]
    """task → float32[P], canonical flattening, evaluation mode, two-point Gauss–Legendre."""
    base_loss: Mapping[str, float]
    candidate_loss: Mapping[str, float]


class Examiner(Protocol):
    """The coordinator's side of learning: the pool and the gradient on it."""

    @property
    def tasks(self) -> Sequence[str]:
        """Task names of the pool, sorted."""
        ...

    def compute_losses(
        self, parameters: Tensors, frames: Mapping[str, Sequence[int]], seed: bytes
    ) -> Mapping[str, float]:
        """Mean loss per task on the pool's frames; noise and time from `seed`."""
        ...

    def compute_path_gradient(
        self,
        base: Tensors,
        candidate: Tensors,
        frames: Mapping[str, Sequence[int]],
        seed: bytes,
    ) -> PathGradient:
        """Gradients on the path and losses at both ends (two passes per task and point)."""
        ...
