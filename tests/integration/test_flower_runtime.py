"""What zk0 relies on in Flower 1.41, with a real SuperLink and real SuperNodes.

One SuperLink, two registered nodes and a stranger serve all tests of this file, in order.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from zk0.errors import TransportError
from zk0.learning.flower_bundle import BUNDLE, build_bundle
from zk0.learning.flower_fleet import FlowerFleet, open_fleet
from zk0.learning.flower_keys import compute_public_key_bytes, load_or_create_node_key
from zk0.learning.flower_runtime import (
    SuperLinkEndpoint,
    is_superlink_reachable,
    register_node,
    validate_flower_version,
)
from zk0.learning.flower_superlink import SuperLinkProcess, start_superlink
from zk0.ports import Parcel, Reply

ECHO_NODE = Path(__file__).with_name("flower_echo_node.py")
ANSWER_S = 90.0


@dataclass(slots=True)
class EchoNode:
    """A node in a process of its own."""

    folder: Path
    endpoint: SuperLinkEndpoint
    process: subprocess.Popen[bytes] | None = None

    @property
    def key_path(self) -> Path:
        return self.folder / "node_key"

    @property
    def node_key(self) -> bytes:
        return compute_public_key_bytes(load_or_create_node_key(self.key_path))

    def start(self) -> None:
        arguments = [self.endpoint.address, str(self.endpoint.ca), str(self.key_path)]
        with (self.folder / "node.log").open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, str(ECHO_NODE), *arguments, str(self.folder)],
                stdout=output,
                stderr=output,
                env={**os.environ, "PYTHONPATH": str(ECHO_NODE.parents[2]), "OMP_NUM_THREADS": "1"},
            )

    def end(self, how: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(how)
        self.process.wait(30)


@dataclass(slots=True)
class Network:
    folder: Path
    superlink: SuperLinkProcess
    nodes: list[EchoNode]
    stranger: EchoNode

    @property
    def endpoint(self) -> SuperLinkEndpoint:
        return self.superlink.endpoint

    @property
    def node_keys(self) -> list[bytes]:
        return [node.node_key for node in self.nodes]


def find_processes(folder: Path) -> list[int]:
    """Processes that have `folder` in their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and str(folder).encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def wait_until(condition: Callable[[], bool], what: str, seconds: float = ANSWER_S) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"still waiting after {seconds} s: {what}"
        time.sleep(0.2)


def start_node(folder: Path, endpoint: SuperLinkEndpoint) -> EchoNode:
    folder.mkdir()
    node = EchoNode(folder, endpoint)
    load_or_create_node_key(node.key_path)
    node.start()
    return node


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    folder = tmp_path_factory.mktemp("flower")
    superlink = start_superlink(folder / "superlink")
    network = Network(folder, superlink, [], None)  # type: ignore[arg-type]  # set below
    try:
        network.nodes = [
            start_node(folder / name, superlink.endpoint) for name in ("first", "second")
        ]
        network.stranger = start_node(folder / "stranger", superlink.endpoint)
        for node_key in network.node_keys:
            register_node(superlink.endpoint, node_key)
            register_node(superlink.endpoint, node_key)
        yield network
    finally:
        for node in [*network.nodes, network.stranger]:
            if node is not None and node.process is not None and node.process.poll() is None:
                node.end(signal.SIGTERM)
        network.superlink.stop()
    wait_until(lambda: not find_processes(folder), "processes left behind", 20)


@dataclass(slots=True)
class Answers:
    """What nodes replied."""

    replies: dict[bytes, Reply] = field(default_factory=dict)

    def take(self, node_key: bytes, reply: Reply) -> None:
        assert node_key not in self.replies, "a node's answer is handed over once"
        self.replies[node_key] = reply

    def parcel(self, node_key: bytes) -> Parcel:
        reply = self.replies[node_key]
        assert isinstance(reply, Parcel), reply
        return reply

    def error(self, node_key: bytes) -> str:
        reply = self.replies[node_key]
        assert isinstance(reply, TransportError), reply
        return str(reply)


def ask(
    fleet: FlowerFleet, kind: str, parcels: Mapping[bytes, Parcel], timeout_s: float = ANSWER_S
) -> Answers:
    answers = Answers()
    fleet.ask(kind, parcels, timeout_s=timeout_s, on_reply=answers.take)
    return answers


def same_for(node_keys: Collection[bytes], parcel: Parcel) -> dict[bytes, Parcel]:
    return dict.fromkeys(node_keys, parcel)


def test_another_version_of_flower_is_refused() -> None:
    validate_flower_version()
    for version in ("1.40.0", "1.42.0", "2.0.0"):
        with pytest.raises(TransportError, match=f"expected Flower 1\\.41\\.\\*, found {version}"):
            validate_flower_version(version)


def test_registered_nodes_answer_with_megabytes_each_way(network: Network) -> None:
    rng = np.random.default_rng(0)
    parameters = rng.standard_normal(900_000).astype(np.float32)
    parcels = {
        node_key: Parcel(
            {"round": 7, "digest": bytes(32), "task": f"task-{number}", "loss": 0.5},
            {"base": parameters, "signs": np.array([[number, -1]], dtype=np.int8)},
        )
        for number, node_key in enumerate(network.node_keys, start=1)
    }
    with open_fleet(network.endpoint) as fleet:
        answers = ask(fleet, "train", parcels)
        assert set(fleet.get_nodes()) == set(network.node_keys)
    for node_key, asked in parcels.items():
        answer = answers.parcel(node_key)
        assert answer.fields == asked.fields
        for name, tensor in asked.tensors.items():
            assert answer.tensors[name].dtype == tensor.dtype
            np.testing.assert_array_equal(answer.tensors[name], -tensor)


def test_node_with_an_unregistered_key_is_not_admitted(network: Network) -> None:
    supernode_log = network.stranger.folder / "supernode.log"
    wait_until(
        lambda: supernode_log.exists() and "Failed to initialize" in supernode_log.read_text(),
        "the stranger's refusal",
    )
    with open_fleet(network.endpoint) as fleet:
        assert network.stranger.node_key not in fleet.get_nodes()
        answers = ask(fleet, "train", {network.stranger.node_key: Parcel({})}, timeout_s=2)
    assert "no answer" in answers.error(network.stranger.node_key)
    network.stranger.end(signal.SIGTERM)


def test_run_with_a_foreign_bundle_is_refused_by_the_node(network: Network) -> None:
    project = BUNDLE.decode(errors="replace")
    start = project.index("[project]")
    foreign = build_bundle(project[start : project.index("PK", start)].replace("1.0.0", "6.6.6"))
    with open_fleet(network.endpoint, foreign, hashlib.sha256(foreign).hexdigest()) as fleet:
        answers = ask(fleet, "train", same_for(network.node_keys, Parcel({})))
    for node_key in network.node_keys:
        assert "expected bundle" in answers.error(node_key)


def test_exception_in_the_app_is_an_error_reply_and_the_node_goes_on(network: Network) -> None:
    with open_fleet(network.endpoint) as fleet:
        answers = ask(fleet, "upload", same_for(network.node_keys, Parcel({})))
        for node_key in network.node_keys:
            assert "ArithmeticError: this upload always fails" in answers.error(node_key)
        answers = ask(fleet, "train", same_for(network.node_keys, Parcel({"again": 1})))
        for node_key in network.node_keys:
            assert answers.parcel(node_key).fields == {"again": 1}


def test_asking_ends_early_when_the_caller_is_done(network: Network) -> None:
    with open_fleet(network.endpoint) as fleet:
        answers = Answers()
        fleet.ask(
            "train",
            same_for(network.node_keys, Parcel({})),
            timeout_s=3600,
            on_reply=answers.take,
            is_done=lambda: len(answers.replies) == 1,
        )
    assert len(answers.replies) == 1


def test_node_killed_at_work_is_asked_again_when_it_is_back(network: Network) -> None:
    node = network.nodes[0]
    marker = network.folder / "proving"

    def kill_and_start_again() -> None:
        wait_until(marker.exists, "the first message")
        node.end(signal.SIGKILL)
        node.start()

    killer = threading.Thread(target=kill_and_start_again)
    killer.start()
    with open_fleet(network.endpoint) as fleet:
        answers = ask(fleet, "prove", {node.node_key: Parcel({"marker": str(marker)})})
    killer.join()
    assert answers.parcel(node.node_key).fields == {"marker": str(marker)}


def test_superlink_killed_at_work_keeps_its_nodes_and_starts_another_run(network: Network) -> None:
    with pytest.raises(TransportError, match=r"answers at .* already"):
        start_superlink(network.folder / "superlink")
    network.superlink.process.kill()
    network.superlink.process.wait()
    assert not is_superlink_reachable(network.endpoint)
    with pytest.raises(TransportError, match="cannot be reached"), open_fleet(network.endpoint):
        pass
    address = network.endpoint.address
    network.superlink = start_superlink(network.folder / "superlink")
    assert network.endpoint.address == address
    with open_fleet(network.endpoint) as fleet:
        answers = ask(fleet, "train", same_for(network.node_keys, Parcel({"after": "restart"})))
    for node_key in network.node_keys:
        assert answers.parcel(node_key).fields == {"after": "restart"}


def test_superlink_is_not_reachable_with_another_authority(
    network: Network, tmp_path: Path
) -> None:
    from zk0.learning.flower_keys import load_or_create_certificates

    other = load_or_create_certificates(tmp_path, "127.0.0.1")
    assert is_superlink_reachable(network.endpoint)
    assert not is_superlink_reachable(SuperLinkEndpoint(network.endpoint.address, other.ca))
