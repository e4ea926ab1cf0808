"""What the pipelines need from the outside world, as protocols.

Adapters live in `zk0.chain` (Ledger, RewardLedger), `zk0.storage` (BlobStore), `circuits`
(Prover) and `zk0.learning` (Learner, Examiner, Fleet). Doubles live in `zk0.testing`. One suite
per port in `tests/ports/` runs against every adapter and every double.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NewType, Protocol

import numpy as np
from numpy.typing import NDArray

from zk0.errors import TransportError
from zk0.protocol.contribution import MissingReason
from zk0.protocol.coordinators import Coordinators
from zk0.protocol.faults import FaultHistory, FaultRules
from zk0.protocol.nodes import compute_required_bond
from zk0.protocol.parameters import ParameterLayout
from zk0.protocol.payout import Objection, Settlement
from zk0.protocol.round import Finalization, Round, Rules
from zk0.protocol.statement import (
    Address,
    Agreement,
    CircuitId,
    Commitment,
    Digest,
    Direction,
)

Cid = NewType("Cid", str)
"""A content identifier: CIDv1, base32, raw leaves, 1 MiB chunks, 1024 links."""

Tensors = Mapping[str, NDArray[np.float32]]
"""Named float32 tensors: all trainable parameters, or a difference of such."""


@dataclass(frozen=True, slots=True)
class Network:
    """What a deployment fixes for good, read from the contracts."""

    chain_id: int
    registry: Address
    node_registry: Address
    network_parameters: Address
    tasks: tuple[str, ...]
    """In the node registry's order; a task's number is its position."""
    parameter_count: int
    """Trainable parameters; what else rounds follow can change: see `Ledger.get_rules`."""
    coordinator: Address
    """Who drove rounds when this was read; `Ledger.get_coordinators` says who does now."""
    genesis: Digest
    genesis_cid: Cid
    manifest: Digest
    manifest_cid: Cid
    bond_per_example_wei: int
    min_bond_wei: int
    """The price of a seat: what a node bonds however small its data set is."""
    max_dataset_size: int
    """Most examples that a node can register."""
    idle_rounds: int
    """Finalized rounds in a row without a commitment after which anyone may retire a node."""
    fault_rules: FaultRules
    first_block: int
    """Where the deployment's events begin."""
    vault: Address | None = None
    """The reward vault that this connection knows of, not the contracts."""

    def compute_bond_wei(self, dataset_size: int) -> int:
        """What a node with so many examples has to bond."""
        return compute_required_bond(dataset_size, self.bond_per_example_wei, self.min_bond_wei)


@dataclass(frozen=True, slots=True)
class Registration:
    """A node's entry in the node registry."""

    node: Address
    task: int
    dataset_size: int
    bond_wei: int
    is_active: bool
    node_key: bytes
    """The Flower node key: DER public key bytes."""
    exit_at: int = 0
    """From when the bond can be withdrawn, block timestamp in seconds; 0 while active."""
    is_suspended: bool = False
    """The bond no longer covers the data set: `top_up` makes the node active again."""
    faults: FaultHistory = dataclasses.field(default_factory=FaultHistory)
    """The node's newest faults; they stay with its address."""
    joined_at: int = 0
    """Since when it is active, block timestamp in seconds; anew after a suspension.

    It takes part in rounds that were opened later.
    """
    key_since: tuple[int, int] = (0, 0)
    """Block and log index at which this node registered this key first: whose key it is."""


@dataclass(frozen=True, slots=True)
class Block:
    """The newest block: its number, timestamp in seconds and hash."""

    number: int
    timestamp: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Receipt:
    """A mined transaction."""

    transaction: bytes
    block: int
    block_hash: bytes
    gas: int
    fee_wei: int


@dataclass(frozen=True, slots=True)
class PublishedChallenge:
    """A challenge as its event holds it: enough to prove from the chain alone."""

    round_id: int
    digest: Digest
    cid: Cid
    unit: int
    base_loss_nano: int
    candidate_loss_nano: int
    common: Commitment
    tasks: tuple[Commitment, ...]
    """In the node registry's task order."""
    directions: bytes
    """Packed as `zk0.protocol.challenge.pack_directions` does."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the contracts, decoded."""

    name: str
    contract: Address
    round_id: int | None
    node: Address | None
    args: Mapping[str, Any]
    """All arguments by name: int, str, bool, bytes, lists of those, or for a struct a mapping."""
    block: int
    log_index: int
    transaction: bytes


class Ledger(Protocol):
    """The chain, seen by one account. Every write waits until it is mined.

    Writes raise ContractRevertError (a subclass per custom error) before gas is spent where
    a call can tell, InsufficientFundsError, TransactionError; every method may raise
    RpcUnavailableError.
    """

    @property
    def account(self) -> Address:
        """Who signs. Raises WalletError when this ledger is read-only."""
        ...

    @property
    def network(self) -> Network: ...

    def sign(self, message_hash: bytes) -> bytes:
        """The account's signature over a 32-byte hash: r ‖ s ‖ v, 65 bytes."""
        ...

    def recover(self, message_hash: bytes, signature: bytes) -> Address | None:
        """Who signed, None when the signature is malformed."""
        ...

    def get_block(self) -> Block: ...

    def get_balance_wei(self, account: Address) -> int: ...

    def get_registration(self, node: Address) -> Registration | None: ...

    def get_active_nodes(self) -> Sequence[Registration]: ...

    def get_idle_rounds(self, node: Address) -> int:
        """Finalized rounds that an active node has let pass, up to the network's `idle_rounds`."""
        ...

    def get_round_count(self) -> int: ...

    def get_round(self, round_id: int) -> Round: ...

    def get_rules(self, round_id: int) -> Rules:
        """What a round follows from its opening to its end. Raises ChainError if unknown."""
        ...

    def get_next_rules(self) -> Rules:
        """What a round would follow that was opened now."""
        ...

    def get_head(self) -> Digest:
        """The newest checkpoint's digest."""
        ...

    def get_checkpoint_cid(self, digest: Digest) -> Cid:
        """Where a checkpoint of this network is stored. Raises ChainError if unknown."""
        ...

    def get_published_challenge(self, round_id: int) -> PublishedChallenge | None: ...

    def get_events(
        self, *, round_id: int | None = None, node: Address | None = None
    ) -> Sequence[Event]:
        """All events of the deployment, oldest first, optionally of one round or node."""
        ...

    def join(self, *, task: int, dataset_size: int, node_key: bytes, bond_wei: int) -> Receipt: ...

    def top_up(self, node: Address, amount_wei: int) -> Receipt:
        """Add to `node`'s bond, from this account."""
        ...

    def get_coordinators(self) -> Coordinators:
        """Who may drive rounds, with bonds, and who does now."""
        ...

    def bond_coordinator(self, coordinator: Address, amount_wei: int) -> Receipt:
        """Add to a coordinator's bond, from this account."""
        ...

    def succeed_coordinator(self) -> Receipt:
        """Make the next coordinator the current one, if the current one has been idle."""
        ...

    def request_exit(self) -> Receipt: ...

    def withdraw_bond(self) -> Receipt: ...

    def retire(self, node: Address) -> Receipt:
        """Make a node leave its seat that has let too many rounds pass. Anyone may."""
        ...

    def open_round(self, pool_root: bytes) -> Receipt: ...

    def commit_update(
        self, round_id: int, digest: Digest, num_examples: int, exponent: int
    ) -> Receipt: ...

    def close_commits(self, round_id: int) -> Receipt: ...

    def draw_sample(self, round_id: int) -> Receipt: ...

    def commit_sample(self, round_id: int, sample_seed: bytes, sample: Commitment) -> Receipt: ...

    def seal_round(
        self,
        round_id: int,
        candidate: Digest,
        clip_shifts: Sequence[int],
        missing: Sequence[MissingReason],
    ) -> Receipt: ...

    def draw_challenge(self, round_id: int) -> Receipt: ...

    def publish_challenge(self, challenge: PublishedChallenge) -> Receipt: ...

    def prove_contribution(self, round_id: int, agreement: Agreement, proof: bytes) -> Receipt: ...

    def finalize_round(self, round_id: int, end: Finalization) -> Receipt:
        """`end.harmful` becomes a bitmap in order of commitment."""
        ...

    def abort_round(self, round_id: int) -> Receipt: ...


@dataclass(frozen=True, slots=True)
class VaultTerms:
    """What a reward vault's deployment fixed."""

    vault: Address
    asset: Address | None
    """A token; None for the chain's own coin. Amounts are in its smallest units, called wei."""
    objection_window_s: int
    ruling_window_s: int
    objection_bond_wei: int
    """Of the first objection to a round; each further one costs twice as much."""


class RewardLedger(Protocol):
    """A network's reward vault, seen by one account. Reads and writes fail as a Ledger's do."""

    @property
    def account(self) -> Address:
        """Who signs. Raises WalletError when it can only read."""
        ...

    @property
    def terms(self) -> VaultTerms: ...

    def get_next_round(self) -> int:
        """The next round to settle."""
        ...

    def get_pot_wei(self) -> int:
        """What that round has to pay with, without its streams."""
        ...

    def get_held_wei(self) -> int:
        """What rounds that paid nobody did not use of their streams."""
        ...

    def get_rate_wei_per_nano(self, round_id: int) -> int: ...

    def get_judge(self) -> Address:
        """Who rules on objections now."""
        ...

    def get_objection(self, round_id: int) -> Objection | None:
        """The one that is open, or whose bond nobody has freed yet."""
        ...

    def get_free_bond_wei(self, account: Address) -> int:
        """What `account` can withdraw."""
        ...

    def get_settlement(self, round_id: int) -> Settlement | None:
        """None when the round is not settled."""
        ...

    def get_owed_wei(self, round_id: int, node: Address) -> int:
        """What a claim would bring; says nothing about when."""
        ...

    def fund(self, first_round: int, rounds: int, amount_per_round_wei: int) -> Receipt:
        """Pay for `rounds` rounds from `first_round` on, all of it now."""
        ...

    def settle(self, round_id: int) -> Receipt:
        """Settle the next round, once it is over. Anyone may."""
        ...

    def claim(self, round_ids: Sequence[int]) -> Receipt:
        """Be paid for these rounds, in one transfer."""
        ...

    def object_to(self, round_id: int, evidence: Digest, cid: Cid) -> Receipt:
        """Object to a payout before claims open, for the bond."""
        ...

    def rule(self, round_id: int, number: int, *, upheld: bool) -> Receipt:
        """Rule on a round's objection `number`, which must be the open one. Only the judge."""
        ...

    def expire_objection(self, round_id: int) -> Receipt:
        """Free the bond of an objection that nobody ruled on in time. Anyone may."""
        ...

    def withdraw_bond(self) -> Receipt:
        """Be paid the account's free bonds."""
        ...


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


Field = int | float | str | bytes
"""What a parcel's fields may hold."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One message between coordinator and node, either way."""

    fields: Mapping[str, Field]
    tensors: Mapping[str, NDArray[Any]] = dataclasses.field(default_factory=dict)


Reply = Parcel | TransportError
"""A node's answer, or why there is none."""


class Fleet(Protocol):
    """The nodes as the coordinator reaches them. Messages are repeated, never assumed."""

    def get_nodes(self) -> Collection[bytes]:
        """Node keys (DER) that are connected now. Raises TransportError."""
        ...

    def ask(
        self,
        kind: str,
        parcels: Mapping[bytes, Parcel],
        *,
        timeout_s: float,
        on_reply: Callable[[bytes, Reply], None],
        is_done: Callable[[], bool] = lambda: False,
    ) -> None:
        """Send one message of `kind` to each node key and hand over replies as they come.

        Returns when all have answered, when `is_done` says so, or after `timeout_s`.
        """
        ...


class Learner(Protocol):
    """The node's side of learning: one data set, one policy."""

    @property
    def num_examples(self) -> int:
        """Training frames that this data set holds."""
        ...

    def train(self, base: Tensors, seed: int, rate_share: float = 1.0) -> TrainingResult:
        """Train from `base` with every random draw fixed by `seed`.

        Args:
            rate_share: what the network's rates from round to round make of its learning rate.

        Raises DatasetError.
        """
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

    @property
    def layout(self) -> ParameterLayout:
        """The policy's trainable tensors."""
        ...

    @property
    def frame_counts(self) -> Mapping[str, int]:
        """How many frames the pool holds of each task."""
        ...

    def get_frame_bytes(self, task: str, index: int) -> bytes:
        """Canonical bytes of one pool frame: a Merkle leaf's content."""
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
