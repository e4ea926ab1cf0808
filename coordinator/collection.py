"""Checks every upload and keeps what passes: available, or missing with a reason."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from coordinator.home import CoordinatorHome
from zk0.config import NetworkManifest
from zk0.errors import TransportError, UpdateError
from zk0.messages import UploadReply
from zk0.ports import Ledger, Prover
from zk0.protocol.commitment import compute_upload_hash
from zk0.protocol.contribution import Contribution, MissingReason, Outcome
from zk0.protocol.parameters import ParameterLayout
from zk0.protocol.randomness import draw_sample
from zk0.protocol.round import Phase, Round
from zk0.protocol.statement import Address
from zk0.protocol.tensorfile import FileTensors, TensorFileError, compute_file_digest
from zk0.protocol.update import Update, compute_dot, compute_tensor_square
from zk0.protocol.upload import (
    find_outsized,
    is_near_copy,
    validate_digest,
    validate_metadata,
    validate_tensors,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Collected:
    """An update on disk that passed every check of its own."""

    entry: Contribution
    tensors: FileTensors
    squares: Mapping[str, int]
    """Tensor name → Σ q²."""

    @property
    def square(self) -> int:
        return sum(self.squares.values())


@dataclass
class Collection:
    """One round's uploads as they arrive."""

    ledger: Ledger
    prover: Prover
    manifest: NetworkManifest
    home: CoordinatorHome
    layout: ParameterLayout
    round_id: int
    refused: dict[Address, MissingReason] = field(default_factory=dict)
    _collected: dict[Address, Collected] = field(default_factory=dict)

    def recover(self) -> None:
        """Take up the files that an earlier process left for this round, if they still count."""
        round_ = self.ledger.get_round(self.round_id)
        for entry in round_.contributions:
            path = self.home.update_file(self.round_id, entry.node)
            if entry.sample_key is None or not path.exists():
                continue
            if compute_file_digest(path) != entry.digest:
                continue
            found = self._compute_sample_key(round_, FileTensors(path))
            if found == entry.sample_key:
                self._keep(entry)

    def forget_stale(self, round_: Round) -> bool:
        """Drop uploads whose commitment or sample is on chain no more; whether there were any.

        A reorganisation can take both back, and gives the round another sample: their nodes are
        to be asked again.
        """
        on_chain = {c.node: (c.digest, c.sample_key) for c in round_.contributions}
        stale = [
            node
            for node, held in self._collected.items()
            if on_chain.get(node) != (held.entry.digest, held.entry.sample_key)
        ]
        for node in stale:
            log.warning("round %d: the sample of %s has left the chain", self.round_id, node)
            del self._collected[node]
        return bool(stale)

    def _keep(self, entry: Contribution) -> None:
        tensors = FileTensors(self.home.update_file(self.round_id, entry.node))
        squares = {name: compute_tensor_square(tensors[name]) for name in tensors}
        self._collected[entry.node] = Collected(entry, tensors, squares)
        self.refused.pop(entry.node, None)

    def has(self, node: Address) -> bool:
        return node in self._collected

    def accept(self, node: Address, reply: UploadReply) -> None:
        """Check one upload and keep its file.

        Raises:
            UpdateError: a check failed; the reason is remembered for the seal.
            TransportError: the message is about another round.
        """
        if reply.round_id != self.round_id:
            raise TransportError(
                f"expected an upload for round {self.round_id}, found round {reply.round_id}"
            )
        if self.has(node):
            return
        round_ = self.ledger.get_round(self.round_id)
        entry = round_.contribution_of(node)
        if entry is None:
            raise TransportError(f"round {self.round_id}: {node} has not committed")
        path = self.home.update_file(self.round_id, node)
        try:
            self._check(round_, entry, reply)
            self._keep(entry)
        except UpdateError as error:
            self.refused[node] = MissingReason(error.reason)
            path.unlink(missing_ok=True)
            raise

    def _check(self, round_: Round, entry: Contribution, reply: UploadReply) -> None:
        network = self.ledger.network
        validate_tensors(reply.tensors, self.layout)
        metadata = validate_metadata(
            reply.metadata, round_, entry, network.chain_id, network.registry, self.manifest.scope
        )
        message = compute_upload_hash(
            network.chain_id, network.registry, self.round_id, entry.node, entry.digest
        )
        signer = self.ledger.recover(message, reply.signature)
        if signer != entry.node:
            raise UpdateError(
                f"round {self.round_id}: expected a signature by {entry.node}, found {signer}",
                MissingReason.BAD_SIGNATURE,
            )
        update = Update(reply.tensors, metadata)
        validate_digest(update.write(self.home.update_file(self.round_id, entry.node)), entry)
        self._check_sample(round_, entry, update)

    def _check_sample(self, round_: Round, entry: Contribution, update: Update) -> None:
        """C_d recomputed from the file must be the one on chain: it ties file and proof."""
        found = self._compute_sample_key(round_, update.digits)
        if entry.sample_key is None:
            raise UpdateError(
                f"round {self.round_id}, node {entry.node}: no sample commitment on chain",
                MissingReason.NO_SAMPLE,
            )
        if found != entry.sample_key:
            raise UpdateError(
                f"round {self.round_id}, node {entry.node}: the sample committed on chain is not "
                "the uploaded file's",
                MissingReason.SAMPLE_MISMATCH,
            )

    def _compute_sample_key(self, round_: Round, digits: Mapping[str, NDArray[np.int8]]) -> bytes:
        """Of C_d, as the contract keeps it."""
        indices = draw_sample(
            round_.sample_seed, self.prover.sample_size, self.ledger.network.parameter_count
        )
        return self.prover.compute_commitment(self.layout.gather(digits, indices)).key

    # --- what can only be checked together -------------------------------------------------

    def settle(self) -> list[MissingReason]:
        """The reason of every contribution in commit order, MissingReason.NONE if available."""
        entries = self.ledger.get_round(self.round_id).contributions
        self._refuse_outsized()
        self._refuse_copies(entries)
        return [
            MissingReason.NONE
            if self.has(entry.node)
            else self.refused.get(entry.node, MissingReason.NOT_UPLOADED)
            for entry in entries
        ]

    def get(self, node: Address) -> Collected:
        return self._collected[node]

    def _refuse(self, node: Address, reason: MissingReason, detail: str) -> None:
        log.warning("round %d: %s refused, %s: %s", self.round_id, node, reason.label, detail)
        self._collected.pop(node, None)
        self.refused[node] = reason

    def _refuse_outsized(self) -> None:
        held = sorted(self._collected.values(), key=lambda c: c.entry.node)
        if not held:
            return
        bounds = zip(self.layout.names, self.layout.offsets, self.layout.offsets[1:], strict=False)
        outsized = find_outsized(
            [c.squares for c in held],
            {name: end - start for name, start, end in bounds},
            [c.entry.exponent for c in held],
            [c.entry.num_examples for c in held],
            self.manifest.tensor_factor,
        )
        for position, name in outsized.items():
            self._refuse(held[position].entry.node, MissingReason.TENSOR_NORM, f"tensor {name}")

    def _refuse_copies(self, entries: Sequence[Contribution]) -> None:
        """The later commitment of two near copies goes, and copies of recent rounds' updates."""
        kept: list[Collected] = []
        for entry in entries:
            if not self.has(entry.node):
                continue
            mine = self.get(entry.node)
            original = next((c for c in kept if self._is_copy(mine, c.tensors, c.square)), None)
            if original is not None:
                self._refuse(entry.node, MissingReason.NEAR_COPY, f"of {original.entry.node}")
            elif (source := self._find_earlier(mine)) is not None:
                self._refuse(entry.node, MissingReason.NEAR_COPY, source)
            else:
                kept.append(mine)

    def _is_copy(
        self, mine: Collected, other: FileTensors, other_square: int, own: bool = False
    ) -> bool:
        """One's own earlier update may well point the same way; it may not be the same."""
        bps = self.manifest.own_copy_bps if own else self.manifest.near_copy_bps
        return is_near_copy(compute_dot(mine.tensors, other), mine.square, other_square, bps)

    def _find_earlier(self, mine: Collected) -> str | None:
        """A recent round's update that this one repeats; after an abort, one's own may."""
        first = max(1, self.round_id - self.manifest.copy_rounds)
        for round_id in range(first, self.round_id):
            round_ = self.ledger.get_round(round_id)
            for entry in round_.contributions:
                own = entry.node == mine.entry.node
                if own and round_.phase is not Phase.FINALIZED:
                    continue
                if own and entry.outcome in (Outcome.MISSING, Outcome.NOT_PROVEN):
                    continue
                other = self._open_earlier(round_id, entry.node)
                if other is None:
                    continue
                square = sum(compute_tensor_square(other[name]) for name in other)
                if self._is_copy(mine, other, square, own):
                    return f"of {entry.node} in round {round_id}"
        return None

    def _open_earlier(self, round_id: int, node: Address) -> FileTensors | None:
        try:
            other = FileTensors(self.home.update_file(round_id, node))
        except (OSError, TensorFileError):
            return None
        return other if other.layout == self.layout else None
