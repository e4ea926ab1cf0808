"""Decides when this node does its next stage: on a message, and on what the chain shows."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path

from node.duties import Duty, Task, find_duty
from node.pipeline import NodePipeline
from zk0.errors import RpcUnavailableError, TransportError, Zk0Error
from zk0.messages import (
    ProveRequest,
    TrainReply,
    TrainRequest,
    UploadReply,
    get_round,
    make_error,
)
from zk0.ports import Ledger, Parcel
from zk0.storage.files import write_file

log = logging.getLogger(__name__)


class NodeRunner:
    """Answers messages with the pipeline, and does what no message asks for by itself."""

    def __init__(
        self,
        pipeline: NodePipeline,
        ledger: Ledger,
        scratch: Path,
        poll_s: float = 2.0,
        retry_s: float = 60.0,
    ) -> None:
        self._pipeline = pipeline
        self._ledger = ledger
        self._scratch = scratch
        self._poll_s = poll_s
        self._next_poll = 0.0
        self._retry_s = retry_s
        self._not_before: dict[Duty, float] = {}
        """When what was tried may be tried again, on the monotonic clock."""
        self._handlers: dict[str, Callable[[Parcel], Parcel]] = {
            "train": self._train,
            "upload": self._upload,
            "receipt": self._receipt,
            "prove": self._prove,
        }

    def handle(self, kind: str, parcel: Parcel) -> Parcel:
        """Answer one message; a failed stage becomes an answer too, never an exception."""
        try:
            handler = self._handlers.get(kind)
            if handler is None:
                raise TransportError(f"unknown message {kind}, expected {[*self._handlers]}")
            return handler(parcel)
        except Zk0Error as error:
            log.error("%s: %s", kind, error)
            return make_error(error)

    def _train(self, parcel: Parcel) -> Parcel:
        request = TrainRequest.from_parcel(parcel)
        log.info("round %d: training", request.round_id)
        trained = self._pipeline.train(request.round_id, request.base, request.base_digest)
        log.info(
            "round %d: trained in %.1f s, held-out loss %.4f → %.4f",
            request.round_id,
            trained.seconds,
            trained.loss_before,
            trained.loss_after,
        )
        receipt = self._pipeline.commit(request.round_id, trained)
        if receipt is not None:
            log.info("round %d: committed, %d gas", request.round_id, receipt.gas)
        return TrainReply(
            request.round_id,
            trained.digest,
            trained.num_examples,
            trained.exponent,
            trained.loss_before,
            trained.loss_after,
            trained.seconds,
        ).to_parcel()

    def _upload(self, parcel: Parcel) -> Parcel:
        round_id = get_round(parcel)
        upload = self._pipeline.upload(round_id)
        log.info("round %d: sample committed, uploading", round_id)
        return UploadReply(
            round_id, upload.update.metadata.to_json(), upload.signature, upload.update.digits
        ).to_parcel()

    def _receipt(self, parcel: Parcel) -> Parcel:
        round_id = get_round(parcel)
        receipt = {k: v for k, v in parcel.fields.items() if isinstance(v, int | str)}
        self._pipeline.keep_receipt(round_id, json.dumps(receipt, sort_keys=True).encode())
        return Parcel({"round": round_id})

    def _prove(self, parcel: Parcel) -> Parcel:
        request = ProveRequest.from_parcel(parcel)
        path = self._scratch / f"challenge-{request.round_id}.safetensors"
        write_file(path, request.challenge_file)
        try:
            receipt = self._pipeline.prove(request.round_id, path)
        finally:
            path.unlink(missing_ok=True)
        if receipt is not None:
            self._report_outcome(request.round_id)
        transaction = receipt.transaction if receipt is not None else b""
        return Parcel({"round": request.round_id, "transaction": transaction})

    def _report_outcome(self, round_id: int) -> None:
        own = self._ledger.get_round(round_id).contribution_of(self._ledger.account)
        if own is not None:
            log.info(
                "round %d: proven, %s, alignment %d bps, share %.6f",
                round_id,
                own.outcome.label,
                own.alignment_bps,
                own.share_nano / 1e9,
            )

    def on_idle(self) -> None:
        """Do from the chain alone what the coordinator's messages did not ask for."""
        if time.monotonic() < self._next_poll:
            return
        self._next_poll = time.monotonic() + self._poll_s
        try:
            self._do_missed()
        except RpcUnavailableError as error:
            log.warning("%s; trying again", error)

    def _do_missed(self) -> None:
        round_id = self._ledger.get_round_count()
        if round_id == 0:
            return
        round_ = self._ledger.get_round(round_id)
        duty = find_duty(round_, self._ledger.account, self._ledger.get_block())
        if duty is None or time.monotonic() < self._not_before.get(duty, 0.0):
            return
        is_first = duty not in self._not_before
        try:
            if self._do(duty):
                # Not kept: a reorganisation can bring the very same duty back.
                self._not_before.pop(duty, None)
                return
        except RpcUnavailableError:
            raise
        except Zk0Error as error:
            # Said once; tried again in a while, and the coordinator's message may still come.
            level = logging.ERROR if is_first else logging.DEBUG
            log.log(level, "round %d: cannot %s: %s", round_id, duty.task, error)
        self._not_before[duty] = time.monotonic() + self._retry_s

    def _do(self, duty: Duty) -> bool:
        """Whether it is done; False when another draw was faster, and the chain will show it."""
        round_id = duty.round_id
        match duty.task:
            case Task.DRAW:
                receipt = self._pipeline.draw(round_id)
                if receipt is None:
                    return False
                log.info("round %d: nobody drew, drawn by this node: %d gas", round_id, receipt.gas)
            case Task.SAMPLE:
                receipt = self._pipeline.commit_sample(round_id)
                if receipt is not None:
                    log.info("round %d: sample committed, %d gas", round_id, receipt.gas)
            case Task.PROVE:
                log.info("round %d: the challenge is on chain, proving", round_id)
                self._pipeline.prove(round_id)
                self._report_outcome(round_id)
        return True
