"""Weights, shares and outcomes: what a node has in a round. `docs/protocol.md` §3 and §5."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from zk0.protocol.statement import Address, Agreement, Digest

NANO = 10**9
UNIT_BITS = 64
MAX_TOTAL_WEIGHT = 1 << 30


class Outcome(IntEnum):
    """What became of a contribution; the numbers are the contract's."""

    NONE = 0
    ACCEPTED = 1
    BELOW_THRESHOLD = 2
    NOT_PROVEN = 3
    MISSING = 4
    HARMFUL = 5

    @property
    def label(self) -> str:
        return _camel(self.name)


class MissingReason(IntEnum):
    """Why an update is missing; the numbers are the contract's."""

    NONE = 0
    NOT_UPLOADED = 1
    BAD_SIGNATURE = 2
    DIGEST_MISMATCH = 3
    WRONG_SHAPE = 4
    WRONG_METADATA = 5
    TENSOR_NORM = 6
    SAMPLE_MISMATCH = 7
    NEAR_COPY = 8
    NO_SAMPLE = 9

    @property
    def label(self) -> str:
        return _camel(self.name)


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


@dataclass(frozen=True, slots=True)
class Contribution:
    """One node's entry in one round, as the contract holds it."""

    node: Address
    digest: Digest
    num_examples: int
    exponent: int
    task: int
    sample_key: bytes | None = None
    """keccak256 of C_d, None before `commitSample`."""
    clip_shift: int = 0
    weight: int = 0
    missing: MissingReason = MissingReason.NONE
    outcome: Outcome = Outcome.NONE
    share_nano: int = 0
    alignment_bps: int = 0
    agreement: Agreement | None = None

    @property
    def is_available(self) -> bool:
        """After the seal: whether the update counts in the candidate."""
        return self.missing is MissingReason.NONE


def compute_weights(num_examples: Sequence[int], max_weight_share_bps: int) -> list[int]:
    """w_i = min(n_i, max(1, ⌊Σn · maxWeightShare⌋)) over the available contributions.

    Raises:
        ValueError: when Σw reaches 2³⁰, beyond which aggregation would not be exact.
    """
    cap = max(1, sum(num_examples) * max_weight_share_bps // 10_000)
    weights = [min(n, cap) for n in num_examples]
    if sum(weights) >= MAX_TOTAL_WEIGHT:
        raise ValueError(f"the total weight must stay below 2^30, found {sum(weights)}")
    return weights


def compute_share_nano(
    common: int, weight: int, total_weight: int, unit: int, effective_exponent: int
) -> int:
    """Improvement share in nano-loss, A·w·unit·2^(e−shift)/Σw rounded toward zero.

    Args:
        common: A, the agreement with the common direction.
        unit: loss per unit of agreement in 2⁻⁶⁴ fixed point.
        effective_exponent: e − shift, at most 0.
    """
    if effective_exponent > 0:
        raise ValueError(f"the exponent must be at most 0, found {effective_exponent}")
    numerator = abs(common) * weight * unit * NANO
    share = numerator // (total_weight << (UNIT_BITS - effective_exponent))
    return share if common >= 0 else -share
