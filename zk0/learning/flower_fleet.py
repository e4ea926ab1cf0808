"""The coordinator's side of Flower: the Fleet port over a run of which we are the ServerApp."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field

from flwr.app import Message, RecordDict

from zk0.errors import TransportError
from zk0.learning.flower_bundle import BUNDLE, BUNDLE_DIGEST
from zk0.learning.flower_parcel import MESSAGE_TYPES, pack_parcel, unpack_parcel
from zk0.learning.flower_runtime import ConnectedNode, ReplyArrival, ServerRun, is_lost
from zk0.learning.flower_wire import SuperLinkEndpoint, UnreachableError
from zk0.ports import Parcel, Reply

POLL_S = 0.5
LOOK_AROUND_S = 2.0
RETRY_S = 2.0
TTL_MARGIN_S = 60.0

log = logging.getLogger(__name__)


@contextlib.contextmanager
def open_fleet(
    superlink: SuperLinkEndpoint, bundle: bytes = BUNDLE, digest: str = BUNDLE_DIGEST
) -> Iterator[FlowerFleet]:
    """A run on `superlink` while the block lasts; it ends as failed when the block raises.

    Raises:
        TransportError: when the run cannot be started.
    """
    run = ServerRun(superlink, bundle, digest)
    try:
        yield FlowerFleet(run)
    except BaseException as error:
        run.close(f"{type(error).__name__}: {error}"[:200] or "interrupted")
        raise
    run.close()


class FlowerFleet:
    """The Fleet port. A node is its key (DER).

    A reply belongs to the node that was asked; what it says about its sender is not looked
    at, because a node can write anything there. Who vouches for its content is the wallet
    that signed it.
    """

    def __init__(self, run: ServerRun) -> None:
        self._run = run

    def get_nodes(self) -> Collection[bytes]:
        """The keys of the nodes that are connected now. Raises TransportError."""
        return [node.node_key for node in self._run.get_nodes()]

    def ask(
        self,
        kind: str,
        parcels: Mapping[bytes, Parcel],
        *,
        timeout_s: float,
        on_reply: Callable[[bytes, Reply], None],
        is_done: Callable[[], bool] = lambda: False,
    ) -> None:
        """Ask each node once, and again whenever it signed on anew without having answered.

        A node may get a message more than once: its answer to a repeat must be the same.
        `on_reply` gets each node's first answer, or a TransportError when the node answered
        with an error, or with nothing until `timeout_s` was over. What it raises ends this call.

        Raises:
            TransportError: when the run is over: open another fleet. A SuperLink that is only
                away is waited for.
        """
        deadline = time.monotonic() + timeout_s
        asking = _Asking(self._run, MESSAGE_TYPES[kind], deadline)
        for node_key, parcel in parcels.items():
            asking.questions[node_key] = _Question(node_key, pack_parcel(parcel))
        while asking.questions and time.monotonic() < deadline:
            if is_done():
                return
            for node_key, reply in asking.exchange():
                on_reply(node_key, reply)
                if is_done():
                    return
            if asking.questions:
                time.sleep(POLL_S)
        for question in asking.questions.values():
            on_reply(question.node_key, question.describe_silence(timeout_s))


@dataclass(slots=True)
class _Question:
    """What a node was asked, and under which message ids."""

    node_key: bytes
    records: RecordDict
    message_ids: set[str] = field(default_factory=set)
    asked_node: ConnectedNode | None = None
    """The node as it was when it was last asked; none: it has to be asked."""
    retry_at: float = 0.0

    def describe_silence(self, timeout_s: float) -> TransportError:
        found = (
            "it was not connected" if not self.message_ids else "it was asked and did not answer"
        )
        return TransportError(f"no answer from the node within {timeout_s:g} s: {found}")


@dataclass(slots=True)
class _Asking:
    """One call of `ask`: the questions that are open."""

    run: ServerRun
    message_type: str
    deadline: float
    questions: dict[bytes, _Question] = field(default_factory=dict)
    arrivals: list[ReplyArrival] = field(default_factory=list)
    _look_at: float = 0.0

    def exchange(self) -> Iterator[tuple[bytes, Reply]]:
        """Send what has to be sent, and give the answers that are complete."""
        try:
            if time.monotonic() >= self._look_at:
                self._send()
                self._look_at = time.monotonic() + LOOK_AROUND_S
            open_ids = [ident for item in self.questions.values() for ident in item.message_ids]
            if open_ids:
                self.arrivals += self.run.pull(open_ids)
            for arrival in list(self.arrivals):
                yield from self._collect(arrival)
        except UnreachableError as error:
            log.warning("%s; trying again", error)

    def _send(self) -> None:
        """Ask the nodes that are here and were not asked since they signed on."""
        nodes = {node.node_key: node for node in self.run.get_nodes()}
        for question in self.questions.values():
            node = nodes.get(question.node_key)
            if node is None or node == question.asked_node:
                continue
            if time.monotonic() < question.retry_at:
                continue
            ttl_s = self.deadline - time.monotonic() + TTL_MARGIN_S
            message = Message(
                question.records,
                dst_node_id=node.node_id,
                message_type=self.message_type,
                ttl=ttl_s,
            )
            question.message_ids.add(self.run.push(message))
            question.asked_node = node

    def _collect(self, arrival: ReplyArrival) -> Iterator[tuple[bytes, Reply]]:
        """The answer, if all of it is here; what got lost is asked for again."""
        question = self._find_question(arrival)
        try:
            message = arrival.take()
        except UnreachableError:
            raise
        except TransportError as error:
            log.warning("an answer was lost: %s", error)
            message = None
            self._forget(arrival, question)
        if message is None:
            return
        lost = is_lost(message)
        self._forget(arrival, question if lost else None)
        if question is None or lost:
            return
        del self.questions[question.node_key]
        yield question.node_key, _read_reply(message)

    def _find_question(self, arrival: ReplyArrival) -> _Question | None:
        """None when another copy of it was answered before."""
        return next(
            (item for item in self.questions.values() if arrival.reply_to in item.message_ids), None
        )

    def _forget(self, arrival: ReplyArrival, question: _Question | None) -> None:
        """This arrival is dealt with; `question`, if given, is to be asked again."""
        self.arrivals.remove(arrival)
        if question is not None:
            question.message_ids.discard(arrival.reply_to)
            question.asked_node = None
            question.retry_at = time.monotonic() + RETRY_S


def _read_reply(message: Message) -> Reply:
    """The parcel in a message, or why there is none."""
    if message.has_error():
        return TransportError(f"the node answered with an error: {message.error.reason}")
    try:
        return unpack_parcel(message.content)
    except TransportError as error:
        return error
