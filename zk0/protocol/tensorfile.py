"""The one way in which zk0 writes and reads safetensors files.

Deterministic: names sorted, data in that order without gaps, metadata with the single key
`zk0` holding canonical JSON, header padded with spaces to a multiple of eight. Strict: the
reader refuses whatever the writer would not have written, before it reads any tensor.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zk0.errors import StorageError
from zk0.protocol.canonical import decode_canonical, encode_canonical
from zk0.protocol.parameters import ParameterLayout
from zk0.protocol.statement import Digest

DTYPES: Mapping[str, np.dtype[Any]] = {
    "I8": np.dtype("i1"),
    "I64": np.dtype("<i8"),
    "F32": np.dtype("<f4"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
_NAMES = {dtype: name for name, dtype in DTYPES.items()}
MAX_HEADER_BYTES = 8 << 20

Spec = tuple[str, tuple[int, ...]]
"""A tensor's dtype name and shape."""


class TensorFileError(ValueError):
    """The bytes are not a canonical zk0 tensor file."""


def _encode_header(specs: Mapping[str, Spec], meta: bytes) -> bytes:
    header: dict[str, Any] = {"__metadata__": {"zk0": meta.decode("ascii")}}
    offset = 0
    for name in sorted(specs):
        dtype, shape = specs[name]
        size = DTYPES[dtype].itemsize * math.prod(shape)
        header[name] = {
            "data_offsets": [offset, offset + size],
            "dtype": dtype,
            "shape": list(shape),
        }
        offset += size
    text = json.dumps(header, sort_keys=False, separators=(",", ":"), ensure_ascii=True)
    data = text.encode("ascii")
    data += b" " * (-len(data) % 8)
    return struct.pack("<Q", len(data)) + data


def _encode(
    tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]
) -> Iterator[bytes | memoryview]:
    """The file's bytes, one tensor after another. Raises TensorFileError for a foreign dtype."""
    specs = {}
    for name, tensor in tensors.items():
        if tensor.dtype not in _NAMES:
            raise TensorFileError(f"tensor {name} has dtype {tensor.dtype}, expected {[*DTYPES]}")
        specs[name] = (_NAMES[tensor.dtype], tuple(tensor.shape))
    yield _encode_header(specs, encode_canonical(metadata))
    for name in sorted(tensors):
        yield np.ascontiguousarray(tensors[name]).data


def encode_tensor_file(tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]) -> bytes:
    """The bytes that `write_tensor_file` would write. Raises TensorFileError."""
    return b"".join(_encode(tensors, metadata))


def compute_tensor_digest(
    tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]
) -> Digest:
    """The digest of the file that `write_tensor_file` would write. Raises TensorFileError."""
    hasher = hashlib.sha256()
    for data in _encode(tensors, metadata):
        hasher.update(data)
    return Digest(hasher.digest())


def write_tensor_file(
    path: Path, tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]
) -> Digest:
    """Write atomically (a temporary file, then a rename); returns the file's SHA-256.

    Raises:
        TensorFileError: a dtype that the format does not hold.
        StorageError: the disk refused; nothing is left behind.
    """
    hasher = hashlib.sha256()
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as out:
            for data in _encode(tensors, metadata):
                hasher.update(data)
                out.write(data)
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(path)
    except OSError as error:
        raise StorageError(
            f"cannot write {path}: {error.strerror}; make room and start again, nothing is lost"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
    return Digest(hasher.digest())


def compute_file_digest(path: Path) -> Digest:
    """SHA-256 of a file, what `sha256sum` prints."""
    with path.open("rb") as file:
        return Digest(hashlib.file_digest(file, "sha256").digest())


@dataclass(frozen=True, slots=True)
class TensorFile:
    """A parsed canonical file: metadata and read-only tensors."""

    metadata: dict[str, Any]
    tensors: dict[str, NDArray[Any]]

    @property
    def layout(self) -> ParameterLayout:
        return ParameterLayout.of(self.tensors)


def _parse_header(data: bytes, size: int) -> tuple[dict[str, Any], int]:
    if size < 8:
        raise TensorFileError(f"expected a safetensors file, found {size} bytes")
    (length,) = struct.unpack("<Q", data[:8])
    if length > min(MAX_HEADER_BYTES, size - 8):
        raise TensorFileError(
            "expected a safetensors header, found other bytes or a truncated file"
        )
    try:
        header = json.loads(data[8 : 8 + length].decode("ascii"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise TensorFileError("the safetensors header is not ASCII JSON") from error
    if not isinstance(header, dict):
        raise TensorFileError("the safetensors header is not a JSON object")
    return header, 8 + length


def _parse_specs(header: dict[str, Any]) -> tuple[dict[str, Spec], bytes]:
    meta = header.pop("__metadata__", None)
    if not isinstance(meta, dict) or set(meta) != {"zk0"} or not isinstance(meta["zk0"], str):
        raise TensorFileError("expected exactly one metadata key, zk0")
    specs: dict[str, Spec] = {}
    for name, entry in header.items():
        if not isinstance(entry, dict) or entry.get("dtype") not in DTYPES:
            raise TensorFileError(f"tensor {name}: expected a dtype of {[*DTYPES]}, found {entry}")
        dtype, shape = entry["dtype"], entry.get("shape")
        if not isinstance(shape, list) or not all(type(n) is int and n >= 0 for n in shape):
            raise TensorFileError(f"tensor {name}: shape {shape} is not a list of sizes")
        specs[name] = (dtype, tuple(shape))
    return specs, meta["zk0"].encode()


def _compute_size(spec: Spec) -> int:
    return DTYPES[spec[0]].itemsize * math.prod(spec[1])


def _validate_header(data: bytes, size: int) -> tuple[dict[str, Any], dict[str, Spec]]:
    """Metadata and specs of a file of `size` bytes that starts with `data`."""
    header, start = _parse_header(data, size)
    specs, meta = _parse_specs(header)
    try:
        metadata = decode_canonical(meta)
    except ValueError as error:
        raise TensorFileError(f"metadata zk0: {error}") from error
    if data[:start] != _encode_header(specs, meta):
        raise TensorFileError("the header is not in canonical form (sorted, no gaps)")
    total = start + sum(_compute_size(spec) for spec in specs.values())
    if size != total:
        raise TensorFileError(f"expected {total} bytes, found {size}")
    return metadata, specs


def parse_tensor_file(data: bytes) -> TensorFile:
    """Parse a canonical file; tensors are read-only views of `data`.

    Raises:
        TensorFileError: anything that `write_tensor_file` would not have written.
    """
    metadata, specs = _validate_header(data, len(data))
    (length,) = struct.unpack("<Q", data[:8])
    offset = 8 + length
    tensors = {}
    for name in sorted(specs):
        dtype, shape = specs[name]
        flat = np.frombuffer(data, DTYPES[dtype], count=math.prod(shape), offset=offset)
        tensors[name] = flat.reshape(shape)
        offset += flat.nbytes
    return TensorFile(metadata, tensors)


class FileTensors(Mapping[str, NDArray[Any]]):
    """A canonical file's tensors, each read from disk when asked for and not kept.

    Raises:
        TensorFileError: not a canonical file. OSError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(8)
            (length,) = struct.unpack("<Q", head) if len(head) == 8 else (0,)
            if not 0 < length <= min(MAX_HEADER_BYTES, max(size - 8, 0)):
                raise TensorFileError("expected a safetensors file, found other bytes")
            head += file.read(length)
        self.metadata, self._specs = _validate_header(head, size)
        self._offsets: dict[str, int] = {}
        offset = len(head)
        for name in sorted(self._specs):
            self._offsets[name] = offset
            offset += _compute_size(self._specs[name])

    def __getitem__(self, name: str) -> NDArray[Any]:
        dtype, shape = self._specs[name]
        with self._path.open("rb") as file:
            file.seek(self._offsets[name])
            flat = np.fromfile(file, dtype=DTYPES[dtype], count=math.prod(shape))
        return flat.reshape(shape)

    def read_flat(self, name: str, start: int, stop: int) -> NDArray[Any]:
        """The entries start … stop − 1 of a tensor in row-major order, nothing else read."""
        dtype = DTYPES[self._specs[name][0]]
        with self._path.open("rb") as file:
            file.seek(self._offsets[name] + start * dtype.itemsize)
            return np.fromfile(file, dtype=dtype, count=stop - start)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._specs))

    def __len__(self) -> int:
        return len(self._specs)

    @property
    def layout(self) -> ParameterLayout:
        return ParameterLayout(tuple((name, self._specs[name][1]) for name in self))


def read_tensor_file(path: Path) -> TensorFile:
    """Parse a whole file into memory. Raises TensorFileError, OSError."""
    return parse_tensor_file(path.read_bytes())
