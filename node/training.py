"""The train stage: a round's base in, the update file and what rounding left of it out."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from node.home import NodeHome
from zk0.config import NetworkManifest
from zk0.errors import CheckpointError, RoundError
from zk0.journal import Journal
from zk0.ports import Learner, Ledger, TrainingResult
from zk0.protocol.checkpoint import Checkpoint
from zk0.protocol.parameters import ParameterLayout
from zk0.protocol.round import Round
from zk0.protocol.statement import Digest
from zk0.protocol.tensorfile import (
    TensorFileError,
    compute_file_digest,
    read_tensor_file,
    write_tensor_file,
)
from zk0.protocol.update import Update, UpdateMetadata, quantise

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Trained:
    """What the train stage leaves in the journal, next to the update file."""

    digest: Digest
    exponent: int
    num_examples: int
    loss_before: float
    loss_after: float
    seconds: float


class Training:
    """One wallet's training in one network."""

    def __init__(
        self,
        ledger: Ledger,
        learner: Learner,
        manifest: NetworkManifest,
        home: NodeHome,
        journal: Journal,
    ) -> None:
        self._ledger = ledger
        self._learner = learner
        self._manifest = manifest
        self._home = home
        self._journal = journal

    def run(self, round_id: int, base: Checkpoint, base_digest: Digest) -> Trained:
        """Train from the round's base and write the update file.

        Raises:
            CheckpointError: `base` is not the checkpoint that the round starts from.
            UpdateError: training diverged or learned nothing.
        """
        round_ = self._ledger.get_round(round_id)
        if base_digest != round_.base:
            raise CheckpointError(
                f"round {round_id}: the chain says base {round_.base.hex()}, the coordinator sent "
                f"{base_digest.hex()}; refusing to train from a stale base"
            )
        done = self._find_trained(round_id, base_digest)
        if done is not None:
            return done
        result = self._learner.train(
            base.tensors,
            self.compute_seed(round_id, base_digest),
            self._manifest.training.round_rate.compute_share(round_id),
        )
        residual = self._read_residual(round_id, base.layout)
        difference = {
            name: result.parameters[name] - tensor + residual.get(name, np.float32(0))
            for name, tensor in base.tensors.items()
        }
        trained = self._write(round_, result, difference)
        self._journal.record(
            round_id,
            "trained",
            self._ledger.get_block().hash,
            base=base_digest.hex(),
            digest=trained.digest.hex(),
            exponent=trained.exponent,
            num_examples=trained.num_examples,
            loss_before=trained.loss_before,
            loss_after=trained.loss_after,
            seconds=trained.seconds,
        )
        return trained

    def _write(
        self, round_: Round, result: TrainingResult, difference: Mapping[str, NDArray[np.float32]]
    ) -> Trained:
        """The quantised difference as the update file, and what rounding left of it."""
        parameters = self._ledger.network.parameters
        quantised = quantise(difference, parameters.min_exponent, parameters.max_exponent)
        num_examples = min(result.num_examples, self._get_dataset_size())
        update = Update(quantised.digits, self._metadata(round_, quantised.exponent, num_examples))
        digest = update.write(self._home.update_file(round_.round_id))
        write_tensor_file(self._home.residual_file(round_.round_id), quantised.residual, {})
        return Trained(
            digest,
            quantised.exponent,
            num_examples,
            result.loss_before,
            result.loss_after,
            result.seconds,
        )

    def _find_trained(self, round_id: int, base: Digest) -> Trained | None:
        entry = self._journal.find(round_id, "trained")
        path = self._home.update_file(round_id)
        if entry is None or not path.exists() or entry.details["base"] != base.hex():
            return None
        d = entry.details
        if compute_file_digest(path).hex() != d["digest"]:
            log.warning("round %d: the update file was changed; training again", round_id)
            return None
        return Trained(
            Digest(bytes.fromhex(d["digest"])),
            d["exponent"],
            d["num_examples"],
            d["loss_before"],
            d["loss_after"],
            d["seconds"],
        )

    def compute_seed(self, round_id: int, base: Digest) -> int:
        """Fixed by base, round and node, so that a killed training repeats itself."""
        text = f"{base.hex()}/{round_id}/{self._ledger.account}".encode()
        return int.from_bytes(hashlib.sha256(text).digest()[:4], "little")

    def _get_dataset_size(self) -> int:
        registration = self._ledger.get_registration(self._ledger.account)
        if registration is None or not registration.is_active:
            raise RoundError(
                f"{self._ledger.account} is not an active node of this network; join first"
            )
        return registration.dataset_size

    def _metadata(self, round_: Round, exponent: int, num_examples: int) -> UpdateMetadata:
        network = self._ledger.network
        return UpdateMetadata(
            chain_id=network.chain_id,
            registry=network.registry,
            round_id=round_.round_id,
            node=self._ledger.account,
            base=round_.base,
            exponent=exponent,
            num_examples=num_examples,
            scope=self._manifest.scope,
        )

    def _read_residual(
        self, round_id: int, layout: ParameterLayout
    ) -> dict[str, NDArray[np.float32]]:
        """What rounding left of the last update (error feedback); nothing if there is none."""
        path = self._home.find_residual(round_id)
        if path is None:
            return {}
        try:
            file = read_tensor_file(path)
        except (OSError, TensorFileError) as error:
            log.warning("round %d: starting without error feedback: %s", round_id, error)
            return {}
        return file.tensors if file.layout == layout else {}
