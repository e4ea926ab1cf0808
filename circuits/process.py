"""Run one EZKL step in a child process with a time limit."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from zk0.errors import ProverError, ProverTimeoutError

Verb = Literal["setup", "prove", "verify", "solidity"]
ARENAS = {"MALLOC_ARENA_MAX": "2"}
"""glibc's allocator gives each thread an arena, which costs a proof 15 MB and saves it nothing."""
_WORKER = str(Path(__file__).with_name("worker.py"))


def run_worker(verb: Verb, time_limit_s: float, **files: Path) -> None:
    """Run `verb` of `circuits/worker.py` on `files`; kill it when the time is up.

    Raises:
        ProverTimeoutError: it was killed after `time_limit_s` seconds.
        ProverError: EZKL refused or crashed; carries the end of what it said.
    """
    arguments = json.dumps({name: str(file) for name, file in files.items()})
    command = [sys.executable, "-P", _WORKER, verb, arguments, str(math.ceil(time_limit_s))]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**ARENAS, **os.environ, "RUST_LOG": "error"},
    )
    with process:
        try:
            _, said = process.communicate(timeout=time_limit_s)
        except subprocess.TimeoutExpired as expired:
            raise ProverTimeoutError(
                f"EZKL's {verb} did not end within {time_limit_s:g} s and was stopped: a key that "
                "does not belong to the circuit hangs for ever; if this machine is only slow, "
                "raise the time limit"
            ) from expired
        finally:
            process.kill()
    if process.returncode != 0:
        raise ProverError(
            f"EZKL's {verb} failed with exit code {process.returncode}: {_summarize(said)}"
        )


@contextmanager
def open_workspace() -> Iterator[Path]:
    """A temporary folder for the files that go to and from a worker.

    Raises:
        ProverError: they cannot be written or read (a full disk).
    """
    try:
        with tempfile.TemporaryDirectory(prefix="zk0-ezkl-") as name:
            yield Path(name)
    except OSError as error:
        raise ProverError(
            f"EZKL's files cannot be kept in {tempfile.gettempdir()} ({error.strerror}): make "
            "room, or set TMPDIR to a folder that has some"
        ) from error


def _summarize(said: bytes) -> str:
    """The last lines of the worker's stderr, in one line."""
    lines = [line.strip() for line in said.decode(errors="replace").splitlines() if line.strip()]
    return " | ".join(lines[-3:]) or "it said nothing"
