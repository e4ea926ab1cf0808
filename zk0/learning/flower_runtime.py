"""The seam to Flower 1.41's private modules; everything else goes through it.

Flower starts a new Python process for every message, and runs code that came with the
message. Here the long-running process of a node or coordinator claims Flower's tasks
itself: imports are paid once, and only installed code runs. Nothing of this is a public
interface of Flower: `tests/integration/test_flower_runtime.py` is the contract, and the
version is checked.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass

import flwr
import httpx
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)
from flwr.app import Context, Error, Message
from flwr.common.constant import SUPERLINK_NODE_ID, ErrorCode, SubStatus
from flwr.common.serde import context_from_proto, fab_to_proto, run_from_proto
from flwr.proto.control_pb2 import (
    ListNodesRequest,
    RegisterNodeRequest,
    StartRunRequest,
    StopRunRequest,
)
from flwr.proto.runtime_pb2 import (
    AcquireTaskRequest,
    PullAppMessagesRequest,
    PullTaskInputRequest,
)
from flwr.supercore.constant import TaskType
from flwr.supercore.error import ApiErrorCode, FlowerError
from flwr.supercore.fab import Fab
from flwr.supercore.task_identity import TaskIdentity
from flwr.supernode.runtime.run_clientapp import push_message, push_task_output

from zk0.errors import TransportError
from zk0.learning.flower_keys import load_public_key
from zk0.learning.flower_wire import (
    Arrival,
    SuperLinkEndpoint,
    open_control,
    open_superlink,
    open_supernode,
    start_heartbeat,
    translated,
    wait_for_message,
)

FLOWER_VERSION = "1.41."

_LOST = frozenset(
    {
        ErrorCode.MESSAGE_UNAVAILABLE,
        ErrorCode.REPLY_MESSAGE_UNAVAILABLE,
        ErrorCode.NODE_UNAVAILABLE,
        ErrorCode.CLIENT_APP_CRASHED,
    }
)
_TASK_WAIT_S = 30.0


def validate_flower_version(found: str = flwr.__version__) -> None:
    """Raises TransportError when the installed Flower is not the one written for here."""
    if not found.startswith(FLOWER_VERSION):
        raise TransportError(
            f"expected Flower {FLOWER_VERSION}*, found {found}: zk0 uses parts of Flower that "
            "change without notice; install the locked dependencies (scripts/setup)"
        )


def is_superlink_reachable(endpoint: SuperLinkEndpoint) -> bool:
    """Whether a SuperLink answers there, with a certificate that `endpoint.ca` vouches for."""
    try:
        with open_control(endpoint) as control:
            control.ListNodes(ListNodesRequest())
    except TransportError:
        return False
    return True


def register_node(endpoint: SuperLinkEndpoint, node_key: bytes) -> None:
    """Let the node with that key (DER) sign on; once is enough, more do no harm.

    Raises:
        ConfigError: when the key is no P-384 public key.
        TransportError: when the SuperLink refuses or cannot be reached.
    """
    pem = load_public_key(node_key).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with open_control(endpoint) as control:
        try:
            control.RegisterNode(RegisterNodeRequest(public_key=pem))
        except httpx.HTTPStatusError as error:
            known = FlowerError.from_json(error.response.text)
            if known is None or known.code != ApiErrorCode.PUBLIC_KEY_ALREADY_IN_USE:
                raise


class ClientTasks:
    """The tasks of a SuperNode that runs with `--isolation process`."""

    def __init__(self, address: str, secret: bytes) -> None:
        """Claims carry `secret`, so that only the SuperNode that was started with it answers."""
        validate_flower_version()
        self._address = address
        self._client = open_supernode(address, secret=secret)

    def claim(self) -> ClientTask | None:
        """The next message, if there is one. Raises TransportError."""
        with translated(self._address):
            claimed = self._client.AcquireTask(
                AcquireTaskRequest(supported_task_types={TaskType.CLIENT_APP})
            )
        return ClientTask(self._address, claimed.token) if claimed.token else None

    def close(self) -> None:
        """Drop the connection."""
        self._client.close()


class ClientTask:
    """One message to answer."""

    def __init__(self, address: str, token: str) -> None:
        self._address = address
        self._client = open_supernode(address, token=token)
        self._heartbeat = start_heartbeat(self._client)
        self._context: Context | None = None

    def receive(self) -> tuple[Message, Context, str]:
        """The message, its context, and the digest of its run's bundle.

        Raises:
            TransportError: when the SuperNode lost it.
        """
        with translated(self._address):
            task = self._client.PullTaskInput(PullTaskInputRequest())
            self._context = context_from_proto(task.context)
            # The context may be one of an earlier run: Flower keeps one for a series of runs.
            message = wait_for_message(self._client, task.context.node_id, task.run.run_id)
        return message, self._context, task.fab.hash_str

    def reply(self, message: Message) -> None:
        """Send the answer. Raises TransportError."""
        assert self._context is not None, "a task is received before it is answered"
        with translated(self._address):
            push_message(self._client, message, self._context)

    def close(self, failure: str = "") -> None:
        """Tell the SuperNode that this task is over, and how."""
        status = SubStatus.FAILED if failure else SubStatus.COMPLETED
        push_task_output(self._client, self._context, status, failure)
        self._heartbeat.stop()
        self._client.close()


def create_error_reply(message: Message, reason: str, *, is_foreign_run: bool = False) -> Message:
    """An answer that says why there is none."""
    code = ErrorCode.INVALID_FAB if is_foreign_run else ErrorCode.CLIENT_APP_RAISED_EXCEPTION
    return Message(Error(code, reason), reply_to=message)


def is_lost(reply: Message) -> bool:
    """Whether Flower made this reply up because a message or a node got lost."""
    return reply.has_error() and reply.error.code in _LOST


@dataclass(frozen=True, slots=True)
class ConnectedNode:
    """A node that is online: Flower's id, its key (DER), and when it signed on."""

    node_id: int
    node_key: bytes
    activated_at: str


@dataclass(slots=True)
class ReplyArrival:
    """A reply of which the SuperLink may still wait for parts."""

    reply_to: str
    _arrival: Arrival
    _address: str

    def take(self) -> Message | None:
        """The reply once it is complete. Raises TransportError when it never will be."""
        with translated(self._address):
            return self._arrival.take() if self._arrival.fetch() else None


class ServerRun:
    """A run of which this process is the ServerApp."""

    def __init__(self, endpoint: SuperLinkEndpoint, bundle: bytes, digest: str) -> None:
        """Start a run and take its task. One SuperLink serves one coordinator.

        Raises:
            TransportError: when the SuperLink cannot be reached or refuses.
        """
        # Here, because it loads a database engine that a node has no use for (1.5 CPU-s).
        from flwr.superlink.grid import HttpGrid

        validate_flower_version()
        self._address = endpoint.address
        self._run_id, token = _start_run(endpoint, Fab(digest, bundle, {}))
        self._grid = HttpGrid(endpoint.address, False, endpoint.read_ca(), token=token)
        # Its retries wait without end and interrupt the process: ours are in the fleet.
        self._grid._retry_invoker = None
        self._client = self._grid._runtime_client
        with translated(self._address):
            task = self._client.PullTaskInput(PullTaskInputRequest())
        # `Message(...)` takes the sender from here.
        TaskIdentity.run_id, TaskIdentity.task_id = self._run_id, task.task_id
        TaskIdentity.node_id = task.context.node_id
        self._grid.set_run(run_from_proto(task.run))
        self._heartbeat = start_heartbeat(self._client)

    def get_nodes(self) -> Sequence[ConnectedNode]:
        """The nodes that are online. Raises TransportError."""
        with translated(self._address):
            nodes = self._grid.get_nodes()
        return [
            ConnectedNode(node.node_id, _pem_to_der(node.public_key), node.last_activated_at)
            for node in nodes
        ]

    def push(self, message: Message) -> str:
        """Hand a message to the SuperLink; its id. Raises TransportError."""
        with translated(self._address):
            (message_id,) = self._grid.push_messages([message])
        if not message_id:
            raise TransportError("the SuperLink did not take the message; its log says why")
        return str(message_id)

    def pull(self, message_ids: Sequence[str]) -> list[ReplyArrival]:
        """Replies that began to arrive; each is given once. Raises TransportError."""
        with translated(self._address):
            found = self._client.PullMessages(PullAppMessagesRequest(message_ids=message_ids))
        return [
            ReplyArrival(
                message.metadata.reply_to_message_id,
                Arrival(self._client, SUPERLINK_NODE_ID, self._run_id, tree),
                self._address,
            )
            for message, tree in zip(found.messages_list, found.message_object_trees, strict=True)
        ]

    def close(self, failure: str = "") -> None:
        """End the run."""
        status = SubStatus.FAILED if failure else SubStatus.COMPLETED
        push_task_output(self._client, None, status, failure)
        self._heartbeat.stop()
        self._grid.close()


def _start_run(endpoint: SuperLinkEndpoint, fab: Fab) -> tuple[int, str]:
    """A new run's id, and the token of its task."""
    deadline = time.monotonic() + _TASK_WAIT_S
    with open_control(endpoint) as control, contextlib.closing(open_superlink(endpoint)) as tasks:
        run_id = control.StartRun(StartRunRequest(fab=fab_to_proto(fab))).run_id
        while time.monotonic() < deadline:
            claimed = tasks.AcquireTask(
                AcquireTaskRequest(supported_task_types={TaskType.SERVER_APP})
            )
            if not claimed.token:
                time.sleep(0.1)
            elif claimed.task.run_id == run_id:
                return run_id, claimed.token
            else:
                # Left by a coordinator that was killed between starting a run and taking it.
                control.StopRun(StopRunRequest(run_id=claimed.task.run_id))
    raise TransportError(
        f"expected the task of run {run_id} within {_TASK_WAIT_S:g} s; does another coordinator "
        f"use the SuperLink at {endpoint.address}? Give each its own"
    )


def _pem_to_der(pem: bytes) -> bytes:
    """Flower keeps keys as PEM; everything here names a node by DER."""
    return load_pem_public_key(pem).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
