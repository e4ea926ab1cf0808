"""From a seed to numbers: never a library's generator, so that two implementations agree.

Bytes are SHA-256(seed ‖ label ‖ counter) with the counter as little-endian uint64 from 0;
each digest is four little-endian uint64 words. `docs/encodings.md`, "Seeds and numbers".
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Sequence

import numpy as np
from eth_abi.abi import encode
from eth_hash.auto import keccak
from numpy.typing import NDArray

from zk0.protocol.statement import Address

WORDS_PER_BLOCK = 4
WORD_RANGE = 1 << 64


class Stream:
    """An endless sequence of uint64 words fixed by a 32-byte seed and a label."""

    def __init__(self, seed: bytes, label: str) -> None:
        if len(seed) != 32:
            raise ValueError(f"a seed is 32 bytes, found {len(seed)}")
        self._prefix = seed + label.encode()
        self._counter = 0
        self._words: Iterator[int] = iter(())

    def _next_block(self) -> bytes:
        block = hashlib.sha256(self._prefix + struct.pack("<Q", self._counter)).digest()
        self._counter += 1
        return block

    def word(self) -> int:
        """The next word, 0 ≤ word < 2⁶⁴."""
        for value in self._words:
            return value
        self._words = iter(struct.unpack("<4Q", self._next_block()))
        return next(self._words)

    def words(self, count: int) -> NDArray[np.uint64]:
        """The next `count` words as uint64[count]; starts at a block boundary."""
        self._words = iter(())
        blocks = -(-count // WORDS_PER_BLOCK)
        data = b"".join(self._next_block() for _ in range(blocks))
        return np.frombuffer(data, dtype="<u8")[:count].astype(np.uint64)

    def below(self, bound: int) -> int:
        """A uniform integer in [0, bound) by rejection of the incomplete top range."""
        if not 0 < bound <= WORD_RANGE:
            raise ValueError(f"the bound must lie in [1, 2^64], found {bound}")
        limit = WORD_RANGE - WORD_RANGE % bound
        while (value := self.word()) >= limit:
            pass
        return value % bound

    def uniforms(self, count: int) -> NDArray[np.float64]:
        """float64[count] in [0, 1): the top 53 bits of each word."""
        top = self.words(count) >> np.uint64(11)
        return top.astype(np.float64) * 2.0**-53

    def normals(self, count: int) -> NDArray[np.float64]:
        """float64[count], standard normal by Box–Muller: word pairs give cos, then sin."""
        pairs = -(-count // 2)
        u = self.uniforms(2 * pairs).reshape(pairs, 2)
        radius = np.sqrt(-2.0 * np.log(1.0 - u[:, 0]))
        angle = 2.0 * np.pi * u[:, 1]
        both = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
        return both.reshape(-1)[:count]


def draw_distinct(stream: Stream, count: int, bound: int) -> list[int]:
    """`count` distinct integers in [0, bound), in order of appearance, repeats skipped."""
    if not 0 <= count <= bound:
        raise ValueError(f"cannot draw {count} distinct numbers below {bound}")
    drawn: dict[int, None] = {}
    while len(drawn) < count:
        drawn.setdefault(stream.below(bound))
    return list(drawn)


def draw_sample(seed: bytes, sample_size: int, parameter_count: int) -> NDArray[np.int64]:
    """The m sampled flat indices, int64[m], ascending, uniform without repetition."""
    drawn = draw_distinct(Stream(seed, "sample"), sample_size, parameter_count)
    return np.array(sorted(drawn), dtype=np.int64)


def draw_frames(
    seed: bytes, task: str, times_drawn: Sequence[int], frames_per_task: int
) -> list[int]:
    """Distinct pool frames of one task, those drawn least often first.

    Args:
        times_drawn: for each frame of the task, in how many published challenges it stood.

    Returns:
        `frames_per_task` frame indices in order of drawing (all, if the pool is smaller).
    """
    stream = Stream(seed, f"frames/{task}")
    wanted = min(frames_per_task, len(times_drawn))
    drawn: list[int] = []
    for level in sorted(set(times_drawn)):
        frames = [i for i, times in enumerate(times_drawn) if times == level]
        count = min(wanted - len(drawn), len(frames))
        drawn += [frames[i] for i in draw_distinct(stream, count, len(frames))]
    return drawn


def compute_seed(
    label: str, block_hash: bytes, chain_id: int, registry: Address, round_id: int
) -> bytes:
    """keccak256(abi.encode(label, blockhash, chainId, registry, roundId)), 32 bytes."""
    return keccak(
        encode(
            ["string", "bytes32", "uint256", "address", "uint256"],
            [label, block_hash, chain_id, registry, round_id],
        )
    )
