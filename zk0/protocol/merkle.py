"""Merkle trees as in RFC 6962 §2.1 (SHA-256, leaf prefix 0, node prefix 1)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def compute_leaf(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def _join(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _split(count: int) -> int:
    """The largest power of two smaller than `count`."""
    return 1 << ((count - 1).bit_length() - 1)


def compute_root(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf digests; SHA-256 of nothing for an empty tree."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = _split(len(leaves))
    return _join(compute_root(leaves[:k]), compute_root(leaves[k:]))


def compute_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The audit path of leaf `index`, from the leaf upwards."""
    if not 0 <= index < len(leaves):
        raise IndexError(f"leaf {index} of a tree with {len(leaves)} leaves")
    if len(leaves) == 1:
        return []
    k = _split(len(leaves))
    if index < k:
        return [*compute_path(leaves[:k], index), compute_root(leaves[k:])]
    return [*compute_path(leaves[k:], index - k), compute_root(leaves[:k])]


def is_included(leaf: bytes, index: int, count: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether `leaf` stands at `index` of `count` leaves under `root` (RFC 9162 §2.1.3.2)."""
    if not 0 <= index < count:
        return False
    node, last, at = leaf, count - 1, index
    for sibling in path:
        if last == 0:
            return False
        if at & 1 or at == last:
            node = _join(sibling, node)
            while not at & 1 and at:
                at >>= 1
                last >>= 1
        else:
            node = _join(node, sibling)
        at >>= 1
        last >>= 1
    return last == 0 and node == root
