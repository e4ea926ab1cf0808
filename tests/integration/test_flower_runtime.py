"""What zk0 relies on in Flower 1.41, with a real SuperLink and real SuperNodes.

One SuperLink and two nodes serve all tests of this file.
"""

from __future__ import annotations

import hashlib
import os
import re
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
from flwr.common.serde import fab_to_proto
from flwr.proto.control_pb2 import ListRunsRequest, StartRunRequest
from flwr.supercore.fab import Fab

from tests.integration.flower_echo_node import app as echo_app
from zk0.errors import TransportError
from zk0.learning.flower_bundle import BUNDLE, BUNDLE_DIGEST, build_bundle
from zk0.learning.flower_fleet import FlowerFleet, open_fleet
from zk0.learning.flower_keys import (
    compute_public_key_bytes,
    load_or_create_certificates,
    load_or_create_node_key,
)
from zk0.learning.flower_node import SuperNodeRuntime
from zk0.learning.flower_process import (
    find_free_port,
    read_last_words,
    start_command,
    stop_process,
)
from zk0.learning.flower_runtime import (
    ClientTasks,
    is_superlink_reachable,
    register_node,
    validate_flower_version,
)
from zk0.learning.flower_superlink import SuperLinkProcess, start_superlink
from zk0.learning.flower_wire import SuperLinkEndpoint, open_control
from zk0.ports import Parcel, Reply

ECHO_NODE = Path(__file__).with_name("flower_echo_node.py")
ANSWER_S = 90.0


@dataclass(slots=True)
class ProcessNode:
    """A node in a process of its own, which can be killed."""

    folder: Path
    endpoint: SuperLinkEndpoint
    process: subprocess.Popen[bytes] | None = None

    @property
    def node_key(self) -> bytes:
        return compute_public_key_bytes(load_or_create_node_key(self.folder / "node_key"))

    def start(self) -> None:
        self.folder.mkdir(exist_ok=True)
        arguments = [self.endpoint.address, self.endpoint.ca, self.folder / "node_key", self.folder]
        with (self.folder / "node.log").open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, str(ECHO_NODE), *map(str, arguments)],
                stdout=output,
                stderr=output,
                env={**os.environ, "PYTHONPATH": str(ECHO_NODE.parents[2])},
            )

    def end(self, how: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(how)
        self.process.wait(30)


class ThreadNode:
    """A node in a thread of this process: it shares the imports."""

    def __init__(self, folder: Path, endpoint: SuperLinkEndpoint) -> None:
        self.folder = folder
        self.runtime = SuperNodeRuntime(endpoint, folder / "node_key", folder, echo_app)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self.runtime.serve, args=(self._stopping.is_set,))

    @property
    def node_key(self) -> bytes:
        return self.runtime.node_key

    @property
    def log(self) -> str:
        path = self.folder / "supernode.log"
        return path.read_text() if path.exists() else ""

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()
        self.runtime.stop()


@dataclass(slots=True)
class Network:
    folder: Path
    superlink: SuperLinkProcess
    process_node: ProcessNode
    thread_node: ThreadNode

    @property
    def endpoint(self) -> SuperLinkEndpoint:
        return self.superlink.endpoint

    @property
    def node_keys(self) -> list[bytes]:
        return [self.process_node.node_key, self.thread_node.node_key]


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


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    folder = tmp_path_factory.mktemp("flower")
    superlink = start_superlink(folder / "superlink")
    network = Network(
        folder,
        superlink,
        ProcessNode(folder / "process", superlink.endpoint),
        ThreadNode(folder / "thread", superlink.endpoint),
    )
    network.process_node.start()
    network.thread_node.start()
    try:
        wait_until((folder / "process" / "node_key").exists, "the node's key")
        for node_key in network.node_keys:
            register_node(superlink.endpoint, node_key)
            register_node(superlink.endpoint, node_key)
        yield network
    finally:
        network.process_node.end(signal.SIGTERM)
        network.thread_node.stop()
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


def test_unregistered_nodes_are_not_admitted_and_cannot_register_themselves(
    network: Network,
) -> None:
    stranger = ThreadNode(network.folder / "stranger", network.endpoint)
    stranger.start()
    log = network.folder / "keyless.log"
    arguments = [
        f"--superlink={network.endpoint.address}",
        f"--root-certificates={network.endpoint.ca}",
        "--isolation=process",
        f"--port={find_free_port('127.0.0.1')}",
    ]
    keyless = start_command("flower-supernode", arguments, log)
    try:
        wait_until(lambda: "Failed to initialize" in stranger.log, "the stranger's refusal")
        wait_until(lambda: keyless.poll() is not None, "the keyless node's end")
        with open_fleet(network.endpoint) as fleet:
            assert set(fleet.get_nodes()) == set(network.node_keys)
            answers = ask(fleet, "train", {stranger.node_key: Parcel({})}, timeout_s=2)
    finally:
        stranger.stop()
        stop_process(keyless)
    assert "it was not connected" in answers.error(stranger.node_key)
    assert "Failed to initialize" in read_last_words(log)


def test_tasks_of_a_supernode_are_for_those_who_know_its_secret(network: Network) -> None:
    wait_until(lambda: "running on http://" in network.thread_node.log, "the SuperNode's port")
    address = re.findall(r"running on http://(\S+)", network.thread_node.log)[-1]
    tasks = ClientTasks(address, b"another secret")
    with pytest.raises(TransportError, match="refused"):
        tasks.claim()
    tasks.close()


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


def test_run_that_a_killed_coordinator_left_unclaimed_is_no_obstacle(network: Network) -> None:
    with open_control(network.endpoint) as control:
        fab = fab_to_proto(Fab(BUNDLE_DIGEST, BUNDLE, {}))
        left = control.StartRun(StartRunRequest(fab=fab)).run_id
        with open_fleet(network.endpoint) as fleet:
            assert set(fleet.get_nodes()) <= set(network.node_keys)
        run = control.ListRuns(ListRunsRequest(run_id=left)).run_dict[left]
    assert run.status.status == "finished"


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


def test_supernode_that_ends_is_started_again(network: Network) -> None:
    first = network.thread_node.runtime.pid
    assert first is not None
    os.kill(first, signal.SIGTERM)
    wait_until(
        lambda: network.thread_node.runtime.pid not in (None, first), "another SuperNode", 20
    )
    with open_fleet(network.endpoint) as fleet:
        answers = ask(fleet, "train", {network.thread_node.node_key: Parcel({"still": "here"})})
    assert answers.parcel(network.thread_node.node_key).fields == {"still": "here"}


def ask_while(
    network: Network, name: str, node_key: bytes, disturb: Callable[[Path], None]
) -> Answers:
    """Ask a node to prove, which it does once it is released; disturb it while it is at work."""
    started, release = network.folder / f"{name}-started", network.folder / f"{name}-release"

    def run() -> None:
        wait_until(started.exists, "the first message")
        disturb(release)

    disturbing = threading.Thread(target=run)
    disturbing.start()
    try:
        with open_fleet(network.endpoint) as fleet:
            parcel = Parcel({"started": str(started), "release": str(release)})
            return ask(fleet, "prove", {node_key: parcel})
    finally:
        disturbing.join()


def test_node_killed_at_work_is_asked_again_when_it_is_back(network: Network) -> None:
    node = network.process_node

    def kill_and_start_again(release: Path) -> None:
        node.end(signal.SIGKILL)
        node.start()

    answers = ask_while(network, "node", node.node_key, kill_and_start_again)
    assert "node-started" in str(answers.parcel(node.node_key).fields["started"])


def test_superlink_killed_during_a_run_goes_on_with_it(network: Network) -> None:
    address = network.endpoint.address

    def kill_and_start_again(release: Path) -> None:
        network.superlink.process.kill()
        network.superlink.process.wait()
        assert not is_superlink_reachable(network.endpoint)
        network.superlink = start_superlink(network.folder / "superlink")
        release.touch()

    node_key = network.thread_node.node_key
    answers = ask_while(network, "superlink", node_key, kill_and_start_again)
    assert network.endpoint.address == address
    assert "superlink-started" in str(answers.parcel(node_key).fields["started"])


def test_superlink_started_again_knows_its_nodes_and_starts_another_run(network: Network) -> None:
    with open_fleet(network.endpoint) as fleet:
        answers = ask(fleet, "train", same_for(network.node_keys, Parcel({"after": "restart"})))
    for node_key in network.node_keys:
        assert answers.parcel(node_key).fields == {"after": "restart"}


def test_second_superlink_in_the_same_place_is_refused(network: Network) -> None:
    with pytest.raises(TransportError, match=r"answers at .* already"):
        start_superlink(network.folder / "superlink")


def test_superlink_is_not_reachable_with_another_authority(
    network: Network, tmp_path: Path
) -> None:
    other = load_or_create_certificates(tmp_path, "127.0.0.1")
    assert is_superlink_reachable(network.endpoint)
    assert not is_superlink_reachable(SuperLinkEndpoint(network.endpoint.address, other.ca))
