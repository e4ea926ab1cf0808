"""After the proofs: aggregate what was accepted, and keep harm out at the gate."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from coordinator.candidate import Origin, Weighted, write_step
from coordinator.examination import compute_losses_nano
from zk0.config import NetworkManifest
from zk0.ports import Examiner, Network
from zk0.protocol.challenge import Challenge, compute_mean_nano
from zk0.protocol.checkpoint import read_checkpoint
from zk0.protocol.contribution import Outcome
from zk0.protocol.round import Round
from zk0.protocol.statement import Address, Digest

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a round ends: which checkpoint, at which losses, without whom."""

    checkpoint: Digest
    path: Path | None
    """The new checkpoint's file; None when the base stays."""
    aggregate_loss_nano: int
    final_loss_nano: int
    final_losses: Mapping[str, int]
    harmful: frozenset[Address]


@dataclass(frozen=True, slots=True)
class Settler:
    """Aggregates and evaluates for one round."""

    examiner: Examiner
    network: Network
    manifest: NetworkManifest
    round_: Round
    origin: Origin
    challenge: Challenge
    members: Sequence[Weighted]
    exact_shares: Mapping[Address, int]
    path: Path

    def settle(self) -> Settlement:
        """The step over the accepted updates, or the base when the gate refuses it."""
        accepted = [m for m in self.members if self._is_accepted(m)]
        if not accepted:
            return self._keep_base(self.round_.base_loss_nano, frozenset())
        digest, losses = self._aggregate(accepted)
        aggregate_loss = compute_mean_nano(losses)
        if aggregate_loss <= self._bound:
            return Settlement(
                digest, self.path, aggregate_loss, aggregate_loss, losses, frozenset()
            )
        harmful = frozenset(
            m.update.entry.node for m in accepted if self.exact_shares[m.update.entry.node] < 0
        )
        log.warning(
            "round %d: the aggregate raises the loss from %.4f to %.4f; leaving out %s",
            self.round_.round_id,
            self.round_.base_loss_nano / 1e9,
            aggregate_loss / 1e9,
            sorted(harmful) or "nobody",
        )
        rest = [m for m in accepted if m.update.entry.node not in harmful]
        if not harmful or not rest:
            return self._keep_base(aggregate_loss, harmful)
        digest, losses = self._aggregate(rest)
        final_loss = compute_mean_nano(losses)
        if final_loss > self._bound:
            return self._keep_base(aggregate_loss, harmful)
        return Settlement(digest, self.path, aggregate_loss, final_loss, losses, harmful)

    @property
    def _bound(self) -> int:
        return self.round_.base_loss_nano + self.network.parameters.max_regression_nano

    def _is_accepted(self, member: Weighted) -> bool:
        entry = self.round_.contribution_of(member.update.entry.node)
        return entry is not None and entry.outcome is Outcome.ACCEPTED

    def _aggregate(self, members: Sequence[Weighted]) -> tuple[Digest, Mapping[str, int]]:
        digest = write_step(
            self.path,
            self.origin,
            members,
            self.round_.round_id,
            self.network,
            self.manifest,
        )
        if digest == self.round_.candidate:
            return digest, self.challenge.candidate_loss_nano
        checkpoint = read_checkpoint(self.path, digest)
        return digest, compute_losses_nano(self.examiner, checkpoint, self.challenge)

    def _keep_base(self, aggregate_loss: int, harmful: frozenset[Address]) -> Settlement:
        base_loss = self.round_.base_loss_nano
        log.warning("round %d: the base checkpoint stays", self.round_.round_id)
        return Settlement(
            self.round_.base,
            None,
            aggregate_loss,
            base_loss,
            self.challenge.base_loss_nano,
            harmful,
        )
