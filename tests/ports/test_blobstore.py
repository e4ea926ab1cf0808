"""The BlobStore port: one suite for the directory and for a real IPFS node (Helia)."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from zk0.errors import BlobMismatchError, BlobNotFoundError, StorageError
from zk0.ports import BlobStore, Cid
from zk0.storage import open_store
from zk0.storage.unixfs import CHUNK_BYTES, compute_cid

HELIA = Path(__file__).parent.parent / "integration" / "helia"
VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "cids.json").read_text())
PATTERN = bytes(range(VECTORS["pattern_bytes"]))
PORT_SIZES = [case for case in VECTORS["cases"] if case["size_bytes"] <= 4 * CHUNK_BYTES]


@dataclass(frozen=True, slots=True)
class StoreUnderTest:
    store: BlobStore
    folder: Path
    """Where it keeps its blocks, so that a test can damage one."""


def write_pattern(path: Path, size_bytes: int) -> Path:
    """The vectors' content: bytes 0 … 250, again and again."""
    path.write_bytes((PATTERN * (size_bytes // len(PATTERN) + 1))[:size_bytes])
    return path


def damage_block(folder: Path, content: bytes) -> None:
    """Alter one byte of the file in `folder` that holds `content`."""
    (stored,) = (
        path
        for path in folder.rglob("*")
        if path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content
    )
    stored.chmod(0o600)
    stored.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


@pytest.fixture(scope="module")
def helia(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A running Helia: its URL and its repository."""
    if not (HELIA / "node_modules").is_dir():
        pytest.skip("Helia is not installed: run scripts/setup-helia (54 MB, ten seconds)")
    node = shutil.which("node")
    if node is None:
        pytest.skip("Helia needs Node 20 or newer: put `node` on the PATH")
    repository = tmp_path_factory.mktemp("helia")
    process = subprocess.Popen(
        [node, str(HELIA / "rpc.mjs"), str(repository)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("listening "), f"Helia did not start: {line!r}"
        yield f"http://127.0.0.1:{line.split()[1]}", repository / "blocks"
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(params=["directory", "helia"])
def tested(request: pytest.FixtureRequest, tmp_path: Path) -> StoreUnderTest:
    if request.param == "directory":
        folder = tmp_path / "blobs"
        return StoreUnderTest(open_store(f"dir:{folder}"), folder)
    url, blocks = request.getfixturevalue("helia")
    return StoreUnderTest(open_store(url), blocks)


@pytest.mark.parametrize("case", PORT_SIZES, ids=lambda case: str(case["size_bytes"]))
def test_content_comes_back_under_the_cid_of_the_vectors(
    tested: StoreUnderTest, tmp_path: Path, case: dict[str, int | str]
) -> None:
    original = write_pattern(tmp_path / "original", int(case["size_bytes"]))
    cid = tested.store.put(original)
    assert cid == case["cid"] == compute_cid(original)
    assert tested.store.has(cid)
    tested.store.get(cid, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == original.read_bytes()


def test_storing_and_pinning_twice_is_the_same_as_once(
    tested: StoreUnderTest, tmp_path: Path
) -> None:
    original = write_pattern(tmp_path / "original", 2 * CHUNK_BYTES + 7)
    assert tested.store.put(original) == tested.store.put(original)
    tested.store.pin(compute_cid(original))
    tested.store.pin(compute_cid(original))
    assert tested.store.has(compute_cid(original))


def test_absent_content_is_not_found_and_leaves_no_file(
    tested: StoreUnderTest, tmp_path: Path
) -> None:
    absent = tmp_path / "absent"
    absent.write_bytes(b"never stored")
    cid = compute_cid(absent)
    folder = tmp_path / "target"
    folder.mkdir()
    assert not tested.store.has(cid)
    with pytest.raises(BlobNotFoundError, match=cid):
        tested.store.get(cid, folder / "copy")
    with pytest.raises(BlobNotFoundError, match=cid):
        tested.store.pin(cid)
    assert list(folder.iterdir()) == []


def test_get_replaces_an_older_file_only_with_checked_content(
    tested: StoreUnderTest, tmp_path: Path
) -> None:
    original = write_pattern(tmp_path / "original", CHUNK_BYTES + 11)
    cid = tested.store.put(original)
    target = tmp_path / "target"
    target.write_bytes(b"older")
    tested.store.get(cid, target)
    assert target.read_bytes() == original.read_bytes()


@pytest.mark.parametrize("text", ["", "../../etc/passwd", "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz"])
def test_what_is_not_one_of_our_cids_is_refused(
    tested: StoreUnderTest, tmp_path: Path, text: str
) -> None:
    with pytest.raises(StorageError, match="expected a CIDv1"):
        tested.store.get(Cid(text), tmp_path / "copy")
    with pytest.raises(StorageError, match="expected a CIDv1"):
        tested.store.pin(Cid(text))
    with pytest.raises(StorageError, match="expected a CIDv1"):
        tested.store.has(Cid(text))


def test_a_file_that_is_not_there_cannot_be_stored(tested: StoreUnderTest, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot read"):
        tested.store.put(tmp_path / "missing")


def test_damaged_content_is_never_handed_out(tested: StoreUnderTest, tmp_path: Path) -> None:
    original = write_pattern(tmp_path / "original", CHUNK_BYTES - 3)
    original.write_bytes(original.read_bytes()[::-1])
    cid = tested.store.put(original)
    target = tmp_path / "target"
    target.write_bytes(b"older")
    damage_block(tested.folder, original.read_bytes())
    assert not tested.store.has(cid)
    with pytest.raises((BlobMismatchError, BlobNotFoundError)):
        tested.store.get(cid, target)
    assert target.read_bytes() == b"older"
    assert {path.name for path in tmp_path.iterdir()} <= {"original", "target", "blobs"}
