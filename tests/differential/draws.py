"""What random calls are made of: mostly what the rules allow, and now and then not."""

from __future__ import annotations

import random
from dataclasses import replace
from math import isqrt
from typing import Any

from zk0.ports import Cid, PublishedChallenge
from zk0.protocol.contribution import MissingReason, Outcome
from zk0.protocol.round import Finalization, Parameters, Round
from zk0.protocol.statement import Address, Agreement, Commitment, Digest

ZERO = bytes(32)
MAX_DIGIT = 127


class Draws(random.Random):
    """A generator that knows the protocol's values; it remembers the digests that it has drawn."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._digests: list[Digest] = []

    def chance(self, probability: float) -> bool:
        return self.random() < probability

    def fresh_digest(self) -> Digest:
        digest = Digest(self.randbytes(32))
        self._digests.append(digest)
        return digest

    def digest(self) -> Digest:
        """Now and then none, or one that was seen before."""
        if self.chance(0.04):
            return Digest(ZERO)
        seen = self._digests[-8:]
        return self.choice(seen) if seen and self.chance(0.06) else self.fresh_digest()

    def point(self) -> Commitment:
        return Commitment(bytes(64) if self.chance(0.03) else self.randbytes(64))

    def cid(self) -> Cid:
        return Cid("" if self.chance(0.03) else "bafk" + "x" * self.randint(0, 60))

    def window(self) -> int:
        """Seconds; short enough for the deployed exit delay."""
        return self.randint(5, 120)

    def parameters(self, template: Parameters) -> Parameters:
        """Rules within the contract's bounds."""
        commit_window_s = self.window()
        top = self.randint(-20, 0)
        return replace(
            template,
            min_commit_window_s=self.randint(1, commit_window_s),
            commit_window_s=commit_window_s,
            collect_window_s=self.window(),
            seal_window_s=self.window(),
            challenge_window_s=self.window(),
            proving_window_s=self.window(),
            finalize_window_s=self.window(),
            quorum=self.randint(1, 3),
            max_nodes=self.randint(3, 6),
            min_exponent=top - self.randint(0, 16),
            max_exponent=top,
            max_weight_share_bps=self.choice([1, 2500, 6000, 10_000, self.randint(1, 10_000)]),
            z_min=self.randint(1, 9),
            max_regression_nano=self.choice([0, 1000, self.randint(0, 5000)]),
        )

    def commitment(self, p: Parameters, dataset_size: int) -> tuple[int, int]:
        """Number of examples and exponent."""
        inside = [self.randint(1, dataset_size) for _ in range(4)]
        count = self.choice([0, 1, dataset_size, dataset_size + 1, *inside])
        if self.chance(0.08):
            return count, self.choice([p.min_exponent - 1, p.max_exponent + 1])
        return count, self.randint(p.min_exponent, p.max_exponent)

    def seal(self, round_: Round, min_exponent: int) -> tuple[list[int], list[MissingReason]]:
        """Clip shifts and reasons, one for each contribution or nearly."""
        shifts, reasons = [], []
        for entry in round_.contributions:
            gone = entry.sample_key is None or self.chance(0.15)
            reason = MissingReason(self.randint(1, 8)) if gone else MissingReason.NONE
            if self.chance(0.03):
                reason = self.choice(list(MissingReason))
            room = entry.exponent - min_exponent
            shift = 0 if gone or self.chance(0.5) else self.randint(0, room)
            shifts.append(room + 1 if self.chance(0.03) else shift)
            reasons.append(reason)
        if self.chance(0.03):
            shifts.append(0)
        if self.chance(0.03):
            reasons.append(MissingReason.NONE)
        return shifts, reasons

    def challenge(self, round_id: int, task_count: int, sample_size: int) -> PublishedChallenge:
        base = self.randint(0, 10**9)
        tasks = task_count + (self.choice([-1, 1]) if self.chance(0.03) else 0)
        size = sample_size + task_count * -(-sample_size // 4)
        size += self.choice([-1, 1]) if self.chance(0.03) else 0
        return PublishedChallenge(
            round_id,
            self.digest(),
            self.cid(),
            unit=self.getrandbits(self.randint(0, 128)),
            base_loss_nano=base,
            candidate_loss_nano=max(0, base + self.randint(-6000, 6000)),
            common=self.point(),
            tasks=tuple(self.point() for _ in range(tasks)),
            directions=bytes(size),
        )

    def agreement(self, sample_size: int, z_min: int) -> Agreement:
        """Sums that a real vector could have: |T| ≤ √(m·Q)."""
        square = self.randint(0, MAX_DIGIT**2 * sample_size)
        bound = isqrt(sample_size * square)
        task = self.randint(-bound, bound)
        if self.chance(0.4):
            # The edge of what is admitted.
            task = min(bound, isqrt(z_min * z_min * square) + self.randint(-1, 1))
        common = self.randint(-(MAX_DIGIT**2) * sample_size, MAX_DIGIT**2 * sample_size)
        return Agreement(common, task, square, self.randint(0, MAX_DIGIT * sample_size))

    def end(self, round_: Round, max_regression_nano: int) -> Finalization:
        """How a round could end; sometimes with one thing wrong."""
        end = self._allowed_end(round_, max_regression_nano)
        if not self.chance(0.25):
            return end
        accounts = [c.node for c in round_.contributions]
        wrong: list[dict[str, Any]] = [
            {"checkpoint": round_.base},
            {"checkpoint": self.digest()},
            {"checkpoint": Digest(ZERO)},
            {"final_loss_nano": end.final_loss_nano + 1},
            {"aggregate_loss_nano": end.aggregate_loss_nano + 1},
            {"report": Digest(ZERO)},
            {"harmful": frozenset(a for a in accounts if self.chance(0.5))},
        ]
        return replace(end, **self.choice(wrong))

    def _allowed_end(self, round_: Round, max_regression_nano: int) -> Finalization:
        accepted = [c.node for c in round_.available if c.outcome is Outcome.ACCEPTED]
        everyone = len(accepted) == len(round_.available)
        base_loss = round_.base_loss_nano
        bound = base_loss + max_regression_nano
        aggregate = max(0, bound + self.choice([-1, 0, 1, self.randint(-9999, 9999)]))
        if everyone:
            aggregate = round_.candidate_loss_nano
        checkpoint, final = self.fresh_digest(), aggregate
        harmful: frozenset[Address] = frozenset()
        if not accepted:
            checkpoint, aggregate, final = round_.base, base_loss, base_loss
        elif aggregate <= bound:
            checkpoint = round_.candidate if everyone else checkpoint
        else:
            count = self.randint(0, len(accepted))
            harmful = frozenset(self.sample(accepted, count))
            final = max(0, bound - self.randint(0, 5000))
            if self.chance(0.3) or not 0 < count < len(accepted):
                checkpoint, final = round_.base, base_loss
        return Finalization(
            checkpoint, self.cid(), self.digest(), self.cid(), aggregate, final, harmful
        )
