from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from zk0.errors import BlobMismatchError, BlobNotFoundError, ConfigError, StorageError
from zk0.storage import open_store
from zk0.storage.directory import DirectoryStore
from zk0.storage.files import open_atomic
from zk0.storage.kubo import KuboStore


@contextmanager
def largest_file(size_bytes: int) -> Iterator[None]:
    """As if the disk were full after `size_bytes` of any one file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_full_disk_while_storing_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(3 << 20))
    store = DirectoryStore(tmp_path / "blobs")
    with largest_file(1 << 20), pytest.raises(StorageError, match="cannot write"):
        store.put(tmp_path / "file")
    assert list((tmp_path / "blobs").iterdir()) == []
    assert store.has(store.put(tmp_path / "file"))


def test_full_disk_while_fetching_keeps_the_older_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(3 << 20))
    store = DirectoryStore(tmp_path / "blobs")
    cid = store.put(tmp_path / "file")
    target = tmp_path / "out" / "target"
    target.parent.mkdir()
    target.write_bytes(b"older")
    with largest_file(1 << 20), pytest.raises(StorageError, match="cannot write"):
        store.get(cid, target)
    assert target.read_bytes() == b"older"
    assert list(target.parent.iterdir()) == [target]


def test_damaged_blob_is_named_and_storing_again_repairs_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    store = DirectoryStore(tmp_path / "blobs")
    cid = store.put(tmp_path / "file")
    (tmp_path / "blobs" / cid).write_bytes(b"Content")
    with pytest.raises(BlobMismatchError, match=cid):
        store.get(cid, tmp_path / "copy")
    with pytest.raises(BlobMismatchError, match=cid):
        store.pin(cid)
    assert not (tmp_path / "copy").exists()
    store.put(tmp_path / "file")
    store.get(cid, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"content"


def test_partial_file_of_a_killed_process_is_not_a_blob(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    store = DirectoryStore(tmp_path / "blobs")
    cid = store.put(tmp_path / "file")
    (tmp_path / "blobs" / cid).rename(tmp_path / "blobs" / ".partial-abc")
    assert not store.has(cid)
    with pytest.raises(BlobNotFoundError):
        store.get(cid, tmp_path / "copy")


def test_blobs_have_the_permissions_that_the_umask_gives(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_bytes(b"content")
    cid = DirectoryStore(tmp_path / "blobs").put(plain)
    assert (tmp_path / "blobs" / cid).stat().st_mode == plain.stat().st_mode


def test_error_in_the_block_leaves_no_file(tmp_path: Path) -> None:
    def write_half(path: Path) -> None:
        with open_atomic(path) as stream:
            stream.write(b"half")
            raise ArithmeticError

    with pytest.raises(ArithmeticError):
        write_half(tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_target_folder_that_is_missing_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    store = DirectoryStore(tmp_path / "blobs")
    cid = store.put(tmp_path / "file")
    with pytest.raises(StorageError, match="cannot write"):
        store.get(cid, tmp_path / "missing" / "copy")


def test_store_in_place_of_a_file_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_bytes(b"")
    with pytest.raises(StorageError, match="expected a folder"):
        open_store(f"dir:{tmp_path}/blobs")


def test_url_decides_the_store(tmp_path: Path) -> None:
    assert isinstance(open_store(f"dir:{tmp_path}"), DirectoryStore)
    assert isinstance(open_store("http://127.0.0.1:5001"), KuboStore)


@pytest.mark.parametrize("url", ["", "dir:", "blobs", "ftp://host", "http:", "http://"])
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="expected a store such as"):
        open_store(url)
