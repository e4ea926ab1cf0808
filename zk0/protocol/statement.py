"""What a proof claims: the public values of `docs/protocol.md`, section "The proof"."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NewType

import numpy as np
from eth_hash.auto import keccak
from numpy.typing import NDArray

Digest = NewType("Digest", bytes)
"""SHA-256 of bytes, 32 bytes."""

Address = NewType("Address", str)
"""An account or contract, `0x` and 40 lowercase hexadecimal digits."""

CircuitId = NewType("CircuitId", bytes)
"""keccak256 of a circuit's manifest, 32 bytes."""

MAX_DIGIT = 127
Direction = NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Commitment:
    """A KZG commitment as it stands in a proof: one curve point, x then y, big-endian.

    Raises:
        ValueError: when `point` is not 64 bytes.
    """

    point: bytes

    def __post_init__(self) -> None:
        if len(self.point) != 64:
            raise ValueError(f"a commitment is 64 bytes, found {len(self.point)}")

    @property
    def key(self) -> bytes:
        """keccak256 of the point: what contracts store and compare (32 bytes)."""
        return keccak(self.point)


@dataclass(frozen=True, slots=True)
class Agreement:
    """The four integers that a proof declares about an update's sample `d`.

    A = Σ v_j d_j, T = Σ t_j d_j, Q = Σ d_j², L = Σ |d_j|.
    """

    common: int
    task: int
    square: int
    absolute: int


@dataclass(frozen=True, slots=True)
class Statement:
    """Every public value of one proof; contracts rebuild it from their own state."""

    common: Commitment
    task: Commitment
    sample: Commitment
    agreement: Agreement
    context: int


def compute_context(chain_id: int, registry: Address, round_id: int, node: Address) -> int:
    """ctx = keccak256(abi.encode(chainId, registry, roundId, node)) >> 8, below the field."""
    words = (chain_id, int(registry, 16), round_id, int(node, 16))
    return int.from_bytes(keccak(b"".join(w.to_bytes(32, "big") for w in words)), "big") >> 8


def compute_agreement(common: Direction, task: Direction, sample: Direction) -> Agreement:
    """Exact A, T, Q, L of three int8[m] arrays.

    Raises:
        ValueError: when shapes differ or an entry is −128.
    """
    if not common.shape == task.shape == sample.shape or common.ndim != 1:
        raise ValueError(
            f"directions and sample must be one-dimensional and equally long, found "
            f"{common.shape}, {task.shape}, {sample.shape}"
        )
    wide = [a.astype(np.int64) for a in (common, task, sample)]
    if any(len(a) and int(np.abs(a).max()) > MAX_DIGIT for a in wide):
        raise ValueError("entries must lie in [-127, 127], found -128")
    v, t, d = wide
    return Agreement(
        common=int(v @ d), task=int(t @ d), square=int(d @ d), absolute=int(np.abs(d).sum())
    )


def is_admitted(agreement: Agreement, z_min: int) -> bool:
    """T > 0 and T² ≥ zMin²·Q: the update agrees with its own task's direction."""
    t, q = agreement.task, agreement.square
    return t > 0 and t * t >= z_min * z_min * q


def compute_alignment_bps(agreement: Agreement, sample_size: int) -> int:
    """10000·T/√(m·Q) with the integer square root, truncated toward zero; 0 when Q is 0."""
    root = math.isqrt(sample_size * agreement.square)
    if root == 0:
        return 0
    bps = 10_000 * abs(agreement.task) // root
    return bps if agreement.task >= 0 else -bps
