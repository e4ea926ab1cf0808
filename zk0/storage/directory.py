"""A folder as content-addressed storage: one file per blob, named by its CID."""

from __future__ import annotations

from pathlib import Path

from zk0.errors import BlobMismatchError, BlobNotFoundError, StorageError
from zk0.ports import Cid
from zk0.storage.files import copy_computing_cid, open_atomic
from zk0.storage.unixfs import compute_cid, parse_cid


class DirectoryStore:
    """The BlobStore port on a folder. Everything in it is pinned; content is checked on read.

    Several processes may use one folder: files appear whole, and a name has one content.
    """

    def __init__(self, folder: Path) -> None:
        """Use `folder`, created if missing. Raises StorageError."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"expected a folder for blobs at {folder}: {error.strerror}"
            ) from error
        self._folder = folder

    def put(self, file: Path) -> Cid:
        """Store `file`; storing it again repairs a damaged copy.

        Raises:
            StorageError: when `file` cannot be read or the folder not written.
        """
        cid = compute_cid(file)
        if self.has(cid):
            return cid
        with file.open("rb") as source, open_atomic(self._folder / cid) as blob:
            copied = copy_computing_cid(source, blob)
            if copied != cid:
                raise StorageError(f"{file} changed while it was stored; store it again")
        return cid

    def get(self, cid: Cid, to: Path) -> None:
        """Write the blob to `to`, atomically, once its content matches `cid`.

        Raises:
            BlobNotFoundError, BlobMismatchError, StorageError.
        """
        path = self._path(cid)
        try:
            source = path.open("rb")
        except FileNotFoundError as error:
            raise self._not_found(cid) from error
        except OSError as error:
            raise StorageError(f"cannot read {path}: {error.strerror}") from error
        with source, open_atomic(to) as copy:
            found = copy_computing_cid(source, copy)
            if found != cid:
                raise self._mismatch(cid, found)

    def pin(self, cid: Cid) -> None:
        """Check that the blob is here and intact: nothing in the folder is ever dropped.

        Raises:
            BlobNotFoundError, BlobMismatchError, StorageError.
        """
        path = self._path(cid)
        if not path.is_file():
            raise self._not_found(cid)
        found = compute_cid(path)
        if found != cid:
            raise self._mismatch(cid, found)

    def has(self, cid: Cid) -> bool:
        """Whether the blob is here and its content matches; reads all of it."""
        path = self._path(cid)
        return path.is_file() and compute_cid(path) == cid

    def _path(self, cid: Cid) -> Path:
        return self._folder / parse_cid(cid)

    def _not_found(self, cid: Cid) -> BlobNotFoundError:
        return BlobNotFoundError(
            f"{cid} is not in {self._folder}; put it there, or ask a store that has it"
        )

    def _mismatch(self, cid: Cid, found: Cid) -> BlobMismatchError:
        return BlobMismatchError(
            f"expected {self._folder / cid} to hold the content of that name, found content with "
            f"CID {found}: the file is damaged; delete it and store it again"
        )
