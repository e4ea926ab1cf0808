from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from zk0.errors import StorageError
from zk0.storage.unixfs import CHUNK_BYTES, compute_cid, compute_stream_cid, parse_cid

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "cids.json").read_text())
PERIOD: int = VECTORS["pattern_bytes"]
PATTERN = bytes(range(PERIOD)) * (CHUNK_BYTES // PERIOD + 2)


@dataclass(slots=True)
class PatternStream:
    """The vectors' content, made while it is read: a gigabyte costs no memory."""

    size_bytes: int
    most_per_read: int = CHUNK_BYTES
    position: int = 0

    def read(self, size: int = -1, /) -> bytes:
        length = min(size, self.most_per_read, self.size_bytes - self.position)
        start = self.position % PERIOD
        self.position += length
        return PATTERN[start : start + length]


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: str(case["size_bytes"]))
def test_cid_is_the_one_that_another_implementation_computed(case: dict[str, int | str]) -> None:
    stream = PatternStream(int(case["size_bytes"]))
    assert compute_stream_cid(stream) == case["cid"]


def test_cid_does_not_depend_on_how_a_stream_is_cut() -> None:
    whole = compute_stream_cid(PatternStream(2 * CHUNK_BYTES + 5))
    cut = compute_stream_cid(PatternStream(2 * CHUNK_BYTES + 5, most_per_read=4099))
    assert cut == whole


def test_one_changed_byte_changes_the_cid(tmp_path: Path) -> None:
    content = bytearray(PATTERN + PATTERN)
    (tmp_path / "file").write_bytes(content)
    before = compute_cid(tmp_path / "file")
    content[-1] ^= 1
    (tmp_path / "file").write_bytes(content)
    assert compute_cid(tmp_path / "file") != before


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: str(case["size_bytes"]))
def test_parse_accepts_what_we_compute(case: dict[str, str]) -> None:
    assert parse_cid(case["cid"]) == case["cid"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "..",
        "/etc/passwd",
        "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyk",  # one short
        "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku\n",
        "BAFKREIHDWDCEFGH4DQKJV67UZCMW7OJEE6XEDZDETOJUZJEVTENXQUVYKU",
        "bagkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku",  # another codec
        "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH",  # version 0
    ],
)
def test_parse_refuses_anything_else(text: str) -> None:
    with pytest.raises(StorageError, match="expected a CIDv1"):
        parse_cid(text)


def test_unreadable_file_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot read"):
        compute_cid(tmp_path)
