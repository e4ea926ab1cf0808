"""The node's stages: train → commit → (draw) → upload → prove. `docs/protocol.md`.

Every stage first asks the chain and the journal whether it was done, so that a repeated
message, or a process that was killed and started again, continues where it was.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from node.drawing import draw_seed
from node.home import NodeHome
from node.training import Trained, Training
from zk0.config import NetworkManifest
from zk0.errors import ChallengeError, RoundError, UpdateError
from zk0.journal import Journal
from zk0.memory import release_memory
from zk0.ports import Learner, Ledger, Prover, PublishedChallenge, Receipt
from zk0.protocol.challenge import (
    Directions,
    pack_directions,
    read_challenge,
    unpack_directions,
)
from zk0.protocol.checkpoint import Checkpoint
from zk0.protocol.commitment import compute_upload_hash
from zk0.protocol.contribution import Contribution, Outcome
from zk0.protocol.parameters import ParameterLayout
from zk0.protocol.randomness import draw_sample
from zk0.protocol.round import Phase, Round
from zk0.protocol.statement import Commitment, Digest, compute_context
from zk0.protocol.tensorfile import compute_file_digest, read_tensor_file
from zk0.protocol.update import Update, read_update
from zk0.provers import Provers
from zk0.storage.files import write_file

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Upload:
    """The update with the wallet's signature: what leaves the node after commits close."""

    update: Update
    digest: Digest
    signature: bytes
    sample: Commitment


class NodePipeline:
    """One wallet's stages in one network."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        provers: Provers,
        learner: Learner,
        manifest: NetworkManifest,
        home: NodeHome,
    ) -> None:
        self._ledger = ledger
        self._provers = provers
        self._home = home
        self._journal = Journal(home.journal_file)
        self.training = Training(ledger, learner, manifest, home, self._journal)

    def _get_prover(self, round_id: int) -> Prover:
        """For the circuit of this round. Raises CircuitError."""
        return self._provers.get(self._ledger.get_rules(round_id).circuit_id)

    def prepare(self) -> None:
        """Make the prover now rather than under a round's deadline. Raises CircuitError."""
        prover = self._provers.get(self._ledger.get_next_rules().circuit_id)
        log.info("prover for circuit %s ready", prover.circuit_id.hex()[:16])

    def _own(self, round_: Round) -> Contribution | None:
        return round_.contribution_of(self._ledger.account)

    def _record(self, round_id: int, stage: str, receipt: Receipt) -> Receipt:
        self._journal.record(
            round_id, stage, receipt.block_hash, transaction=receipt.transaction.hex()
        )
        return receipt

    # --- train ---------------------------------------------------------------------------

    def train(self, round_id: int, base: Checkpoint, base_digest: Digest) -> Trained:
        """Train from the round's base and write the update file; see `Training.run`."""
        return self.training.run(round_id, base, base_digest)

    # --- commit --------------------------------------------------------------------------

    def commit(self, round_id: int, trained: Trained) -> Receipt | None:
        """Put the update's digest on chain; None when it is there already.

        Raises:
            RoundError: the chain holds another digest of this node.
        """
        own = self._own(self._ledger.get_round(round_id))
        if own is not None:
            if own.digest != trained.digest:
                raise RoundError(
                    f"round {round_id}: the chain holds commitment {own.digest.hex()}, the update "
                    f"file is {trained.digest.hex()}; restore the file that was committed"
                )
            return None
        receipt = self._ledger.commit_update(
            round_id, trained.digest, trained.num_examples, trained.exponent
        )
        return self._record(round_id, "committed", receipt)

    # --- draw ----------------------------------------------------------------------------

    def draw(self, round_id: int) -> Receipt | None:
        """Draw the seed that the round waits for; None when somebody else has, or is about to."""
        receipt = draw_seed(self._ledger, round_id)
        return self._record(round_id, "drawn", receipt) if receipt is not None else None

    # --- upload --------------------------------------------------------------------------

    def read_committed_update(self, round_id: int, own: Contribution) -> Update:
        """This node's own update file, checked against its commitment on chain.

        Raises:
            UpdateError: missing, damaged, another node's, or not what was committed.
        """
        path = self._home.update_file(round_id)
        if not path.exists():
            raise UpdateError(
                f"round {round_id}: update file {path} is missing; it is needed to upload and to "
                "prove, restore it from a backup"
            )
        found = compute_file_digest(path)
        if found != own.digest:
            raise UpdateError(
                f"round {round_id}: {path} has digest {found.hex()}, but {own.node} committed "
                f"{own.digest.hex()}; restore the file that was committed"
            )
        layout = ParameterLayout.of(read_tensor_file(path).tensors)
        return read_update(path, layout)

    def commit_sample(self, round_id: int) -> Receipt | None:
        """Put the sample's commitment on chain, and nothing else anywhere; None when it is there.

        Raises:
            RoundError: commits are still open, or this node has not committed.
            UpdateError: the update file is not the committed one.
        """
        round_, own = self._get_closed(round_id)
        if own.sample_key is not None:
            return None
        update = self.read_committed_update(round_id, own)
        return self._send_sample(round_, self._make_commitment(round_, update))

    def upload(self, round_id: int) -> Upload:
        """Commit to the sample, then hand out the update.

        Raises:
            RoundError: commits are still open (nothing leaves the node before), or this node
                has not committed.
            UpdateError: the update file is not the committed one.
        """
        round_, own = self._get_closed(round_id)
        update = self.read_committed_update(round_id, own)
        commitment = self._make_commitment(round_, update)
        if own.sample_key is None:
            self._send_sample(round_, commitment)
        network = self._ledger.network
        message = compute_upload_hash(
            network.chain_id, network.registry, round_id, own.node, own.digest
        )
        return Upload(update, own.digest, self._ledger.sign(message), commitment)

    def _get_closed(self, round_id: int) -> tuple[Round, Contribution]:
        """The round and the own contribution, once commits are closed. Raises RoundError."""
        round_ = self._ledger.get_round(round_id)
        own = self._own(round_)
        if own is None:
            raise RoundError(f"round {round_id}: {self._ledger.account} has not committed")
        if round_.phase < Phase.COLLECTING:
            raise RoundError(
                f"round {round_id}: commits are not closed yet (phase {round_.phase.label}); "
                "the update stays here until they are"
            )
        return round_, own

    def _make_commitment(self, round_: Round, update: Update) -> Commitment:
        sample = self._compute_sample(round_, update)
        return self._get_prover(round_.round_id).compute_commitment(sample)

    def _send_sample(self, round_: Round, commitment: Commitment) -> Receipt:
        receipt = self._ledger.commit_sample(round_.round_id, round_.sample_seed, commitment)
        return self._record(round_.round_id, "sampled", receipt)

    def _compute_sample(self, round_: Round, update: Update) -> NDArray[np.int8]:
        sample_size = self._ledger.get_rules(round_.round_id).sample_size
        layout = update.layout
        indices = draw_sample(round_.sample_seed, sample_size, self._ledger.network.parameter_count)
        return layout.gather(update.digits, indices)

    # --- prove ---------------------------------------------------------------------------

    def prove(self, round_id: int, challenge_file: Path | None = None) -> Receipt | None:
        """Prove from the chain's event and the own update file; None when it is proven.

        Args:
            challenge_file: the coordinator's file, checked against the chain when it is given.

        Raises:
            ChallengeError: the published directions are not what their commitments say.
            RoundError: nothing to prove now.
            UpdateError: the update file is not the committed one.
            ProverError: no valid proof came out.
        """
        round_ = self._ledger.get_round(round_id)
        own = self._own(round_)
        if own is None:
            raise RoundError(f"round {round_id}: {self._ledger.account} has not committed")
        if own.outcome is not Outcome.NONE:
            return None
        challenge = self._ledger.get_published_challenge(round_id)
        if round_.phase is not Phase.PROVING or challenge is None:
            raise RoundError(
                f"round {round_id}: expected phase Proving, found {round_.phase.label}; "
                "a proof can be made from the challenge's publication to its deadline"
            )
        update = self.read_committed_update(round_id, own)
        sample = self._compute_sample(round_, update)
        directions = self._read_directions(challenge, challenge_file)
        task = self._ledger.network.tasks[own.task]
        self._check_directions(challenge, directions, own.task)
        context = compute_context(
            self._ledger.network.chain_id, self._ledger.network.registry, round_id, own.node
        )
        prover = self._get_prover(round_id)
        release_memory()  # the child that proves needs more than this process by then
        result = prover.prove(directions.common, directions.tasks[task], sample, context)
        receipt = self._ledger.prove_contribution(round_id, result.agreement, result.proof)
        return self._record(round_id, "proven", receipt)

    def _read_directions(
        self, challenge: PublishedChallenge, challenge_file: Path | None
    ) -> Directions:
        tasks = self._ledger.network.tasks[: len(challenge.tasks)]
        sample_size = self._ledger.get_rules(challenge.round_id).sample_size
        directions = unpack_directions(challenge.directions, tasks, sample_size, challenge.unit)
        if challenge_file is not None:
            file = read_challenge(challenge_file, challenge.digest)
            if pack_directions(file.directions, tasks) != challenge.directions:
                raise ChallengeError(
                    f"round {challenge.round_id}: the challenge file's directions differ from "
                    "those on chain; this challenge cannot be proven, tell the coordinator"
                )
        return directions

    def _check_directions(
        self, challenge: PublishedChallenge, directions: Directions, task: int
    ) -> None:
        """Before any proving: the event's directions must match the event's commitments."""
        name = self._ledger.network.tasks[task]
        pairs = (
            ("C_v", challenge.common, directions.common),
            (f"C_t of {name}", challenge.tasks[task], directions.tasks[name]),
        )
        prover = self._get_prover(challenge.round_id)
        for label, published, values in pairs:
            found = prover.compute_commitment(values)
            if found != published:
                raise ChallengeError(
                    f"round {challenge.round_id}: {label} on chain is "
                    f"{published.point.hex()[:16]}…, the published directions give "
                    f"{found.point.hex()[:16]}…; this challenge cannot be proven, tell the "
                    "coordinator"
                )

    # --- receipt -------------------------------------------------------------------------

    def keep_receipt(self, round_id: int, text: bytes) -> Path:
        """Store the coordinator's signed receipt for this node's upload."""
        path = self._home.receipt_file(round_id)
        write_file(path, text)
        return path
