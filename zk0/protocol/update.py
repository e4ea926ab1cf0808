"""What an update is: int8 tensors with one power-of-two scale. `docs/protocol.md` §1."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from zk0.errors import UpdateError
from zk0.protocol.contribution import MissingReason
from zk0.protocol.parameters import ParameterLayout
from zk0.protocol.statement import MAX_DIGIT, Address, Digest
from zk0.protocol.tensorfile import (
    TensorFile,
    TensorFileError,
    read_tensor_file,
    write_tensor_file,
)

VERSION = 1

Digits = dict[str, NDArray[np.int8]]


@dataclass(frozen=True, slots=True)
class UpdateMetadata:
    """What the file says about itself; all of it is checked against the chain."""

    chain_id: int
    registry: Address
    round_id: int
    node: Address
    base: Digest
    exponent: int
    num_examples: int
    scope: str

    def to_json(self) -> dict[str, Any]:
        return {
            "base": self.base.hex(),
            "chain_id": self.chain_id,
            "exponent": self.exponent,
            "kind": "update",
            "node": self.node,
            "num_examples": self.num_examples,
            "registry": self.registry,
            "round": self.round_id,
            "scope": self.scope,
            "version": VERSION,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Raises ValueError when keys or types are not exactly those of `to_json`."""
        expected = {
            "base": str, "chain_id": int, "exponent": int, "kind": str, "node": str,
            "num_examples": int, "registry": str, "round": int, "scope": str, "version": int,
        }  # fmt: skip
        found = {key: type(inner) for key, inner in value.items()}
        if found != expected:
            raise ValueError(f"expected the keys {sorted(expected)}, found {sorted(found)}")
        if value["kind"] != "update" or value["version"] != VERSION:
            raise ValueError(
                f"expected an update of version {VERSION}, found {value['kind']} {value['version']}"
            )
        return cls(
            chain_id=value["chain_id"],
            registry=Address(value["registry"]),
            round_id=value["round"],
            node=Address(value["node"]),
            base=Digest(bytes.fromhex(value["base"])),
            exponent=value["exponent"],
            num_examples=value["num_examples"],
            scope=value["scope"],
        )


@dataclass(frozen=True, slots=True)
class Quantised:
    """Δ ≈ digits · 2^exponent, and what rounding left."""

    digits: Digits
    exponent: int
    residual: dict[str, NDArray[np.float32]]


def compute_exponent(largest: float, min_exponent: int, max_exponent: int) -> int:
    """The smallest e in the bounds with largest ≤ 127·2^e; max_exponent if none has."""
    if largest == 0:
        return min_exponent
    mantissa, power = math.frexp(largest / MAX_DIGIT)
    needed = power - 1 if mantissa == 0.5 else power
    if largest > math.ldexp(MAX_DIGIT, needed):
        needed += 1
    return min(max(needed, min_exponent), max_exponent)


def quantise(
    difference: Mapping[str, NDArray[np.float32]], min_exponent: int, max_exponent: int
) -> Quantised:
    """Round Δ to int8 with one power-of-two scale, half to even.

    Args:
        difference: trained − base (plus the last update's residual), float32.

    Raises:
        UpdateError: NaN or infinity in Δ, or every digit is zero.
    """
    largest = 0.0
    for name, tensor in difference.items():
        peak = float(np.abs(tensor).max(initial=0.0))
        if not math.isfinite(peak):
            raise UpdateError(
                f"tensor {name} of the update holds NaN or infinity: training diverged; "
                "lower the learning rate and train this round again"
            )
        largest = max(largest, peak)
    exponent = compute_exponent(largest, min_exponent, max_exponent)
    digits: Digits = {}
    residual = {}
    for name, tensor in difference.items():
        scaled = np.rint(np.ldexp(tensor.astype(np.float64), -exponent))
        digit = np.clip(scaled, -MAX_DIGIT, MAX_DIGIT).astype(np.int8)
        digits[name] = digit
        exact = tensor.astype(np.float64) - np.ldexp(digit.astype(np.float64), exponent)
        residual[name] = exact.astype(np.float32)
    if not any(digit.any() for digit in digits.values()):
        raise UpdateError(
            f"every digit of the update is zero at exponent {exponent}: "
            "nothing was learned in this round, so there is nothing to contribute"
        )
    return Quantised(digits, exponent, residual)


@dataclass(frozen=True, slots=True)
class Update:
    """Digits and metadata of one update."""

    digits: Mapping[str, NDArray[np.int8]]
    metadata: UpdateMetadata

    @property
    def layout(self) -> ParameterLayout:
        return ParameterLayout.of(self.digits)

    def write(self, path: Path) -> Digest:
        """Write the canonical file; returns its digest. Raises StorageError."""
        return write_tensor_file(path, self.digits, self.metadata.to_json())


def compute_square(digits: Mapping[str, NDArray[np.int8]]) -> int:
    """Σ q², exact."""
    return sum(compute_tensor_square(tensor) for tensor in digits.values())


def compute_tensor_square(tensor: NDArray[np.int8]) -> int:
    """Σ q² of one tensor, exact (float64 dot products below 2⁵³ in blocks)."""
    flat = tensor.reshape(-1)
    total = 0
    for start in range(0, flat.size, 1 << 20):
        block = flat[start : start + (1 << 20)].astype(np.float64)
        total += int(block @ block)
    return total


def compute_dot(a: Mapping[str, NDArray[np.int8]], b: Mapping[str, NDArray[np.int8]]) -> int:
    """Σ a·b over equally named tensors, exact."""
    total = 0
    for name, tensor in a.items():
        x, y = tensor.reshape(-1), b[name].reshape(-1)
        for start in range(0, x.size, 1 << 20):
            cut = slice(start, start + (1 << 20))
            total += int(x[cut].astype(np.float64) @ y[cut].astype(np.float64))
    return total


def validate_update(file: TensorFile, layout: ParameterLayout) -> Update:
    """An update from a parsed file, its tensors checked against the base's layout.

    Raises:
        UpdateError: with the reason WrongShape or WrongMetadata.
    """
    try:
        metadata = UpdateMetadata.from_json(file.metadata)
    except ValueError as error:
        raise UpdateError(f"update metadata: {error}", MissingReason.WRONG_METADATA) from error
    if file.layout != layout:
        missing = sorted(set(layout.names) - set(file.tensors))[:3]
        extra = sorted(set(file.tensors) - set(layout.names))[:3]
        detail = f"missing {missing}, extra {extra}" if missing or extra else "other shapes"
        raise UpdateError(
            f"update of round {metadata.round_id} by {metadata.node}: tensors differ from the "
            f"base checkpoint's ({detail}); train from the round's own base",
            MissingReason.WRONG_SHAPE,
        )
    for name, tensor in file.tensors.items():
        if tensor.dtype != np.int8 or (tensor.size and int(tensor.min()) < -MAX_DIGIT):
            raise UpdateError(
                f"tensor {name}: expected I8 in [-127, 127], found {tensor.dtype} "
                f"with minimum {tensor.min()}",
                MissingReason.WRONG_SHAPE,
            )
    return Update(file.tensors, metadata)


def read_update(path: Path, layout: ParameterLayout) -> Update:
    """Read and check an update file.

    Raises:
        UpdateError: missing, damaged, another format, other tensors or metadata.
    """
    try:
        file = read_tensor_file(path)
    except FileNotFoundError as error:
        raise UpdateError(
            f"update file {path} is missing; it is needed to upload and to prove"
        ) from error
    except (OSError, TensorFileError) as error:
        raise UpdateError(f"{path} is not an update file: {error}") from error
    return validate_update(file, layout)
