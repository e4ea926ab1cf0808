"""The demo's children: started in sessions of their own, logged, ended by their ids."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

STOP_S = 20.0
ALL = "all.jsonl"
"""The log that all children share, beside their own."""


def find_program(name: str) -> str:
    """A console script of this environment."""
    return str(Path(sys.executable).parent / name)


class Child:
    """One process; its stderr goes to a log file and, line by line, to `show`."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        show: Callable[[str, str], None],
        stdout: Path | None = None,
    ) -> None:
        self.name = name
        self._output = stdout.open("wb") if stdout else None
        self._process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=self._output or subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={"ZK0_LOG": str(log.with_name(ALL)), **os.environ, "OMP_NUM_THREADS": "1"},
            start_new_session=True,
        )
        self._log = log.open("w")
        self._reader = threading.Thread(target=self._read, args=(show,), daemon=True)
        self._reader.start()

    def _read(self, show: Callable[[str, str], None]) -> None:
        stream: IO[bytes] | None = self._process.stderr
        if stream is None:
            return
        for raw in stream:
            line = raw.decode(errors="replace").rstrip()
            self._log.write(line + "\n")
            self._log.flush()
            show(self.name, line)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        return self._process.poll()

    def kill(self) -> None:
        """End it without warning, as a crash would."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._close()

    def stop(self) -> None:
        """Ask it to end, wait, and kill its whole session if it does not."""
        if self._process.poll() is None:
            self._process.terminate()
            end = time.monotonic() + STOP_S
            while self._process.poll() is None and time.monotonic() < end:
                time.sleep(0.05)
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._close()

    def _close(self) -> None:
        self._reader.join(timeout=5)
        self._log.close()
        if self._output:
            self._output.close()
