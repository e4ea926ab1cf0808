"""The wire to Flower 1.41: addresses, HTTP clients, heartbeats, messages that arrive.

With `flower_runtime.py`, for which it is written, the only place that uses Flower's
private modules. Not taken over on purpose: Flower's retry, heartbeat and version checks,
which end the process that calls them when the other side does not agree with it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import httpx
from flwr.app import Message
from flwr.proto.message_pb2 import ConfirmMessageReceivedRequest, ObjectTree, PullObjectRequest
from flwr.proto.node_pb2 import Node
from flwr.proto.runtime_pb2 import PullAppMessagesRequest, SendTaskHeartbeatRequest
from flwr.supercore.control import ControlHttpClient
from flwr.supercore.error import FlowerError
from flwr.supercore.heartbeat import HeartbeatSender
from flwr.supercore.inflatable.inflatable_object import iterate_object_tree
from flwr.supercore.inflatable.inflatable_utils import inflate_object_from_contents
from flwr.supercore.interceptors import RuntimeTokenHttpInterceptor, SuperExecAuthHttpInterceptor
from flwr.supercore.protobuf.client import (
    ProtobufCall,
    ProtobufClientInterceptor,
    ProtobufRequestContext,
)
from flwr.supercore.runtime import RuntimeHttpClient
from flwr.supercore.runtime_version_compatibility import RuntimeVersionMetadata

from zk0.errors import TransportError

_MESSAGE_WAIT_S = 30.0


class UnreachableError(TransportError):
    """Nobody answers at that address now; another try may succeed."""


@dataclass(frozen=True, slots=True)
class SuperLinkEndpoint:
    """Where a SuperLink is: `host:port`, and the PEM file that its certificate is checked with."""

    address: str
    ca: Path

    def read_ca(self) -> bytes:
        """The certificate authority. Raises TransportError."""
        try:
            return self.ca.read_bytes()
        except OSError as error:
            raise TransportError(
                f"expected the SuperLink's CA certificate in {self.ca}: {error.strerror}"
            ) from error


class _VersionHeaders:
    """Says which Flower this is, as every Flower client must."""

    def __init__(self) -> None:
        metadata = RuntimeVersionMetadata.from_local_component("SuperExec")
        self._headers = dict(metadata.as_metadata())

    def intercept(self, context: ProtobufRequestContext, call_next: ProtobufCall) -> httpx.Response:
        context.request.headers.update(self._headers)
        response: httpx.Response = call_next(context)
        return response


def open_supernode(
    address: str, *, secret: bytes | None = None, token: str = ""
) -> RuntimeHttpClient:
    """A client of a SuperNode on this machine: with its secret to claim tasks, with a token
    for one of them."""
    interceptors: list[ProtobufClientInterceptor] = [_VersionHeaders()]
    if secret is not None:
        interceptors.append(
            SuperExecAuthHttpInterceptor(
                master_secret=secret, protected_methods={"/flwr.proto.Runtime/AcquireTask"}
            )
        )
    if token:
        interceptors.append(RuntimeTokenHttpInterceptor(token))
    return RuntimeHttpClient.from_server_address(address, True, None, interceptors=interceptors)


def open_superlink(endpoint: SuperLinkEndpoint) -> RuntimeHttpClient:
    """A client that can claim a SuperLink's tasks."""
    return RuntimeHttpClient.from_server_address(
        endpoint.address, False, endpoint.read_ca(), interceptors=[_VersionHeaders()]
    )


@contextlib.contextmanager
def open_control(endpoint: SuperLinkEndpoint) -> Iterator[ControlHttpClient]:
    """A client of a SuperLink's control interface. Raises TransportError."""
    with translated(endpoint.address):
        client = ControlHttpClient.from_server_address(
            endpoint.address, False, endpoint.read_ca(), interceptors=[_VersionHeaders()]
        )
        with contextlib.closing(client):
            yield client


@contextlib.contextmanager
def translated(address: str) -> Iterator[None]:
    """Failures of Flower's HTTP clients as TransportError."""
    try:
        yield
    except httpx.HTTPStatusError as error:
        kind = UnreachableError if error.response.status_code in (502, 503, 504) else TransportError
        known = FlowerError.from_json(error.response.text)
        found = known.message if known else f"HTTP {error.response.status_code}"
        raise kind(f"Flower at {address} refused {error.request.url.path}: {found}") from error
    except httpx.HTTPError as error:
        raise UnreachableError(
            f"Flower at {address} cannot be reached: {error}; is it running, and is the CA "
            "certificate the one that it was started with?"
        ) from error


def start_heartbeat(client: RuntimeHttpClient) -> HeartbeatSender:
    """Keeps a task ours; a lost one shows at the next call that matters."""

    def send() -> bool:
        with contextlib.suppress(httpx.HTTPError):
            client.SendTaskHeartbeat(SendTaskHeartbeatRequest())
        return True

    heartbeat = HeartbeatSender(send)
    heartbeat.start()
    return heartbeat


@dataclass(slots=True)
class Arrival:
    """A message whose objects are fetched one by one, without waiting for any."""

    client: RuntimeHttpClient
    node_id: int
    run_id: int
    tree: ObjectTree
    contents: dict[str, bytes] = field(default_factory=dict)

    def fetch(self) -> bool:
        """Get the parts that are missing, as far as they are there; whether none is missing.

        Raises:
            TransportError: when a part will never come.
        """
        for part in iterate_object_tree(self.tree):
            if part.object_id not in self.contents and not self._fetch_object(part.object_id):
                return False
        return True

    def take(self) -> Message:
        """The complete message; the sender's copy is dropped."""
        message_id = self.tree.object_id
        self.client.ConfirmMessageReceived(
            ConfirmMessageReceivedRequest(
                node=Node(node_id=self.node_id), run_id=self.run_id, message_object_id=message_id
            )
        )
        message = cast(Message, inflate_object_from_contents(message_id, self.contents))
        message.metadata.__dict__["_message_id"] = message_id
        return message

    def _fetch_object(self, object_id: str) -> bool:
        found = self.client.PullObject(
            PullObjectRequest(
                node=Node(node_id=self.node_id), run_id=self.run_id, object_id=object_id
            )
        )
        if not found.object_found:
            raise TransportError("a part of a message is gone; ask again")
        if found.object_available:
            self.contents[object_id] = bytes(found.object_content)
        return bool(found.object_available)


def wait_for_message(client: RuntimeHttpClient, node_id: int, run_id: int) -> Message:
    """The message of a client task: a SuperNode announces it before all of it is there.

    Raises:
        TransportError: when it does not come.
    """
    deadline = time.monotonic() + _MESSAGE_WAIT_S
    arrival: Arrival | None = None
    while time.monotonic() < deadline:
        if arrival is None:
            trees = client.PullMessages(PullAppMessagesRequest()).message_object_trees
            arrival = Arrival(client, node_id, run_id, trees[0]) if trees else None
        if arrival is not None and arrival.fetch():
            return arrival.take()
        time.sleep(0.1)
    raise TransportError(f"expected a message from the SuperNode within {_MESSAGE_WAIT_S:g} s")
