"""A node for test_flower_runtime.py: answers until it is terminated.

python flower_echo_node.py ADDRESS CA KEY STATE_DIR
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from pathlib import Path

from flwr.app import Context, Message
from flwr.clientapp import ClientApp

from zk0.learning.flower_node import SuperNodeRuntime
from zk0.learning.flower_parcel import pack_parcel, unpack_parcel
from zk0.learning.flower_wire import SuperLinkEndpoint
from zk0.ports import Parcel

app = ClientApp()


@app.train()  # type: ignore[untyped-decorator]  # flwr's has no annotations
def train(message: Message, context: Context) -> Message:
    """Every tensor negated; the fields as they came."""
    parcel = unpack_parcel(message.content)
    negated = {name: -tensor for name, tensor in parcel.tensors.items()}
    return Message(pack_parcel(Parcel(parcel.fields, negated)), reply_to=message)


@app.query("upload")  # type: ignore[untyped-decorator]  # flwr's has no annotations
def upload(message: Message, context: Context) -> Message:
    """Fail."""
    raise ArithmeticError("this upload always fails")


@app.query("prove")  # type: ignore[untyped-decorator]  # flwr's has no annotations
def prove(message: Message, context: Context) -> Message:
    """The first time wait for the file `release`; the second time answer at once."""
    parcel = unpack_parcel(message.content)
    started, release = Path(str(parcel.fields["started"])), Path(str(parcel.fields["release"]))
    if not started.exists():
        started.touch()
        while not release.exists():
            time.sleep(0.1)
    return Message(pack_parcel(parcel), reply_to=message)


def main() -> None:
    """Serve until SIGTERM."""
    logging.basicConfig(level=logging.INFO)
    address, ca, key, state_dir = sys.argv[1:]
    node = SuperNodeRuntime(SuperLinkEndpoint(address, Path(ca)), Path(key), Path(state_dir), app)
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    try:
        node.serve(stopping.is_set)
    finally:
        node.stop()


if __name__ == "__main__":
    main()
