"""What an upload must satisfy to count as available. `docs/protocol.md` §2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zk0.errors import UpdateError
from zk0.protocol.aggregation import weighted_lower_median
from zk0.protocol.contribution import Contribution, MissingReason
from zk0.protocol.parameters import ParameterLayout
from zk0.protocol.round import Round
from zk0.protocol.statement import Address, Digest
from zk0.protocol.update import UpdateMetadata


def validate_tensors(tensors: Mapping[str, NDArray[Any]], layout: ParameterLayout) -> None:
    """Names, shapes and dtype I8 as in the base. Raises UpdateError (WrongShape)."""
    found = ParameterLayout.of(tensors)
    if found != layout:
        raise UpdateError(
            f"expected {len(layout.names)} tensors with {layout.parameter_count} entries as in "
            f"the base checkpoint, found {len(found.names)} with {found.parameter_count}",
            MissingReason.WRONG_SHAPE,
        )
    for name, tensor in tensors.items():
        if tensor.dtype != np.int8:
            raise UpdateError(
                f"tensor {name}: expected I8, found {tensor.dtype}", MissingReason.WRONG_SHAPE
            )
        if tensor.size and int(tensor.min()) == -128:
            raise UpdateError(
                f"tensor {name}: expected digits in [-127, 127], found -128",
                MissingReason.WRONG_SHAPE,
            )


def validate_metadata(
    value: Mapping[str, Any],
    round_: Round,
    entry: Contribution,
    chain_id: int,
    registry: Address,
    scope: str,
) -> UpdateMetadata:
    """What the file says about itself must be what the chain says.

    Raises:
        UpdateError: WrongMetadata, naming the field, what was expected and what was found.
    """
    try:
        metadata = UpdateMetadata.from_json(value)
    except ValueError as error:
        raise UpdateError(f"update metadata: {error}", MissingReason.WRONG_METADATA) from error
    expected = {
        "chain_id": chain_id,
        "registry": registry,
        "round_id": round_.round_id,
        "node": entry.node,
        "base": round_.base,
        "exponent": entry.exponent,
        "num_examples": entry.num_examples,
        "scope": scope,
    }
    for field, wanted in expected.items():
        found = getattr(metadata, field)
        if found != wanted:
            raise UpdateError(
                f"round {round_.round_id}, node {entry.node}: update metadata {field} is {found}, "
                f"the chain says {wanted}",
                MissingReason.WRONG_METADATA,
            )
    return metadata


def validate_digest(found: Digest, entry: Contribution) -> None:
    """Raises UpdateError (DigestMismatch)."""
    if found != entry.digest:
        raise UpdateError(
            f"node {entry.node}: committed digest {entry.digest.hex()}, uploaded {found.hex()}",
            MissingReason.DIGEST_MISMATCH,
        )


def find_outsized(
    squares: Sequence[Mapping[str, int]],
    sizes: Mapping[str, int],
    exponents: Sequence[int],
    weights: Sequence[int],
    tensor_factor: int,
) -> dict[int, str]:
    """Which updates have a tensor far larger than the round's median for that tensor.

    The bound is `tensor_factor` times the weighted lower median of the norms, where a median
    counts as at least one quantum per entry at the round's finest exponent: a tensor that
    rounds to zero for most nodes would otherwise condemn whoever moved it at all.

    Args:
        squares: for each update, tensor name → Σ q².
        sizes: tensor name → number of entries.

    Returns:
        position of the update → name of the first offending tensor.
    """
    quantum = Fraction(4) ** min(exponents)
    outsized: dict[int, str] = {}
    for name, size in sorted(sizes.items()):
        norms = [s[name] * Fraction(4) ** e for s, e in zip(squares, exponents, strict=True)]
        median = max(weighted_lower_median(norms, weights), size * quantum)
        for position, norm in enumerate(norms):
            if norm > tensor_factor**2 * median:
                outsized.setdefault(position, name)
    return outsized


def is_near_copy(dot: int, square: int, other_square: int, near_copy_bps: int) -> bool:
    """Whether the cosine of two updates reaches the bound, in exact integers."""
    return dot > 0 and dot * dot * 10_000**2 >= near_copy_bps**2 * square * other_square
