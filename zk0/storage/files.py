"""Writing files so that a reader sees all of one or none of it."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from zk0.errors import StorageError
from zk0.ports import Cid
from zk0.storage.unixfs import Readable, compute_stream_cid

PARTIAL_PREFIX = ".partial-"


@contextlib.contextmanager
def open_atomic(to: Path) -> Iterator[BinaryIO]:
    """A stream whose bytes become the file `to` when the block ends without an error.

    Until then they are in a file beside it, which is removed on any error.

    Raises:
        StorageError: when they cannot be written (disk full, no permission).
    """
    partial = to.parent / f"{PARTIAL_PREFIX}{secrets.token_hex(8)}"
    try:
        with partial.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(to)
        _sync_folder(to.parent)
    except OSError as error:
        raise _cannot_write(to, error) from error
    finally:
        partial.unlink(missing_ok=True)


def write_file(to: Path, data: bytes) -> None:
    """All of `data`, or no file. Raises StorageError."""
    with open_atomic(to) as stream:
        stream.write(data)


def copy_computing_cid(source: Readable, destination: BinaryIO | None = None) -> Cid:
    """Copy `source` to its end into `destination`, if any, and return the content's CID."""
    return compute_stream_cid(source if destination is None else _Tee(source, destination))


@dataclass(frozen=True, slots=True)
class _Tee:
    """A stream that keeps what is read from it."""

    source: Readable
    destination: BinaryIO

    def read(self, size: int = -1, /) -> bytes:
        part = self.source.read(size)
        self.destination.write(part)
        return part


def _sync_folder(folder: Path) -> None:
    """Without this, a crash can lose the new name although the content is on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _cannot_write(to: Path, error: OSError) -> StorageError:
    return StorageError(
        f"cannot write {to}: {error.strerror or error}; free some space or choose another "
        "folder, then try again (nothing half-written was left)"
    )
