"""Content identifiers of files, as Kubo and Helia compute them.

A file is cut into chunks of 1 MiB. Each chunk is a raw block; parents (dag-pb nodes that
hold UnixFS metadata) point at up to 1024 children, in a balanced tree. A block's
identifier is CIDv1: version, codec, SHA-256. A file of at most one chunk is that chunk.

Sources: https://github.com/multiformats/cid, https://ipld.io/specs/codecs/dag-pb/spec/,
https://github.com/ipfs/specs/blob/main/UNIXFS.md. `tests/vectors/cids.json` holds
identifiers that another implementation computed.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from zk0.errors import StorageError
from zk0.ports import Cid

CHUNK_BYTES = 1 << 20
MAX_LINKS = 1024

RAW = 0x55
DAG_PB = 0x70
UNIXFS_FILE = 2

_SHA256_PREFIX = b"\x12\x20"
_CID = re.compile(r"b[a-z2-7]{58}")


class Readable(Protocol):
    """A binary stream, as far as computing a CID needs one."""

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes; nothing at the end."""
        ...


@dataclass(frozen=True, slots=True)
class _Node:
    """A block of the tree: its binary CID and the sizes that its parent records."""

    cid: bytes
    tree_bytes: int
    """This block and everything under it, as stored."""
    file_bytes: int
    """The part of the file under it."""


def compute_cid(file: Path) -> Cid:
    """The CID of the file's content.

    Raises:
        StorageError: when the file cannot be read.
    """
    try:
        with file.open("rb") as stream:
            return compute_stream_cid(stream)
    except OSError as error:
        raise StorageError(f"cannot read {file} to compute its CID: {error.strerror}") from error


def compute_stream_cid(stream: Readable) -> Cid:
    """The CID of what `stream` gives until its end; one chunk in memory at a time."""
    tree = _BalancedTree()
    for chunk in _read_chunks(stream):
        tree.add(_compute_leaf(chunk))
    return _encode_cid(tree.compute_root().cid)


def parse_cid(text: str) -> Cid:
    """Check that `text` has the form of our CIDs: base32, version 1, SHA-256, raw or dag-pb.

    Raises:
        StorageError: when it has not (it also keeps path tricks out of the stores).
    """
    if _CID.fullmatch(text):
        binary = base64.b32decode(text[1:].upper() + "======")
        if binary[0] == 1 and binary[1] in (RAW, DAG_PB) and binary[2:4] == _SHA256_PREFIX:
            return Cid(text)
    raise StorageError(
        f"expected a CIDv1 in base32 of a file (bafkrei… or bafybei…), found {text[:80]!r}"
    )


@dataclass(slots=True)
class _BalancedTree:
    """Leaves in, root out; keeps at most `MAX_LINKS` nodes for each level."""

    levels: list[list[_Node]] = field(default_factory=lambda: [[]])

    def add(self, node: _Node, level: int = 0) -> None:
        if level == len(self.levels):
            self.levels.append([])
        if len(self.levels[level]) == MAX_LINKS:
            self._fold(level)
        self.levels[level].append(node)

    def compute_root(self) -> _Node:
        level = 0
        while level < len(self.levels) - 1 or len(self.levels[level]) > 1:
            self._fold(level)
            level += 1
        return self.levels[level][0]

    def _fold(self, level: int) -> None:
        children, self.levels[level] = self.levels[level], []
        self.add(_compute_parent(children), level + 1)


def _read_chunks(stream: Readable) -> Iterator[bytes]:
    """Chunks of the stream; an empty stream gives one empty chunk."""
    chunk = _read_full(stream)
    yield chunk
    while len(chunk) == CHUNK_BYTES:
        chunk = _read_full(stream)
        if chunk:
            yield chunk


def _read_full(stream: Readable) -> bytes:
    """Up to one chunk: a raw stream may give less than asked before its end."""
    parts: list[bytes] = []
    missing = CHUNK_BYTES
    while missing and (part := stream.read(missing)):
        parts.append(part)
        missing -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _compute_leaf(chunk: bytes) -> _Node:
    return _Node(_compute_block_cid(RAW, chunk), len(chunk), len(chunk))


def _compute_parent(children: list[_Node]) -> _Node:
    """The dag-pb block over `children`: links first, then UnixFS data with their sizes."""
    file_bytes = sum(child.file_bytes for child in children)
    links = b"".join(
        _field(2, _field(1, child.cid) + _field(2, b"") + _number(3, child.tree_bytes))
        for child in children
    )
    unixfs = _number(1, UNIXFS_FILE) + _number(3, file_bytes)
    unixfs += b"".join(_number(4, child.file_bytes) for child in children)
    block = links + _field(1, unixfs)
    tree_bytes = len(block) + sum(child.tree_bytes for child in children)
    return _Node(_compute_block_cid(DAG_PB, block), tree_bytes, file_bytes)


def _compute_block_cid(codec: int, block: bytes) -> bytes:
    return bytes((1, codec)) + _SHA256_PREFIX + hashlib.sha256(block).digest()


def _encode_cid(binary: bytes) -> Cid:
    return Cid("b" + base64.b32encode(binary).decode().lower().rstrip("="))


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _number(tag: int, value: int) -> bytes:
    """A protobuf field of wire type 0."""
    return _varint(tag << 3) + _varint(value)


def _field(tag: int, value: bytes) -> bytes:
    """A protobuf field of wire type 2."""
    return _varint(tag << 3 | 2) + _varint(len(value)) + value
