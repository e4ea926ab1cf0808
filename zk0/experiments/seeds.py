"""Where a simulated round's random numbers come from: one seed, or the chain."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from zk0.experiments.updates import Submission
from zk0.protocol.challenge import Challenge
from zk0.protocol.statement import Address, Digest, Direction


@dataclass(frozen=True, slots=True)
class Ending:
    """What a round comes to."""

    checkpoint: Digest
    aggregate_loss_nano: int
    final_loss_nano: int
    harmful: frozenset[Address]


class Notary(Protocol):
    """Sees a round's steps in the protocol's order, and may say what the next one draws."""

    chain_id: int
    registry: Address

    def get_address(self, number: int) -> Address:
        """Of the member with this number."""
        ...

    def commit(self, round_id: int, submissions: Sequence[Submission]) -> bytes:
        """All updates' digests; returns the sample seed."""
        ...

    def seal(
        self,
        round_id: int,
        candidate: Digest,
        clip_shifts: Sequence[int],
        samples: Sequence[Direction],
    ) -> bytes:
        """The candidate, before the challenge is known; returns the challenge seed."""
        ...

    def judge(
        self, challenge: Challenge, samples: Sequence[Direction], admitted: Sequence[bool]
    ) -> Sequence[bool]:
        """Who is accepted. Without proofs: whom a proof would have admitted."""
        ...

    def finish(self, round_id: int, ending: Ending) -> None: ...


class LocalNotary:
    """Seeds from the experiment's own seed; nothing is recorded."""

    chain_id = 0
    registry = Address("0x" + "0" * 40)

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def get_address(self, number: int) -> Address:
        return Address(f"0x{number + 1:040x}")

    def _draw(self, round_id: int, label: str) -> bytes:
        return hashlib.sha256(f"{self._seed}/{round_id}/{label}".encode()).digest()

    def commit(self, round_id: int, submissions: Sequence[Submission]) -> bytes:
        return self._draw(round_id, "sample")

    def seal(
        self,
        round_id: int,
        candidate: Digest,
        clip_shifts: Sequence[int],
        samples: Sequence[Direction],
    ) -> bytes:
        return self._draw(round_id, "challenge")

    def judge(
        self, challenge: Challenge, samples: Sequence[Direction], admitted: Sequence[bool]
    ) -> Sequence[bool]:
        return admitted

    def finish(self, round_id: int, ending: Ending) -> None:
        pass


def compute_training_seed(seed: int, round_id: int, name: str) -> int:
    """Of one member in one round, 32 bits."""
    digest = hashlib.sha256(f"{seed}/{round_id}/{name}".encode()).digest()
    return int.from_bytes(digest[:4], "little")
