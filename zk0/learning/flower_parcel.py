"""Parcels as Flower's records, and the names that their kinds have in Flower."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, RecordDict
from numpy.typing import NDArray

from zk0.errors import TransportError
from zk0.ports import Field, Parcel

MESSAGE_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "train": "train",
        "upload": "query.upload",
        "receipt": "query.receipt",
        "prove": "query.prove",
    }
)
"""Our kinds as Flower's message types: `@app.train()`, `@app.query("upload")`, …."""

_FIELDS = "fields"
_TENSORS = "tensors"


def pack_parcel(parcel: Parcel) -> RecordDict:
    """The records that carry `parcel`.

    Raises:
        TransportError: when an integer needs more than 64 bits (send it as text or bytes).
    """
    for name, value in parcel.fields.items():
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise TransportError(f"field {name!r} does not fit into 64 bits; send it as text")
    tensors = {name: Array(np.asarray(values)) for name, values in parcel.tensors.items()}
    return RecordDict(
        {_FIELDS: ConfigRecord(dict(parcel.fields)), _TENSORS: ArrayRecord(array_dict=tensors)}
    )


def unpack_parcel(records: RecordDict) -> Parcel:
    """The parcel in `records`, which may come from anyone.

    Raises:
        TransportError: when they hold anything but plain fields and NumPy arrays.
    """
    fields, tensors = records.get(_FIELDS), records.get(_TENSORS)
    if not isinstance(fields, ConfigRecord) or not isinstance(tensors, ArrayRecord):
        raise TransportError(f"expected records {_FIELDS} and {_TENSORS}, found {sorted(records)}")
    return Parcel(
        fields={name: _check_field(name, value) for name, value in fields.items()},
        tensors={name: _read_tensor(name, array) for name, array in tensors.items()},
    )


def _check_field(name: str, value: object) -> Field:
    if isinstance(value, int | float | str | bytes) and not isinstance(value, bool):
        return value
    raise TransportError(
        f"expected a number, text or bytes in field {name!r}, found {type(value).__name__}"
    )


def _read_tensor(name: str, array: Array) -> NDArray[Any]:
    """NumPy's own format without pickles (Flower refuses those), and no larger than it is."""
    try:
        _check_size(array.data)
        tensor: NDArray[Any] = array.numpy()
    except (TypeError, ValueError, EOFError, OSError) as error:
        raise TransportError(f"tensor {name!r} is not a plain NumPy array: {error}") from error
    return tensor


def _check_size(data: bytes) -> None:
    """NumPy allocates what a header promises: 100 bytes can ask for terabytes."""
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)  # type: ignore[no-untyped-call]
    if version != (1, 0):
        raise ValueError(f"expected version 1.0 of NumPy's format, found {version}")
    header = np.lib.format.read_array_header_1_0(stream)  # type: ignore[no-untyped-call]
    shape, _, dtype = header
    promised = math.prod(shape) * dtype.itemsize
    found = len(data) - stream.tell()
    if promised != found:
        raise ValueError(f"its header promises {promised} bytes, found {found}")
