"""What rounds consist of on this machine: fetched, collected or computed once, then kept.

Everything here can be had again from the chain, the store and the uploads, and is checked
against the digests on chain, so that a coordinator started again goes on with the same round.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from coordinator.attribution import Attribution
from coordinator.candidate import Origin, Weighted, reweigh, weigh, write_step
from coordinator.collection import Collection
from coordinator.examination import (
    Examination,
    compute_pool_loss_nano,
    count_draws,
    examine,
)
from coordinator.home import get_state_file
from coordinator.pool_tree import PoolTree
from coordinator.server_state import load_server_state
from coordinator.tools import Tools
from zk0.errors import ChallengeError, CheckpointError, StorageError
from zk0.ports import Examiner
from zk0.protocol.challenge import read_challenge
from zk0.protocol.checkpoint import Checkpoint, read_checkpoint
from zk0.protocol.round import Round
from zk0.protocol.statement import Digest
from zk0.protocol.strategies import ServerState, read_server_state
from zk0.protocol.tensorfile import compute_file_digest


class Workspace:
    """Base, uploads, candidate and examination of each round."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._home = tools.home
        self._ledger = tools.ledger
        self._collections: dict[int, Collection] = {}
        self._examinations: dict[int, Examination] = {}
        self._pool_losses: dict[Digest, int] = {}

    @property
    def examiner(self) -> Examiner:
        return self._tools.examiner

    @cached_property
    def pool(self) -> PoolTree:
        return PoolTree(self._tools.examiner)

    def get_base(self, round_: Round) -> Checkpoint:
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
        return base

    def get_origin(self, round_: Round) -> Origin:
        """Base checkpoint and the server state that it names. Raises CheckpointError."""
        base = self.get_base(round_)
        return Origin(base, round_.base, load_server_state(self._tools, base))

    def get_collection(self, round_id: int) -> Collection:
        """The round's uploads, with those that an earlier process left here."""
        if round_id not in self._collections:
            tools = self._tools
            collection = Collection(
                tools.ledger,
                tools.provers.get(tools.ledger.get_rules(round_id).circuit_id),
                tools.manifest,
                tools.home,
                tools.examiner.layout,
                round_id,
            )
            collection.recover()
            self._collections[round_id] = collection
        return self._collections[round_id]

    # --- candidate -------------------------------------------------------------------------

    def make_candidate(self, round_: Round) -> tuple[Digest, list[Weighted]]:
        """The step over what arrived, before the seal; at least one update must have."""
        collection = self.get_collection(round_.round_id)
        held = [collection.get(c.node) for c in round_.contributions if collection.has(c.node)]
        parameters = self._ledger.get_rules(round_.round_id).parameters
        members = weigh(held, parameters, self._tools.manifest)
        return self._write_candidate(round_, members), members

    def get_members(self, round_: Round) -> list[Weighted]:
        """The available updates with weights and shifts as sealed.

        Raises:
            StorageError: an update that the seal counts is not on this machine any more.
        """
        collection = self.get_collection(round_.round_id)
        for entry in round_.available:
            if not collection.has(entry.node):
                raise StorageError(
                    f"round {round_.round_id}: the update of {entry.node}, counted by the seal, is "
                    f"not in {self._home.root}; restore it or abort the round"
                )
        return reweigh([collection.get(c.node) for c in round_.available], round_)

    def get_candidate(self, round_: Round) -> Checkpoint:
        """The sealed candidate, made again if its file is gone.

        Raises:
            CheckpointError: it is not what the seal says.
        """
        path = self._home.candidate_file(round_.round_id)
        if not path.exists() or compute_file_digest(path) != round_.candidate:
            self._write_candidate(round_, self.get_members(round_))
        return read_checkpoint(path, round_.candidate)

    def get_candidate_state(self, round_: Round) -> ServerState:
        """The server state after the candidate's step. Raises CheckpointError."""
        strategy = self._tools.manifest.strategy
        if not strategy.has_state:
            return ServerState({})
        candidate = self.get_candidate(round_)
        if candidate.metadata.state is None:
            raise CheckpointError(
                f"round {round_.round_id}: the candidate names no server state, the network's "
                "strategy keeps one; abort the round"
            )
        path = get_state_file(self._home.candidate_file(round_.round_id))
        if not path.exists() or compute_file_digest(path) != candidate.metadata.state:
            self._write_candidate(round_, self.get_members(round_))
        return read_server_state(path, candidate.metadata.state, strategy.rule, candidate.layout)

    def _write_candidate(self, round_: Round, members: Sequence[Weighted]) -> Digest:
        return write_step(
            self._home.candidate_file(round_.round_id),
            self.get_origin(round_),
            members,
            round_.round_id,
            self._ledger.network,
            self._tools.manifest,
        )

    # --- examination -----------------------------------------------------------------------

    def get_examination(self, round_: Round) -> Examination:
        """The round's challenge and gradient; after a restart they are computed again.

        Raises:
            ChallengeError: another challenge than the one that is published comes out.
        """
        known = self._examinations.get(round_.round_id)
        if known is None or known.challenge.challenge_seed != round_.challenge_seed:
            examination = self.examine(round_)
            self._check_published(round_, examination)
            self._examinations[round_.round_id] = examination
        return self._examinations[round_.round_id]

    def examine(self, round_: Round) -> Examination:
        """Challenge and gradient as this machine computes them, compared with nothing."""
        origin = self.get_origin(round_)
        return examine(
            self._tools.examiner,
            self._ledger.get_rules(round_.round_id),
            round_,
            origin.checkpoint,
            self.get_candidate(round_),
            Attribution(
                self._tools.manifest.strategy,
                origin.state,
                self.get_candidate_state(round_),
            ),
            self.count_draws(round_.round_id),
        )

    def count_draws(self, round_id: int) -> dict[str, list[int]]:
        """For each task and pool frame, in how many earlier challenges it stood."""
        return count_draws(self._tools.examiner, self._read_earlier_frames(round_id))

    def _check_published(self, round_: Round, examination: Examination) -> None:
        if self._ledger.get_published_challenge(round_.round_id) is None:
            return
        found = examination.challenge.compute_digest()
        if found != round_.challenge:
            raise ChallengeError(
                f"round {round_.round_id}: recomputing the challenge gives {found.hex()}, on chain "
                f"is {round_.challenge.hex()}; finish the round on the machine that published it"
            )

    def _read_earlier_frames(self, round_id: int) -> list[Mapping[str, Sequence[int]]]:
        """The frames of every challenge published before this round, aborted ones too."""
        frames = []
        for earlier in range(1, round_id):
            published = self._ledger.get_published_challenge(earlier)
            path = self.fetch_challenge(earlier)
            if published is not None and path is not None:
                frames.append(read_challenge(path, published.digest).frames)
        return frames

    def fetch_challenge(self, round_id: int) -> Path | None:
        """A published challenge's file; None when the round has none."""
        published = self._ledger.get_published_challenge(round_id)
        if published is None:
            return None
        path = self._home.challenge_file(round_id)
        if not path.exists() or compute_file_digest(path) != published.digest:
            self._tools.store.get(published.cid, path)
        return path

    def compute_pool_loss_nano(self, digest: Digest, path: Path | None = None) -> int:
        """Of a checkpoint, by default a base: its loss on the whole pool, computed once."""
        if digest not in self._pool_losses:
            checkpoint = read_checkpoint(path or self._home.base_file(digest.hex()), digest)
            self._pool_losses[digest] = compute_pool_loss_nano(
                self._tools.examiner, checkpoint, self.pool.root
            )
        return self._pool_losses[digest]
