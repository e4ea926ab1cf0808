"""A round as the contract keeps it: phases, parameters, state. `docs/protocol.md` §7."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from zk0.protocol.contribution import Contribution
from zk0.protocol.statement import Address, CircuitId, Digest

MAX_EXPONENT_SPREAD = 16
MAX_WINDOW_S = 30 * 86_400
MAX_NODES = 256


class Phase(IntEnum):
    """Where a round is on chain; the numbers are the contract's."""

    NONE = 0
    COMMITTING = 1
    SAMPLING = 2
    COLLECTING = 3
    SEALED = 4
    PROVING = 5
    FINALIZED = 6
    ABORTED = 7

    @property
    def label(self) -> str:
        return self.name.capitalize()

    @property
    def is_over(self) -> bool:
        return self in (Phase.FINALIZED, Phase.ABORTED)


@dataclass(frozen=True, slots=True)
class Parameters:
    """What the rounds of one version of a network's rules follow, as the contract holds it.

    Raises:
        ValueError: a value outside the bounds that the contract enforces too.
    """

    min_commit_window_s: int
    commit_window_s: int
    collect_window_s: int
    seal_window_s: int
    challenge_window_s: int
    proving_window_s: int
    finalize_window_s: int
    quorum: int
    max_nodes: int
    min_exponent: int
    max_exponent: int
    max_weight_share_bps: int
    z_min: int
    max_regression_nano: int
    parameter_count: int
    frames_per_task: int

    def __post_init__(self) -> None:
        windows = (
            self.min_commit_window_s,
            self.commit_window_s,
            self.collect_window_s,
            self.seal_window_s,
            self.challenge_window_s,
            self.proving_window_s,
            self.finalize_window_s,
        )
        bounds = (
            (all(0 < w <= MAX_WINDOW_S for w in windows), "windows lie in (0, 30 days]"),
            (self.min_commit_window_s <= self.commit_window_s, "minCommitWindow ≤ commitWindow"),
            (self.quorum >= 1, "quorum ≥ 1"),
            (1 <= self.max_nodes <= MAX_NODES, "1 ≤ maxNodes ≤ 256"),
            (
                -64 <= self.min_exponent <= self.max_exponent <= 0
                and self.max_exponent - self.min_exponent <= MAX_EXPONENT_SPREAD,
                "-64 ≤ minExponent ≤ maxExponent ≤ 0, at most 16 apart",
            ),
            (1 <= self.max_weight_share_bps <= 10_000, "1 ≤ maxWeightShareBps ≤ 10000"),
            (self.z_min >= 1, "zMin ≥ 1"),
            (self.parameter_count >= 1 and self.frames_per_task >= 1, "sizes ≥ 1"),
        )
        for holds, rule in bounds:
            if not holds:
                raise ValueError(f"network parameters: expected {rule}, found {self}")


@dataclass(frozen=True, slots=True)
class Rules:
    """One version of a network's rules. A round keeps the one that it was opened with."""

    version: int
    """Counted from 1."""
    parameters: Parameters
    circuit_id: CircuitId
    """That proofs are of."""
    sample_size: int
    """m, of that circuit."""


@dataclass(frozen=True, slots=True)
class Round:
    """One round's whole state on chain. Times are block timestamps in seconds."""

    round_id: int
    phase: Phase
    base: Digest
    pool_root: bytes
    opened_at: int
    deadline: int
    """Of the current phase; after it anyone may move the round on."""
    lapsed: bool = False
    """Aborted after its commit window, below the quorum."""
    closing_block: int = 0
    """The block whose hash makes the sample seed, later the challenge seed."""
    sample_seed: bytes = bytes(32)
    candidate: Digest = field(default_factory=lambda: Digest(bytes(32)))
    challenge_seed: bytes = bytes(32)
    challenge: Digest = field(default_factory=lambda: Digest(bytes(32)))
    common_key: bytes = bytes(32)
    """Of the commitment to the common direction; zeros again once the round is finalized."""
    task_keys: tuple[bytes, ...] = ()
    total_weight: int = 0
    unit: int = 0
    base_loss_nano: int = 0
    candidate_loss_nano: int = 0
    aggregate_loss_nano: int = 0
    final_loss_nano: int = 0
    checkpoint: Digest = field(default_factory=lambda: Digest(bytes(32)))
    contributions: tuple[Contribution, ...] = ()
    """In order of commitment."""

    def contribution_of(self, node: Address) -> Contribution | None:
        return next((c for c in self.contributions if c.node == node), None)

    @property
    def available(self) -> tuple[Contribution, ...]:
        """After the seal: the contributions that count in the candidate."""
        return tuple(c for c in self.contributions if c.is_available)


@dataclass(frozen=True, slots=True)
class Finalization:
    """What the coordinator submits to end a round."""

    checkpoint: Digest
    checkpoint_cid: str
    report: Digest
    report_cid: str
    aggregate_loss_nano: int
    final_loss_nano: int
    harmful: frozenset[Address] = frozenset()
