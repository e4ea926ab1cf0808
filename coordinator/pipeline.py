"""The coordinator's stages: open → collect → seal → challenge → verify → aggregate → publish.

`docs/protocol.md` §2–§6. Each stage looks at the chain first and does only what is left, so a
coordinator that was killed between any two of them continues the round.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from coordinator.candidate import Weighted, reweigh, weigh, write_aggregate
from coordinator.collection import Collection
from coordinator.dispatch import Dispatch
from coordinator.examination import (
    Examination,
    Pool,
    compute_exact_share_nano,
    count_draws,
    examine,
)
from coordinator.home import CoordinatorHome
from coordinator.report import write_report
from coordinator.settlement import Settlement, Settler
from zk0.config import NetworkManifest
from zk0.errors import ChallengeError, CheckpointError, RoundError, StorageError
from zk0.journal import Journal
from zk0.ports import BlobStore, Cid, Examiner, Ledger, Prover, PublishedChallenge
from zk0.protocol.challenge import (
    compute_mean_nano,
    compute_share_error_nano,
    pack_directions,
    read_challenge,
)
from zk0.protocol.checkpoint import Checkpoint, read_checkpoint
from zk0.protocol.contribution import MissingReason, Outcome
from zk0.protocol.randomness import draw_sample
from zk0.protocol.round import Finalization, Phase, Round
from zk0.protocol.statement import Address, Digest
from zk0.protocol.tensorfile import compute_file_digest

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tools:
    """What a coordinator works with; built in `bootstrap`."""

    ledger: Ledger
    store: BlobStore
    prover: Prover
    examiner: Examiner
    manifest: NetworkManifest
    home: CoordinatorHome
    poll_s: float = 0.5
    block_wait_s: float = 30.0
    """How long to wait for a block before trying without it (a chain that mines on demand)."""


class CoordinatorPipeline:
    """The stages of one network's rounds."""

    def __init__(self, tools: Tools, dispatch: Dispatch) -> None:
        self._tools = tools
        self._ledger = tools.ledger
        self._home = tools.home
        self._dispatch = dispatch
        self._journal = Journal(tools.home.journal_file)
        self._pool = Pool(tools.examiner)
        self._collections: dict[int, Collection] = {}
        self._examinations: dict[int, Examination] = {}
        self._pool_losses: dict[Digest, int] = {}

    # --- open ----------------------------------------------------------------------------

    def open(self) -> int:
        """Open the next round from the head checkpoint; returns its number."""
        self._ledger.open_round(self._pool.root)
        round_id = self._ledger.get_round_count()
        log.info("round %d: open", round_id)
        return round_id

    def get_base(self, round_: Round) -> tuple[Checkpoint, Digest]:
        """The round's base checkpoint, fetched and checked once.

        Raises:
            CheckpointError: it does not fit the network's policy.
        """
        path = self._home.base_file(round_.base.hex())
        if not path.exists() or compute_file_digest(path) != round_.base:
            self._tools.store.get(self._ledger.get_checkpoint_cid(round_.base), path)
        base = read_checkpoint(path, round_.base)
        if base.layout != self._tools.examiner.layout:
            raise CheckpointError(
                f"round {round_.round_id}: the base checkpoint has "
                f"{base.layout.parameter_count} parameters, the policy "
                f"{self._tools.manifest.model} has {self._tools.examiner.layout.parameter_count}"
            )
        return base, round_.base

    # --- collect -------------------------------------------------------------------------

    def collect_commits(self, round_id: int) -> None:
        """Let the nodes train and commit, until commits close or the round is aborted."""
        base, digest = self.get_base(self._ledger.get_round(round_id))
        while (round_ := self._ledger.get_round(round_id)).phase is Phase.COMMITTING:
            if self._may_close(round_):
                self._ledger.close_commits(round_id)
                log.info("round %d: %d commits", round_id, len(round_.contributions))
                continue
            self._dispatch.train(round_id, base, digest, self._is_closable(round_id))

    def _may_close(self, round_: Round) -> bool:
        """All nodes committed; or all that are reachable, after the minimum window."""
        now = self._ledger.get_block().timestamp
        if now > round_.deadline:
            return True
        parameters = self._ledger.network.parameters
        committed = {c.node for c in round_.contributions}
        if len(committed) < parameters.quorum:
            return False
        active = {r.node for r in self._ledger.get_active_nodes()}
        if active <= committed:
            return True
        waited = now >= round_.opened_at + parameters.min_commit_window_s
        return waited and not (self._dispatch.get_reachable() - committed)

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

    def _get_collection(self, round_id: int) -> Collection:
        if round_id not in self._collections:
            tools = self._tools
            layout = tools.examiner.layout
            collection = Collection(
                tools.ledger, tools.prover, tools.manifest, tools.home, layout, round_id
            )
            collection.recover()
            self._collections[round_id] = collection
        return self._collections[round_id]

    def collect_updates(self, round_id: int) -> None:
        """Collect and check uploads until all are here or the deadline passes."""
        collection = self._get_collection(round_id)
        while True:
            round_ = self._ledger.get_round(round_id)
            if round_.phase is not Phase.COLLECTING:
                return
            waiting = {c.node for c in round_.contributions if not collection.has(c.node)}
            if not waiting or self._ledger.get_block().timestamp > round_.deadline:
                return
            self._dispatch.upload(round_id, waiting, collection)

    # --- seal ----------------------------------------------------------------------------

    def seal(self, round_id: int) -> None:
        """Fix the candidate: the exact aggregate of what arrived.

        Raises:
            RoundError: nothing is available; the round is aborted.
        """
        round_ = self._ledger.get_round(round_id)
        if round_.phase is not Phase.COLLECTING:
            return
        collection = self._get_collection(round_id)
        missing = collection.settle()
        entries = round_.contributions
        available = [collection.get(c.node) for c in entries if collection.has(c.node)]
        if not available:
            self._ledger.abort_round(round_id)
            reasons = [reason.label for reason in missing]
            raise RoundError(f"round {round_id}: aborted, no update is available ({reasons})")
        members = weigh(available, self._ledger.network, self._tools.manifest)
        digest = self._write_candidate(round_, members)
        shifts = {m.update.entry.node: m.clip_shift for m in members}
        receipt = self._ledger.seal_round(
            round_id, digest, [shifts.get(c.node, 0) for c in entries], missing
        )
        self._journal.record(round_id, "sealed", receipt.block_hash, candidate=digest.hex())
        lost = sum(reason is not MissingReason.NONE for reason in missing)
        log.info("round %d: sealed, %d available, %d missing", round_id, len(available), lost)

    def _write_candidate(self, round_: Round, members: Sequence[Weighted]) -> Digest:
        base, digest = self.get_base(round_)
        return write_aggregate(
            self._home.candidate_file(round_.round_id),
            base,
            digest,
            members,
            round_.round_id,
            self._ledger.network,
            self._tools.manifest,
        )

    def _get_members(self, round_: Round) -> list[Weighted]:
        """The available updates with weights and shifts as sealed.

        Raises:
            StorageError: an update that the seal counts is not on this machine any more.
        """
        collection = self._get_collection(round_.round_id)
        for entry in round_.available:
            if not collection.has(entry.node):
                raise StorageError(
                    f"round {round_.round_id}: the update of {entry.node}, counted by the seal, is "
                    f"not in {self._home.root}; restore it or abort the round"
                )
        return reweigh([collection.get(c.node) for c in round_.available], round_)

    def _get_candidate(self, round_: Round) -> Checkpoint:
        path = self._home.candidate_file(round_.round_id)
        if not path.exists() or compute_file_digest(path) != round_.candidate:
            self._write_candidate(round_, self._get_members(round_))
        return read_checkpoint(path, round_.candidate)

    # --- challenge -----------------------------------------------------------------------

    def challenge(self, round_id: int) -> None:
        """Draw the challenge, take the path gradient and publish the directions."""
        while (round_ := self._ledger.get_round(round_id)).challenge_seed == bytes(32):
            self._wait_for_block(round_.closing_block + 1)
            self._ledger.draw_challenge(round_id)
        if round_.phase is not Phase.SEALED:
            return
        examination = self._get_examination(round_)
        published = self._publish_files(examination)
        receipt = self._ledger.publish_challenge(published)
        self._journal.record(round_id, "challenged", receipt.block_hash)
        log.info(
            "round %d: challenge published, loss %.4f → %.4f",
            round_id,
            published.base_loss_nano / 1e9,
            published.candidate_loss_nano / 1e9,
        )

    def _get_examination(self, round_: Round) -> Examination:
        if round_.round_id not in self._examinations:
            base, _ = self.get_base(round_)
            self._examinations[round_.round_id] = examine(
                self._tools.examiner,
                self._ledger.network,
                round_,
                base,
                self._get_candidate(round_),
                count_draws(self._tools.examiner, self._read_earlier_frames(round_.round_id)),
            )
        return self._examinations[round_.round_id]

    def _read_earlier_frames(self, round_id: int) -> list[Mapping[str, Sequence[int]]]:
        """The frames of every challenge published before this round, aborted ones too."""
        frames = []
        for earlier in range(1, round_id):
            published = self._ledger.get_published_challenge(earlier)
            if published is None:
                continue
            path = self._home.challenge_file(earlier)
            if not path.exists() or compute_file_digest(path) != published.digest:
                self._tools.store.get(published.cid, path)
            frames.append(read_challenge(path, published.digest).frames)
        return frames

    def _publish_files(self, examination: Examination) -> PublishedChallenge:
        challenge = examination.challenge
        round_id = challenge.round_id
        path = self._home.challenge_file(round_id)
        digest = challenge.write(path)
        frames_path = self._home.frames_file(round_id)
        self._pool.write_frames(frames_path, round_id, challenge.frames)
        self._tools.store.put(frames_path)
        directions = challenge.directions
        tasks = self._ledger.network.tasks
        prover = self._tools.prover
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

    # --- verify --------------------------------------------------------------------------

    def collect_proofs(self, round_id: int) -> None:
        """Wait until every available contribution is proven or the deadline passes."""
        data = self._read_challenge_file(round_id)
        while True:
            round_ = self._ledger.get_round(round_id)
            waiting = {c.node for c in round_.available if c.outcome is Outcome.NONE}
            if round_.phase is not Phase.PROVING or not waiting:
                return
            if self._ledger.get_block().timestamp > round_.deadline:
                log.warning("round %d: not proven by %s", round_id, sorted(waiting))
                return
            self._dispatch.prove(round_id, waiting, data)

    def _read_challenge_file(self, round_id: int) -> bytes:
        published = self._ledger.get_published_challenge(round_id)
        if published is None:
            return b""
        path = self._home.challenge_file(round_id)
        if not path.exists() or compute_file_digest(path) != published.digest:
            self._tools.store.get(published.cid, path)
        return path.read_bytes()

    # --- aggregate -----------------------------------------------------------------------

    def aggregate(self, round_id: int) -> tuple[Settlement, dict[Address, int]]:
        """What the round ends with, and the exact shares over all parameters (nano-loss)."""
        round_ = self._ledger.get_round(round_id)
        base, _ = self.get_base(round_)
        members = self._get_members(round_)
        examination = self._get_examination(round_)
        self._check_challenge(round_, examination)
        shares = {
            m.update.entry.node: compute_exact_share_nano(
                examination.gradient, base, m, round_.total_weight
            )
            for m in members
        }
        settler = Settler(
            self._tools.examiner,
            self._ledger.network,
            self._tools.manifest,
            round_,
            base,
            examination.challenge,
            members,
            shares,
            self._home.checkpoint_file(round_id),
        )
        return settler.settle(), shares

    def _check_challenge(self, round_: Round, examination: Examination) -> None:
        """After a restart the challenge is computed again; it must be what was published."""
        found = examination.challenge.write(
            self._home.round_folder(round_.round_id) / "challenge-again.safetensors"
        )
        if found != round_.challenge:
            raise ChallengeError(
                f"round {round_.round_id}: recomputing the challenge gives {found.hex()}, on chain "
                f"is {round_.challenge.hex()}; finish the round on the machine that published it"
            )

    def _compute_share_errors(
        self, round_: Round, members: Sequence[Weighted], examination: Examination
    ) -> dict[Address, int]:
        network = self._ledger.network
        parameter_count = network.parameters.parameter_count
        indices = draw_sample(round_.sample_seed, network.sample_size, parameter_count)
        gradients = examination.gradient.gradients.values()
        mean = np.mean([g[indices].astype(np.float64) for g in gradients], axis=0)
        layout = self._tools.examiner.layout
        return {
            m.update.entry.node: compute_share_error_nano(
                mean,
                layout.gather(m.update.tensors, indices),
                m.weight,
                round_.total_weight,
                m.effective_exponent,
                parameter_count,
            )
            for m in members
        }

    # --- publish -------------------------------------------------------------------------

    def publish(
        self, round_id: int, settlement: Settlement, exact_shares: Mapping[Address, int]
    ) -> None:
        """Pin checkpoint, updates and report, and finalize the round on chain."""
        round_ = self._ledger.get_round(round_id)
        store, home = self._tools.store, self._home
        members = self._get_members(round_)
        examination = self._get_examination(round_)
        if settlement.path is None:
            checkpoint_cid = self._ledger.get_checkpoint_cid(round_.base)
        else:
            checkpoint_cid = store.put(settlement.path)
        report = write_report(
            network=self._ledger.network,
            manifest=self._tools.manifest,
            round_=round_,
            challenge=examination.challenge,
            challenge_cid=store.put(home.challenge_file(round_id)),
            frames_cid=store.put(home.frames_file(round_id)),
            update_cids=self._put_updates(round_id, members),
            exact_shares=exact_shares,
            share_errors=self._compute_share_errors(round_, members, examination),
            settlement=settlement,
            checkpoint_cid=checkpoint_cid,
            pool_losses=self._compute_pool_losses(round_, settlement),
        )
        path = home.report_file(round_id)
        path.write_bytes(report)
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

    def _compute_pool_losses(self, round_: Round, settlement: Settlement) -> dict[str, int]:
        """Losses before and after on the whole pool: comparable from round to round."""
        for digest in (round_.base, settlement.checkpoint):
            if digest not in self._pool_losses:
                own = settlement.path if digest == settlement.checkpoint else None
                checkpoint = read_checkpoint(own or self._home.base_file(digest.hex()), digest)
                self._pool_losses[digest] = self._pool.compute_loss_nano(checkpoint)
        return {
            "base": self._pool_losses[round_.base],
            "final": self._pool_losses[settlement.checkpoint],
        }

    def _put_updates(self, round_id: int, members: Sequence[Weighted]) -> dict[Address, Cid]:
        return {
            m.update.entry.node: self._tools.store.put(
                self._home.update_file(round_id, m.update.entry.node)
            )
            for m in members
        }
