"""Flower's commands as child processes: started, watched, ended by their pid."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from zk0.errors import TransportError
from zk0.interrupts import hold_interrupts

SETTINGS = {
    "FLWR_TELEMETRY_ENABLED": "0",
    "FLWR_DISABLE_UPDATE_CHECK": "1",
    "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
    "PYTHONUNBUFFERED": "1",
}
"""Nothing is reported, looked up or installed behind the operator's back."""

ARENAS = {"MALLOC_ARENA_MAX": "2"}
"""Unless set otherwise: one for each of a SuperNode's threads costs 10 MB."""

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")

STOP_GRACE_S = 10.0
MAX_BACK_OFF_S = 30.0
STEADY_AFTER_S = 60.0
"""A child that lived this long has recovered: the next restart is immediate again."""


def find_command(name: str) -> Path:
    """A command of the environment that this process runs in.

    Raises:
        TransportError: when it is not installed there.
    """
    command = Path(sys.executable).parent / name
    if not command.exists():
        raise TransportError(
            f"expected {command}; install zk0 with its dependencies (scripts/setup)"
        )
    return command


def find_free_port(host: str) -> int:
    """A port on `host` that nobody listens on now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def start_command(name: str, arguments: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """Start one of Flower's commands; its output is appended to `log`.

    It is in a session of its own, so that Ctrl-C reaches it through its parent and in order.
    """
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # -P: the folders of the child's script and of the caller hold modules of other names.
    watcher = Path(__file__).with_name("flower_child.py")
    command = [sys.executable, "-P", str(watcher), str(os.getpid())]
    command += [str(find_command(name)), *arguments]
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**ARENAS, **os.environ, **SETTINGS},
            start_new_session=True,
        )


def stop_process(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end, then end it."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_GRACE_S)
    if process.poll() is None:
        process.kill()
    process.wait()


def read_last_words(log: Path) -> str:
    """Why a command ended, as far as its log since its last start says so."""
    if not log.exists():
        return "nothing was logged"
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - 8192))
        text = _COLOUR.sub("", stream.read().decode(errors="replace"))
    lines = [line.strip() for line in text.rpartition("Starting Flower")[2].splitlines()]
    lines = [line for line in lines if line]
    errors = [number for number, line in enumerate(lines) if line.startswith("ERROR")]
    last = lines[errors[-1] : errors[-1] + 3] if errors else lines[-1:]
    return " ".join(last)[:300] or "nothing was logged"


@dataclass(slots=True)
class SupervisedCommand:
    """A command that is started again when it ends, later each time it fails soon."""

    name: str
    log: Path
    compute_arguments: Callable[[], Sequence[str]]
    """Called before each start."""
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0
    _started_at: float = 0.0
    _retry_at: float = 0.0
    _back_off_s: float = field(default=1.0)

    def ensure_running(self) -> bool:
        """Start it if it is not running and its time has come; whether it runs.

        Raises:
            TransportError: when the command is not installed.
        """
        now = time.monotonic()
        if self.process is not None:
            if self.process.poll() is None:
                return True
            self.process = None
            if now - self._started_at > STEADY_AFTER_S:
                self._back_off_s = 1.0
            self._retry_at = now + self._back_off_s
            self._back_off_s = min(2 * self._back_off_s, MAX_BACK_OFF_S)
        if now < self._retry_at:
            return False
        arguments = self.compute_arguments()
        with hold_interrupts():
            self.process = start_command(self.name, arguments, self.log)
        self.starts += 1
        self._started_at = now
        return True

    def stop(self) -> None:
        """End it, and do not start it again."""
        if self.process is not None:
            stop_process(self.process)
            self.process = None
