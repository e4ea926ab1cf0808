"""An interrupt that comes while children are being started leaves none behind."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.leftovers import list_processes
from zk0.chain.devnet import start_devnet
from zk0.demo.fleet import DemoFleet
from zk0.interrupts import hold_interrupts
from zk0.learning.flower_superlink import start_superlink

INTERRUPTS = [signal.SIGINT, signal.SIGTERM]


@pytest.fixture(autouse=True)
def raising_handlers() -> Any:
    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    previous = {number: signal.signal(number, interrupt) for number in INTERRUPTS}
    yield
    for number, handler in previous.items():
        signal.signal(number, handler)


@pytest.fixture(params=INTERRUPTS)
def interrupted_start(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The signal arrives when a child has started and nobody has noted its id."""
    start = subprocess.Popen

    def start_then_interrupt(*args: Any, **kwargs: Any) -> Any:
        child = start(*args, **kwargs)
        os.kill(os.getpid(), request.param)
        return child

    monkeypatch.setattr(subprocess, "Popen", start_then_interrupt)


@pytest.mark.parametrize("number", INTERRUPTS)
def test_held_interrupts_take_effect_at_the_end_of_the_block(number: signal.Signals) -> None:
    reached = []

    def start_something() -> None:
        with hold_interrupts():
            os.kill(os.getpid(), number)
            reached.append("the end")

    with pytest.raises(KeyboardInterrupt):
        start_something()
    assert reached == ["the end"]


def test_handlers_are_put_back() -> None:
    before = [signal.getsignal(number) for number in INTERRUPTS]
    with hold_interrupts():
        assert [signal.getsignal(number) for number in INTERRUPTS] != before
    assert [signal.getsignal(number) for number in INTERRUPTS] == before


def test_a_thread_of_ones_own_is_left_alone() -> None:
    """Python handles signals in the main thread only, and lets only it set handlers."""
    done = []

    def hold() -> None:
        with hold_interrupts():
            done.append(True)

    thread = threading.Thread(target=hold)
    thread.start()
    thread.join()
    assert done == [True]


@pytest.mark.usefixtures("interrupted_start")
def test_a_demo_interrupted_while_it_starts_a_child_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "zk0.demo.fleet.find_program", lambda _name: str(tmp_path / "sleeping-node")
    )
    node = tmp_path / "sleeping-node"
    node.write_text(f"#!{sys.executable}\nimport time\ntime.sleep(600)\n")
    node.chmod(0o755)
    fleet = DemoFleet("http://127.0.0.1:1", tmp_path, tmp_path / "logs", lambda _name, _line: None)
    with pytest.raises(KeyboardInterrupt):
        fleet.start_node(1, "touch")
    assert len(list_processes(tmp_path)) == 1
    fleet.close()
    assert list_processes(tmp_path) == {}


@pytest.mark.usefixtures("interrupted_start")
def test_a_devnet_interrupted_at_its_start_ends_anvil(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        start_devnet(tmp_path)
    assert list_processes(tmp_path) == {}


@pytest.mark.usefixtures("interrupted_start")
def test_a_superlink_interrupted_at_its_start_is_ended(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        start_superlink(tmp_path)
    assert list_processes(tmp_path) == {}
