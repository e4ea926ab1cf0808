"""The coordinator's stages: open → collect → seal → challenge → verify → aggregate → publish.

`docs/protocol.md` §2–§6. Each stage looks at the chain first and does only what is left, so a
coordinator that was killed between any two of them continues the round.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence

from coordinator.candidate import Weighted
from coordinator.dispatch import Dispatch
from coordinator.examination import Examination, compute_share_errors_nano
from coordinator.home import get_state_file
from coordinator.report import write_report
from coordinator.settlement import Settlement, Settler
from coordinator.tools import Tools
from coordinator.workspace import Workspace
from zk0.errors import RoundError
from zk0.journal import Journal
from zk0.ports import Cid, PublishedChallenge
from zk0.protocol.challenge import Challenge, compute_mean_nano, pack_directions
from zk0.protocol.contribution import MissingReason, Outcome
from zk0.protocol.round import Finalization, Phase, Round
from zk0.protocol.statement import Address, Digest
from zk0.protocol.tensorfile import compute_file_digest
from zk0.storage.files import write_file

log = logging.getLogger(__name__)

NEXT_SECOND_S = 1.5


class CoordinatorPipeline:
    """The stages of one network's rounds."""

    def __init__(self, tools: Tools, dispatch: Dispatch) -> None:
        self._tools = tools
        self._ledger = tools.ledger
        self._home = tools.home
        self._dispatch = dispatch
        self._journal = Journal(tools.home.journal_file)
        self._workspace = Workspace(tools)

    # --- open ----------------------------------------------------------------------------

    def open(self) -> int:
        """Open the next round from the head checkpoint, once enough nodes are there; its number."""
        self._wait_for_nodes()
        # Counted before: what is counted afterwards may be without the new round again.
        round_id = self._ledger.get_round_count() + 1
        self._ledger.open_round(self._workspace.pool.root)
        log.info("round %d: open", round_id)
        return round_id

    def _wait_for_nodes(self) -> None:
        """Whoever joins after the opening takes part in the next round only."""
        needed = self._tools.min_nodes or self._ledger.get_next_rules().parameters.quorum
        said = -1
        while len(joined := [r.joined_at for r in self._ledger.get_active_nodes()]) < needed:
            if len(joined) != said:
                log.info("waiting for nodes: %d of %d have joined", said := len(joined), needed)
            time.sleep(self._tools.poll_s)
        # Also who joined in the second of the opening. Without new blocks, the next one is later.
        end = time.monotonic() + NEXT_SECOND_S
        while self._ledger.get_block().timestamp <= max(joined) and time.monotonic() < end:
            time.sleep(self._tools.poll_s / 4)

    # --- collect -------------------------------------------------------------------------

    def collect_commits(self, round_id: int) -> None:
        """Let the nodes train and commit, until commits close or the round is aborted."""
        round_ = self._ledger.get_round(round_id)
        base = self._workspace.get_base(round_)
        while (round_ := self._ledger.get_round(round_id)).phase is Phase.COMMITTING:
            if self._may_close(round_):
                self._ledger.close_commits(round_id)
                log.info("round %d: %d commits", round_id, len(round_.contributions))
                continue
            self._dispatch.train(round_id, base, round_.base, self._is_closable(round_id))

    def _may_close(self, round_: Round) -> bool:
        """All nodes committed; or all that are reachable, after the minimum window."""
        now = self._ledger.get_block().timestamp
        if now > round_.deadline:
            return True
        parameters = self._ledger.get_rules(round_.round_id).parameters
        committed = {c.node for c in round_.contributions}
        if len(committed) < parameters.quorum:
            return False
        active = {r.node for r in self._ledger.get_active_nodes()}
        if active <= committed:
            return True
        waited = now >= round_.opened_at + parameters.min_commit_window_s
        return waited and not (self._dispatch.get_reachable(round_) - committed)

    def _is_closable(self, round_id: int) -> Callable[[], bool]:
        return lambda: self._may_close(self._ledger.get_round(round_id))

    def draw_sample(self, round_id: int) -> None:
        """Draw the sample in a block after the closing one (again, if its hash expired)."""
        while (round_ := self._ledger.get_round(round_id)).phase is Phase.SAMPLING:
            self._wait_for_block(round_.closing_block + 1)
            self._ledger.draw_sample(round_id)

    def _wait_for_block(self, number: int) -> None:
        end = time.monotonic() + self._tools.block_wait_s
        while self._ledger.get_block().number < number and time.monotonic() < end:
            time.sleep(self._tools.poll_s / 4)

    def collect_updates(self, round_id: int) -> None:
        """Collect and check uploads until all are here or the deadline passes."""
        collection = self._workspace.get_collection(round_id)
        while True:
            round_ = self._ledger.get_round(round_id)
            if round_.phase is not Phase.COLLECTING:
                return
            collection.forget_stale(round_)
            waiting = {c.node for c in round_.contributions if not collection.has(c.node)}
            if not waiting or self._ledger.get_block().timestamp > round_.deadline:
                return
            self._dispatch.upload(round_id, waiting, collection)

    # --- seal ----------------------------------------------------------------------------

    def seal(self, round_id: int) -> None:
        """Fix the candidate: the exact aggregate of what arrived.

        Nothing happens when a reorganisation took samples back: their uploads come first.

        Raises:
            RoundError: nothing is available; the round is aborted.
        """
        round_ = self._ledger.get_round(round_id)
        if round_.phase is not Phase.COLLECTING:
            return
        collection = self._workspace.get_collection(round_id)
        if collection.forget_stale(round_):
            return
        missing = collection.settle()
        lost = sum(reason is not MissingReason.NONE for reason in missing)
        if lost == len(missing):
            self._ledger.abort_round(round_id)
            reasons = [reason.label for reason in missing]
            raise RoundError(f"round {round_id}: aborted, no update is available ({reasons})")
        digest, members = self._workspace.make_candidate(round_)
        shifts = {m.update.entry.node: m.clip_shift for m in members}
        receipt = self._ledger.seal_round(
            round_id, digest, [shifts.get(c.node, 0) for c in round_.contributions], missing
        )
        self._journal.record(round_id, "sealed", receipt.block_hash, candidate=digest.hex())
        log.info("round %d: sealed, %d available, %d missing", round_id, len(members), lost)

    # --- challenge -----------------------------------------------------------------------

    def challenge(self, round_id: int) -> None:
        """Draw the challenge, take the path gradient and publish the directions."""
        while (round_ := self._ledger.get_round(round_id)).phase is Phase.SEALED:
            if round_.challenge_seed != bytes(32):
                break
            self._wait_for_block(round_.closing_block + 1)
            self._ledger.draw_challenge(round_id)
        if round_.phase is not Phase.SEALED:
            return
        published = self._publish_files(self._workspace.get_examination(round_))
        receipt = self._ledger.publish_challenge(published)
        self._journal.record(round_id, "challenged", receipt.block_hash)
        log.info(
            "round %d: challenge published, loss %.4f → %.4f",
            round_id,
            published.base_loss_nano / 1e9,
            published.candidate_loss_nano / 1e9,
        )

    def _publish_files(self, examination: Examination) -> PublishedChallenge:
        challenge = examination.challenge
        round_id = challenge.round_id
        path = self._home.challenge_file(round_id)
        digest = challenge.write(path)
        self._put_frames(challenge)
        directions = challenge.directions
        tasks = self._ledger.network.tasks
        prover = self._tools.provers.get(self._ledger.get_rules(round_id).circuit_id)
        return PublishedChallenge(
            round_id=round_id,
            digest=digest,
            cid=self._tools.store.put(path),
            unit=directions.unit,
            base_loss_nano=compute_mean_nano(challenge.base_loss_nano),
            candidate_loss_nano=compute_mean_nano(challenge.candidate_loss_nano),
            common=prover.compute_commitment(directions.common),
            tasks=tuple(prover.compute_commitment(directions.tasks[task]) for task in tasks),
            directions=pack_directions(directions, tasks),
        )

    def _put_frames(self, challenge: Challenge) -> Cid:
        path = self._home.frames_file(challenge.round_id)
        self._workspace.pool.write_frames(path, challenge.round_id, challenge.frames)
        return self._tools.store.put(path)

    # --- verify --------------------------------------------------------------------------

    def collect_proofs(self, round_id: int) -> None:
        """Wait until every available contribution is proven or the deadline passes."""
        path = self._workspace.fetch_challenge(round_id)
        data = path.read_bytes() if path else b""
        while True:
            round_ = self._ledger.get_round(round_id)
            waiting = {c.node for c in round_.available if c.outcome is Outcome.NONE}
            if round_.phase is not Phase.PROVING or not waiting:
                return
            if self._ledger.get_block().timestamp > round_.deadline:
                log.warning("round %d: not proven by %s", round_id, sorted(waiting))
                return
            self._dispatch.prove(round_id, waiting, data)

    # --- aggregate -----------------------------------------------------------------------

    def aggregate(self, round_id: int) -> tuple[Settlement, dict[Address, int]]:
        """What the round ends with, and the exact shares over all parameters (nano-loss)."""
        round_ = self._ledger.get_round(round_id)
        origin = self._workspace.get_origin(round_)
        members = self._workspace.get_members(round_)
        examination = self._workspace.get_examination(round_)
        layout = origin.checkpoint.layout
        shares = {
            m.update.entry.node: examination.attribution.compute_exact_share_nano(
                examination.gradient, layout, m, round_.total_weight
            )
            for m in members
        }
        settler = Settler(
            self._tools.examiner,
            self._ledger.network,
            self._ledger.get_rules(round_id).parameters,
            self._tools.manifest,
            round_,
            origin,
            examination.challenge,
            members,
            shares,
            self._home.checkpoint_file(round_id),
        )
        return settler.settle(), shares

    # --- publish -------------------------------------------------------------------------

    def publish(
        self, round_id: int, settlement: Settlement, exact_shares: Mapping[Address, int]
    ) -> None:
        """Pin checkpoint, updates and report, and finalize the round on chain."""
        round_ = self._ledger.get_round(round_id)
        store, home, network = self._tools.store, self._home, self._ledger.network
        rules = self._ledger.get_rules(round_id)
        members = self._workspace.get_members(round_)
        examination = self._workspace.get_examination(round_)
        layout = self._tools.examiner.layout
        if settlement.path is None:
            checkpoint_cid = self._ledger.get_checkpoint_cid(round_.base)
        else:
            checkpoint_cid = store.put(settlement.path)
        report = write_report(
            network=network,
            rules=rules,
            manifest=self._tools.manifest,
            round_=round_,
            challenge=examination.challenge,
            challenge_cid=store.put(home.challenge_file(round_id)),
            frames_cid=self._put_frames(examination.challenge),
            update_cids=self._put_updates(round_id, members),
            exact_shares=exact_shares,
            history_share=examination.attribution.compute_history_share_nano(
                examination.gradient, layout
            ),
            share_errors=compute_share_errors_nano(examination, layout, round_, rules, members),
            settlement=settlement,
            checkpoint_cid=checkpoint_cid,
            state=self._put_state(settlement),
            pool_losses=self._compute_pool_losses(round_, settlement),
        )
        path = home.report_file(round_id)
        write_file(path, report)
        receipt = self._ledger.finalize_round(
            round_id,
            Finalization(
                checkpoint=settlement.checkpoint,
                checkpoint_cid=checkpoint_cid,
                report=compute_file_digest(path),
                report_cid=store.put(path),
                aggregate_loss_nano=settlement.aggregate_loss_nano,
                final_loss_nano=settlement.final_loss_nano,
                harmful=settlement.harmful,
            ),
        )
        self._journal.record(round_id, "finalized", receipt.block_hash)
        log.info(
            "round %d: finalized, loss %.4f → %.4f",
            round_id,
            round_.base_loss_nano / 1e9,
            settlement.final_loss_nano / 1e9,
        )

    def _put_state(self, settlement: Settlement) -> tuple[Digest, Cid] | None:
        """The new checkpoint's server state, stored beside it."""
        if settlement.path is None or not self._tools.manifest.strategy.has_state:
            return None
        path = get_state_file(settlement.path)
        return compute_file_digest(path), self._tools.store.put(path)

    def _compute_pool_losses(self, round_: Round, settlement: Settlement) -> dict[str, int]:
        compute = self._workspace.compute_pool_loss_nano
        return {
            "base": compute(round_.base),
            "final": compute(settlement.checkpoint, settlement.path),
        }

    def _put_updates(self, round_id: int, members: Sequence[Weighted]) -> dict[Address, Cid]:
        return {
            m.update.entry.node: self._tools.store.put(
                self._home.update_file(round_id, m.update.entry.node)
            )
            for m in members
        }
