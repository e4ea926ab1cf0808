"""The node's Flower ClientApp: each message goes to the runner, its answer goes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flwr.app import Message
from flwr.clientapp import ClientApp

from zk0.learning.flower_parcel import pack_parcel, unpack_parcel

if TYPE_CHECKING:
    from flwr.app import Context

    from node.runner import NodeRunner


def make_client_app(runner: NodeRunner) -> ClientApp:
    """A ClientApp that answers zk0's messages with `runner`."""
    app = ClientApp()

    def answer(kind: str, message: Message) -> Message:
        parcel = runner.handle(kind, unpack_parcel(message.content))
        return Message(pack_parcel(parcel), reply_to=message)

    @app.train()  # type: ignore[untyped-decorator]
    def train(message: Message, context: Context) -> Message:
        return answer("train", message)

    @app.query("upload")  # type: ignore[untyped-decorator]
    def upload(message: Message, context: Context) -> Message:
        return answer("upload", message)

    @app.query("receipt")  # type: ignore[untyped-decorator]
    def receipt(message: Message, context: Context) -> Message:
        return answer("receipt", message)

    @app.query("prove")  # type: ignore[untyped-decorator]
    def prove(message: Message, context: Context) -> Message:
        return answer("prove", message)

    return app
