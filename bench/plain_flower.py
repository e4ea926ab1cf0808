"""Plain Flower rounds over the same connection, trainings and data as verified ones.

    python bench/plain_flower.py node ADDRESS CA FOLDER TASK
    python bench/plain_flower.py server ADDRESS_FILE FOLDER ROUNDS TASK…

For `bench/round_cost.py`. Both ends are as warm as zk0's own (`docs/flower.md`), so that only what
verification adds is left to compare: parameters out, local training, float32 parameters back,
Flower's mean. Nothing is committed, checked, measured or stored.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from zk0.learning.flower_keys import compute_public_key_bytes, load_or_create_node_key
from zk0.learning.flower_wire import SuperLinkEndpoint
from zk0.ports import Parcel, Reply, Tensors, TrainingResult

ANSWER_S = 1200.0
MANIFEST_CIRCUIT = "alignment-3840"


def get_key_file(folder: Path, task: str) -> Path:
    return folder / f"{task}.key"


def serve_node(address: str, ca: Path, folder: Path, task: str) -> None:
    """Train whenever it is asked to, until SIGTERM."""
    from flwr.app import Context, Message
    from flwr.clientapp import ClientApp

    from node.bootstrap import make_learner
    from zk0.learning.federation import choose_dataset
    from zk0.learning.flower_node import SuperNodeRuntime
    from zk0.learning.flower_parcel import pack_parcel, unpack_parcel
    from zk0.networks import TINY, make_devnet_manifest
    from zk0.protocol.checkpoint import read_checkpoint
    from zk0.protocol.parameters import ParameterLayout

    learner = make_learner(make_devnet_manifest(MANIFEST_CIRCUIT), choose_dataset(task))
    layout = ParameterLayout.of(read_checkpoint(TINY / "genesis.safetensors").tensors)
    app = ClientApp()

    @app.train()  # type: ignore[untyped-decorator]
    def train(message: Message, context: Context) -> Message:
        parcel = unpack_parcel(message.content)
        start = time.time()
        result = learner.train(
            layout.unflatten(parcel.tensors["flat"]), int(str(parcel.fields["seed"]))
        )
        fields: dict[str, Any] = {
            "start": start,
            "end": time.time(),
            "num_examples": result.num_examples,
        }
        answer = Parcel(fields, {"flat": layout.flatten(result.parameters)})
        return Message(pack_parcel(answer), reply_to=message)

    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    key = get_key_file(folder, task)
    node = SuperNodeRuntime(SuperLinkEndpoint(address, ca), key, folder / f"{task}.flower", app)
    try:
        node.serve(stopping.is_set)
    finally:
        node.stop()


def serve_rounds(address_file: Path, folder: Path, rounds: int, tasks: list[str]) -> None:
    """A line of JSON for each round: its start and end, and every node's training's."""
    from zk0.experiments.seeds import compute_training_seed
    from zk0.learning.flower_fleet import open_fleet
    from zk0.learning.flower_plain import aggregate_plainly
    from zk0.learning.flower_runtime import register_node
    from zk0.learning.flower_superlink import start_superlink
    from zk0.networks import TINY
    from zk0.protocol.checkpoint import read_checkpoint
    from zk0.protocol.parameters import ParameterLayout

    parameters: Tensors = read_checkpoint(TINY / "genesis.safetensors").tensors
    layout = ParameterLayout.of(parameters)
    keys = {
        compute_public_key_bytes(load_or_create_node_key(get_key_file(folder, task))): task
        for task in tasks
    }
    superlink = start_superlink(folder / "superlink")
    try:
        for key in keys:
            register_node(superlink.endpoint, key)
        written = address_file.with_suffix(".part")
        written.write_text(f"{superlink.endpoint.address}\n{superlink.endpoint.ca}\n")
        written.rename(address_file)
        with open_fleet(superlink.endpoint) as fleet:
            while set(fleet.get_nodes()) != set(keys):
                time.sleep(0.5)
            for round_id in range(1, rounds + 1):
                start = time.time()
                replies: dict[str, Parcel] = {}

                def take(key: bytes, reply: Reply, replies: dict[str, Parcel] = replies) -> None:
                    if isinstance(reply, Exception):
                        raise reply
                    replies[keys[key]] = reply

                questions = {
                    key: Parcel(
                        {"seed": compute_training_seed(0, round_id, task)},
                        {"flat": layout.flatten(parameters)},
                    )
                    for key, task in keys.items()
                }
                fleet.ask("train", questions, timeout_s=ANSWER_S, on_reply=take)
                received = time.time()
                parameters = aggregate_plainly(
                    [
                        TrainingResult(
                            parameters=layout.unflatten(reply.tensors["flat"]),
                            num_examples=int(str(reply.fields["num_examples"])),
                            loss_before=0.0,
                            loss_after=0.0,
                            seconds=0.0,
                        )
                        for reply in replies.values()
                    ]
                )
                spans = {
                    task: [reply.fields["start"], reply.fields["end"]]
                    for task, reply in replies.items()
                }
                line = {
                    "round": round_id,
                    "start": start,
                    "trainings": spans,
                    "received": received,
                    "end": time.time(),
                }
                print(json.dumps(line), flush=True)
    finally:
        superlink.stop()


def main() -> None:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    role, *rest = sys.argv[1:]
    if role == "node":
        address, ca, folder, task = rest
        serve_node(address, Path(ca), Path(folder), task)
    elif role == "server":
        address_file, folder, rounds, *tasks = rest
        serve_rounds(Path(address_file), Path(folder), int(rounds), tasks)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
