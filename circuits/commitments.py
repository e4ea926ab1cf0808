"""KZG commitments to int8 arrays, as they stand at the head of a proof."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from circuits.field import encode_felts
from zk0.errors import CircuitError
from zk0.protocol.statement import MAX_DIGIT, Commitment, Direction


def validate_values(name: str, values: Direction, sample_size: int) -> None:
    """An int8[m] array without −128.

    Raises:
        CircuitError: with the shape, type or entry that was found.
    """
    if values.dtype != np.int8 or values.shape != (sample_size,):
        raise CircuitError(
            f"{name} must be int8[{sample_size}], found {values.dtype}{list(values.shape)}"
        )
    if values.size and int(values.min()) < -MAX_DIGIT:
        raise CircuitError(f"{name} must lie in [-127, 127], found -128")


def compute_commitment(
    values: Direction, *, settings: Path, verifying_key: Path, srs: Path
) -> Commitment:
    """Commit to int8[m] values: deterministic, one curve point.

    Raises:
        CircuitError: EZKL returned something other than one point.
    """
    # Loading ezkl only here keeps command lines quick.
    import ezkl

    points = ezkl.kzg_commit(
        encode_felts(values.tolist()),
        vk_path=str(verifying_key),
        settings_path=str(settings),
        srs_path=str(srs),
    )
    if len(points) != 1:
        raise CircuitError(
            f"expected one commitment for {values.size} values, found {len(points)}: "
            "the circuit's columns are too short for them"
        )
    # EZKL prints coordinates little-endian; proofs and the EVM have them big-endian.
    coordinates = (points[0].x, points[0].y)  # type: ignore[attr-defined]  # EZKL's stub
    return Commitment(b"".join(bytes.fromhex(c)[::-1] for c in coordinates))
