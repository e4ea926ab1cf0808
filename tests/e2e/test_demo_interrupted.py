"""The demo ended from outside: by Ctrl-C in the middle of training, by SIGTERM at its start."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.leftovers import list_processes

ROOT = Path(__file__).parents[2]
WAIT_S = 720.0
"""The slowest start seen on a machine with other work took over four minutes."""
STOP_S = 60.0


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("number", "line", "process_count"),
    [
        (signal.SIGINT, "round 1: training", 6),
        (signal.SIGTERM, "registry", 2),
    ],
)
def test_an_interrupted_demo_leaves_no_process(
    tmp_path: Path, number: signal.Signals, line: str, process_count: int
) -> None:
    log = tmp_path / "demo.log"
    with log.open("wb") as out:
        demo = subprocess.Popen(
            [sys.executable, "scripts/demo.py", "--outputs", tmp_path / "outputs"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            start_new_session=True,
        )
    try:
        end = time.monotonic() + WAIT_S
        while line not in log.read_text() and time.monotonic() < end:
            assert demo.poll() is None, log.read_text()
            time.sleep(0.1)
        assert line in log.read_text()
        assert len(list_processes(tmp_path)) >= process_count
        demo.send_signal(number)
        assert demo.wait(STOP_S) == 130
    finally:
        demo.kill()
        left = list_processes(tmp_path)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
    assert left == {}
    assert "Traceback" not in log.read_text()
