"""Decides what the coordinator does next: one whole round, or the rest of one."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from typing import Any

from coordinator.home import CoordinatorHome
from coordinator.pipeline import CoordinatorPipeline
from coordinator.summary import ContributionSummary, RoundSummary
from zk0.errors import ChainError, RoundError
from zk0.ports import Ledger, RewardLedger
from zk0.protocol.contribution import Outcome
from zk0.protocol.round import Phase, Round
from zk0.rewards import find_unsettled, settle_rounds

log = logging.getLogger(__name__)

SETTLED_AT_ONCE = 16
"""Payouts after one round, so that a backlog does not hold the next one up."""
PROVEN = (Outcome.ACCEPTED, Outcome.BELOW_THRESHOLD, Outcome.HARMFUL)


class CoordinatorRunner:
    """Runs rounds; a round that is already on chain is continued, not repeated."""

    def __init__(
        self,
        pipeline: CoordinatorPipeline,
        ledger: Ledger,
        home: CoordinatorHome,
        rewards: RewardLedger | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._ledger = ledger
        self._home = home
        self._rewards = rewards

    def run_round(self) -> RoundSummary:
        """One full round, from where the chain says it is.

        Raises:
            RoundError: the round was aborted; the next one starts from the same base.
        """
        start = time.monotonic()
        round_id = self._find_running() or self._pipeline.open()
        for stage in self._stages(round_id):
            stage()
            if self._ledger.get_round(round_id).phase is Phase.ABORTED:
                raise RoundError(
                    f"round {round_id} was aborted: too few nodes committed, or a deadline passed; "
                    "the next round starts from the same base checkpoint"
                )
        self._settle_payouts()
        return self.summarise(round_id, time.monotonic() - start)

    def _settle_payouts(self) -> None:
        """Start the objection window of finished rounds. Anyone else can, so no failure matters."""
        if self._rewards is None:
            return
        try:
            unsettled = find_unsettled(self._ledger, self._rewards)
            settle_rounds(self._rewards, unsettled[:SETTLED_AT_ONCE])
        except ChainError as error:
            log.warning("rewards are not settled now, `zk0-node claim` does it too: %s", error)

    def _find_running(self) -> int | None:
        newest = self._ledger.get_round_count()
        if newest == 0 or self._ledger.get_round(newest).phase.is_over:
            return None
        log.info("round %d: continuing", newest)
        return newest

    def _stages(self, round_id: int) -> list[Callable[[], None]]:
        pipeline = self._pipeline

        def aggregate_and_publish() -> None:
            settlement, shares = pipeline.aggregate(round_id)
            pipeline.publish(round_id, settlement, shares)

        return [
            lambda: pipeline.collect_commits(round_id),
            lambda: pipeline.draw_sample(round_id),
            lambda: pipeline.collect_updates(round_id),
            lambda: pipeline.seal(round_id),
            lambda: pipeline.challenge(round_id),
            lambda: pipeline.collect_proofs(round_id),
            aggregate_and_publish,
        ]

    def summarise(self, round_id: int, seconds: float) -> RoundSummary:
        """A finished round as chain and report tell it."""
        round_ = self._ledger.get_round(round_id)
        report = json.loads(self._home.report_file(round_id).read_bytes())
        return RoundSummary(
            round_id=round_id,
            phase=round_.phase.label,
            base_loss_nano=round_.base_loss_nano,
            candidate_loss_nano=round_.candidate_loss_nano,
            final_loss_nano=round_.final_loss_nano,
            sum_of_shares_nano=report["completeness"]["sum_of_shares_nano"],
            pool_base_loss_nano=report["pool_losses_nano"]["base"],
            pool_final_loss_nano=report["pool_losses_nano"]["final"],
            checkpoint=round_.checkpoint.hex(),
            checkpoint_cid=report["checkpoint"]["cid"],
            parent=round_.base.hex(),
            report_cid=str(self._get_report_cid(round_id)),
            seconds=seconds,
            contributions=self._summarise_contributions(round_, report),
        )

    def _get_report_cid(self, round_id: int) -> str:
        events = self._ledger.get_events(round_id=round_id)
        return next((e.args["reportCid"] for e in events if e.name == "RoundFinalized"), "")

    def _summarise_contributions(
        self, round_: Round, report: dict[str, Any]
    ) -> tuple[ContributionSummary, ...]:
        reported = {c["node"]: c for c in report["contributions"]}
        return tuple(
            ContributionSummary(
                node=c.node,
                task=self._ledger.network.tasks[c.task],
                alignment_bps=c.alignment_bps,
                share_nano=c.share_nano,
                exact_share_nano=reported[c.node]["exact_share_nano"],
                share_error_nano=reported[c.node]["share_error_nano"],
                proven=c.outcome in PROVEN,
                outcome=c.outcome.label,
                reason=c.missing.label,
                weight=c.weight,
                clip_shift=c.clip_shift,
            )
            for c in round_.contributions
        )
