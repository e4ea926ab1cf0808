"""What contributions are measured against. `docs/protocol.md` §4.

Directions at the sampled coordinates, the unit that turns agreement into loss, the packed
form for calldata, and the challenge file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zk0.errors import ChallengeError
from zk0.protocol.contribution import NANO, UNIT_BITS
from zk0.protocol.statement import MAX_DIGIT, Digest, Direction
from zk0.protocol.tensorfile import (
    TensorFileError,
    compute_file_digest,
    compute_tensor_digest,
    read_tensor_file,
    write_tensor_file,
)

VERSION = 1
CLIP_QUANTILE = Fraction(999, 1000)
PATH_POINTS = ((1 - 1 / math.sqrt(3)) / 2, (1 + 1 / math.sqrt(3)) / 2)
MAX_UNIT = (1 << 128) - 1


@dataclass(frozen=True, slots=True)
class Directions:
    """The common direction and every task's, int8[m] each, and the unit.

    unit: loss per unit of agreement with the common direction, 2⁻⁶⁴ fixed point.
    """

    common: Direction
    tasks: Mapping[str, Direction]
    unit: int


def compute_common_direction(gradient: NDArray[np.float64]) -> tuple[Direction, float]:
    """v_j = round(−g_j/s), half to even, clipped to ±127; s = p99.9(|g|)/127, nearest rank.

    Args:
        gradient: float64[m], the mean path gradient times the gain at the sampled coordinates.

    Returns:
        int8[m] and s.

    Raises:
        ChallengeError: the gradient is not finite or is zero at the 99.9th percentile.
    """
    magnitude = np.sort(np.abs(gradient))
    rank = math.ceil(CLIP_QUANTILE * len(magnitude))
    scale = float(magnitude[rank - 1]) / MAX_DIGIT
    if not math.isfinite(float(magnitude[-1])) or scale == 0.0:
        raise ChallengeError(
            f"the path gradient at the sample is unusable (99.9th percentile {scale * MAX_DIGIT}):"
            " the candidate cannot be measured; abort the round"
        )
    digits = np.clip(np.rint(-gradient / scale), -MAX_DIGIT, MAX_DIGIT)
    return digits.astype(np.int8), scale


def compute_task_direction(gradient: NDArray[np.floating[Any]]) -> Direction:
    """t_j = −sign(g_j), int8[m]; sign(0) = 0, so that dead coordinates help nobody."""
    direction: Direction = (-np.sign(gradient)).astype(np.int8)
    return direction


def compute_unit(scale: float, parameter_count: int, sample_size: int) -> int:
    """⌊P·s·2⁶⁴/m⌋, exact in rationals."""
    unit = math.floor(Fraction(scale) * parameter_count * (1 << UNIT_BITS) / sample_size)
    if not 0 < unit <= MAX_UNIT:
        raise ChallengeError(f"the unit {unit} does not fit in 128 bits above zero")
    return unit


def compute_directions(
    gradients: Mapping[str, NDArray[np.float32]],
    indices: NDArray[np.int64],
    parameter_count: int,
    gain: NDArray[np.float64] | float = 1.0,
) -> Directions:
    """Directions at the sample from per-task path gradients float32[P].

    Args:
        gain: float64[m] at the sample, what a coordinate of an update counts with in the
            server's step (`strategies.Strategy.gather_gain`); it scales the common direction.
    """
    at_sample = {task: g[indices].astype(np.float64) for task, g in sorted(gradients.items())}
    mean = np.sum(list(at_sample.values()), axis=0) / len(at_sample)
    common, scale = compute_common_direction(mean * gain)
    tasks = {task: compute_task_direction(g) for task, g in at_sample.items()}
    return Directions(common, tasks, compute_unit(scale, parameter_count, len(indices)))


def compute_share_error_nano(
    gradient: NDArray[np.float64],
    sample: Direction,
    weight: int,
    total_weight: int,
    effective_exponent: int,
    parameter_count: int,
) -> int:
    """Predicted standard error of a proven share in nano-loss, from its own sample.

    The share estimates −g·(w/Σw)·Δ over P coordinates from m that were drawn without
    repetition: (P/m)·√m·std(g_j d_j)·√(1 − m/P). The gradient is taken as it is, not clipped
    like the direction: its tail is where most of the error comes from.

    Args:
        gradient: float64[m], the mean path gradient at the sampled coordinates.
        sample: int8[m].
    """
    m = len(sample)
    products = gradient * sample.astype(np.float64)
    spread = math.sqrt(m * (1 - m / parameter_count)) * float(products.std(ddof=1))
    factor = Fraction(weight, total_weight) * Fraction(2) ** effective_exponent
    return math.ceil(Fraction(spread) * parameter_count / m * factor * NANO)


def pack_directions(directions: Directions, tasks: Sequence[str]) -> bytes:
    """Calldata form: common as m signed bytes, then each of `tasks`, 2 bits a coordinate.

    `tasks` are in the node registry's order.

    Four coordinates a byte, the first in the lowest bits; 0 → 0, 1 → +1, 2 → −1.
    """
    parts = [directions.common.tobytes()]
    for task in tasks:
        direction = directions.tasks[task]
        codes = np.where(direction < 0, 2, direction).astype(np.uint8)
        padded = np.concatenate([codes, np.zeros(-len(codes) % 4, dtype=np.uint8)]).reshape(-1, 4)
        packed = padded[:, 0] | padded[:, 1] << 2 | padded[:, 2] << 4 | padded[:, 3] << 6
        parts.append(packed.astype(np.uint8).tobytes())
    return b"".join(parts)


def unpack_directions(data: bytes, tasks: Sequence[str], sample_size: int, unit: int) -> Directions:
    """The inverse of `pack_directions`. Raises ChallengeError on another length or code 3."""
    width = -(-sample_size // 4)
    expected = sample_size + len(tasks) * width
    if len(data) != expected:
        raise ChallengeError(f"expected {expected} bytes of directions, found {len(data)}")
    common = np.frombuffer(data, dtype=np.int8, count=sample_size)
    unpacked = {}
    for position, task in enumerate(tasks):
        start = sample_size + position * width
        packed = np.frombuffer(data, dtype=np.uint8, count=width, offset=start)
        codes = np.stack([packed >> shift & 3 for shift in (0, 2, 4, 6)], axis=1).reshape(-1)
        if (codes == 3).any() or codes[sample_size:].any():
            raise ChallengeError(f"directions of task {task} hold an unused code")
        unpacked[task] = np.where(codes == 2, -1, codes).astype(np.int8)[:sample_size]
    return Directions(common, unpacked, unit)


@dataclass(frozen=True, slots=True)
class Challenge:
    """A round's challenge as it is published."""

    round_id: int
    sample_seed: bytes
    challenge_seed: bytes
    pool_root: bytes
    base: Digest
    candidate: Digest
    frames: Mapping[str, Sequence[int]]
    base_loss_nano: Mapping[str, int]
    candidate_loss_nano: Mapping[str, int]
    indices: NDArray[np.int64]
    directions: Directions

    def _metadata(self) -> dict[str, Any]:
        return {
            "base": self.base.hex(),
            "base_loss_nano": dict(self.base_loss_nano),
            "candidate": self.candidate.hex(),
            "candidate_loss_nano": dict(self.candidate_loss_nano),
            "challenge_seed": self.challenge_seed.hex(),
            "frames": {task: list(frames) for task, frames in self.frames.items()},
            "kind": "challenge",
            "pool_root": self.pool_root.hex(),
            "round": self.round_id,
            "sample_seed": self.sample_seed.hex(),
            "unit": self.directions.unit,
            "version": VERSION,
        }

    def _tensors(self) -> dict[str, NDArray[Any]]:
        tasks = {f"task.{task}": d for task, d in self.directions.tasks.items()}
        return {"common": self.directions.common, "indices": self.indices, **tasks}

    def compute_digest(self) -> Digest:
        """The digest of the file that `write` would write."""
        return compute_tensor_digest(self._tensors(), self._metadata())

    def write(self, path: Path) -> Digest:
        """Write the challenge file; returns its digest. Raises StorageError."""
        return write_tensor_file(path, self._tensors(), self._metadata())


def read_challenge(path: Path, expected: Digest) -> Challenge:
    """Read a challenge file whose digest is on chain.

    Raises:
        ChallengeError: missing, damaged, or another file than the chain fixed.
    """
    try:
        found = compute_file_digest(path)
        if found != expected:
            raise ChallengeError(
                f"challenge file {path.name}: the chain fixed digest {expected.hex()}, found "
                f"{found.hex()}; fetch it again, or prove from the chain's event alone"
            )
        file = read_tensor_file(path)
        meta = file.metadata
        tasks = {n[len("task.") :]: t for n, t in file.tensors.items() if n.startswith("task.")}
        return Challenge(
            round_id=meta["round"],
            sample_seed=bytes.fromhex(meta["sample_seed"]),
            challenge_seed=bytes.fromhex(meta["challenge_seed"]),
            pool_root=bytes.fromhex(meta["pool_root"]),
            base=Digest(bytes.fromhex(meta["base"])),
            candidate=Digest(bytes.fromhex(meta["candidate"])),
            frames=meta["frames"],
            base_loss_nano=meta["base_loss_nano"],
            candidate_loss_nano=meta["candidate_loss_nano"],
            indices=file.tensors["indices"],
            directions=Directions(file.tensors["common"], tasks, meta["unit"]),
        )
    except (OSError, TensorFileError, KeyError, ValueError) as error:
        raise ChallengeError(f"{path} is not a challenge file: {error}") from error


def to_nano(loss: float) -> int:
    """A loss as nano-loss, rounded half to even in exact rationals.

    Raises:
        ChallengeError: not finite, or negative.
    """
    if not math.isfinite(loss) or loss < 0:
        raise ChallengeError(f"a loss must be finite and not negative, found {loss}")
    return round(Fraction(loss) * NANO)


def compute_mean_nano(losses: Mapping[str, int]) -> int:
    """Mean over tasks with equal weight, rounded down."""
    return sum(losses.values()) // len(losses)
