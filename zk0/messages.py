"""What coordinator and node say to each other: one parcel per message, four kinds.

    train    base parameters out; the commitment and what training measured back
    upload   round out; int8 update, its metadata and the wallet's signature back
    receipt  the coordinator's signed receipt out; nothing back
    prove    the challenge file out; the proof's transaction back

A node that fails answers with the fields `error` (a sentence) and `error_type`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from zk0.errors import TransportError, Zk0Error
from zk0.ports import Field, Parcel
from zk0.protocol.checkpoint import Checkpoint, CheckpointMetadata
from zk0.protocol.parameters import ParameterLayout
from zk0.protocol.statement import Digest

KINDS = ("train", "upload", "receipt", "prove")


def _get(parcel: Parcel, name: str, expected: type) -> Any:
    value = parcel.fields.get(name)
    if type(value) is not expected:
        raise TransportError(
            f"message field {name}: expected {expected.__name__}, found {type(value).__name__}"
        )
    return value


def _get_digest(parcel: Parcel, name: str) -> Digest:
    value = _get(parcel, name, bytes)
    if len(value) != 32:
        raise TransportError(f"message field {name}: expected 32 bytes, found {len(value)}")
    return Digest(value)


def _pack_tensors(tensors: Mapping[str, NDArray[Any]]) -> tuple[str, dict[str, NDArray[Any]]]:
    """Layout as JSON, and all tensors as one: Flower fetches each array by a request of its own."""
    layout = ParameterLayout.of(tensors)
    shapes = json.dumps([[name, list(shape)] for name, shape in layout.shapes])
    return shapes, {"flat": layout.flatten(tensors)}


def _unpack_tensors(parcel: Parcel) -> dict[str, NDArray[Any]]:
    flat = parcel.tensors.get("flat")
    if flat is None:
        raise TransportError("message: expected one tensor, flat")
    try:
        shapes = json.loads(_get(parcel, "layout", str))
        layout = ParameterLayout(tuple((str(n), tuple(int(x) for x in s)) for n, s in shapes))
        return layout.unflatten(flat)
    except (TypeError, ValueError) as error:
        raise TransportError(f"message field layout: {error}") from error


@dataclass(frozen=True, slots=True)
class TrainRequest:
    round_id: int
    base: Checkpoint
    base_digest: Digest

    def to_parcel(self) -> Parcel:
        meta = json.dumps(self.base.metadata.to_json())
        layout, tensors = _pack_tensors(self.base.tensors)
        fields: dict[str, Field] = {
            "round": self.round_id,
            "base": self.base_digest,
            "metadata": meta,
            "layout": layout,
        }
        return Parcel(fields, tensors)

    @classmethod
    def from_parcel(cls, parcel: Parcel) -> Self:
        """Raises TransportError on missing fields or other dtypes."""
        tensors = _unpack_tensors(parcel)
        if any(tensor.dtype != np.float32 for tensor in tensors.values()):
            raise TransportError("message train: expected float32 parameters")
        try:
            meta = CheckpointMetadata.from_json(json.loads(_get(parcel, "metadata", str)))
        except ValueError as error:
            raise TransportError(f"message field metadata: {error}") from error
        return cls(
            _get(parcel, "round", int),
            Checkpoint(tensors, meta),
            _get_digest(parcel, "base"),
        )


@dataclass(frozen=True, slots=True)
class TrainReply:
    round_id: int
    digest: Digest
    num_examples: int
    exponent: int
    loss_before: float
    loss_after: float
    seconds: float

    def to_parcel(self) -> Parcel:
        return Parcel(
            {
                "round": self.round_id,
                "digest": self.digest,
                "num_examples": self.num_examples,
                "exponent": self.exponent,
                "loss_before": self.loss_before,
                "loss_after": self.loss_after,
                "seconds": self.seconds,
            }
        )

    @classmethod
    def from_parcel(cls, parcel: Parcel) -> Self:
        """Raises TransportError on missing fields."""
        return cls(
            _get(parcel, "round", int),
            _get_digest(parcel, "digest"),
            _get(parcel, "num_examples", int),
            _get(parcel, "exponent", int),
            _get(parcel, "loss_before", float),
            _get(parcel, "loss_after", float),
            _get(parcel, "seconds", float),
        )


@dataclass(frozen=True, slots=True)
class UploadReply:
    """An update as it travels; nothing in it is trusted before it is checked."""

    round_id: int
    metadata: Mapping[str, Any]
    signature: bytes
    tensors: Mapping[str, NDArray[Any]]

    def to_parcel(self) -> Parcel:
        layout, tensors = _pack_tensors(self.tensors)
        fields: dict[str, Field] = {
            "round": self.round_id,
            "metadata": json.dumps(dict(self.metadata)),
            "signature": self.signature,
            "layout": layout,
        }
        return Parcel(fields, tensors)

    @classmethod
    def from_parcel(cls, parcel: Parcel) -> Self:
        """Raises TransportError on missing fields or metadata that is no JSON object."""
        try:
            metadata = json.loads(_get(parcel, "metadata", str))
        except ValueError as error:
            raise TransportError(f"message field metadata: {error}") from error
        if not isinstance(metadata, dict):
            raise TransportError("message field metadata: expected a JSON object")
        return cls(
            _get(parcel, "round", int),
            metadata,
            _get(parcel, "signature", bytes),
            _unpack_tensors(parcel),
        )


@dataclass(frozen=True, slots=True)
class ProveRequest:
    round_id: int
    challenge_file: bytes

    def to_parcel(self) -> Parcel:
        data = np.frombuffer(self.challenge_file, dtype=np.uint8)
        return Parcel({"round": self.round_id}, {"challenge": data})

    @classmethod
    def from_parcel(cls, parcel: Parcel) -> Self:
        """Raises TransportError on missing fields."""
        tensor = parcel.tensors.get("challenge")
        if tensor is None or tensor.dtype != np.uint8:
            raise TransportError("message prove: expected the challenge file's bytes")
        return cls(_get(parcel, "round", int), tensor.tobytes())


def get_round(parcel: Parcel) -> int:
    """The round that a message is about. Raises TransportError."""
    round_id: int = _get(parcel, "round", int)
    return round_id


def make_error(error: Zk0Error) -> Parcel:
    """A node's answer when a stage failed."""
    return Parcel({"error": str(error), "error_type": type(error).__name__})


def find_error(parcel: Parcel) -> str | None:
    """The sentence in a failed node's answer."""
    error = parcel.fields.get("error")
    return str(error) if error is not None else None
