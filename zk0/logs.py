"""One structured log for all processes of a machine: a JSON object a line.

`ZK0_LOG=FILE` switches it on in every zk0 process that inherits it. Lines of several
processes never mix, and the file is rotated under a lock that all of them take.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from zk0.errors import ConfigError

VARIABLE = "ZK0_LOG"
MAX_BYTES = 10_000_000
KEPT = 5
"""Older files: FILE.1 is the newest of them."""

_identity: dict[str, str | None] = {"process": None, "node": None}


def identify(node: str) -> None:
    """Whose lines this process writes from now on: a wallet's address."""
    _identity["node"] = node


class JsonLines(logging.Formatter):
    """time (UTC), level, process, pid, node, logger, message, and error with its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "process": _identity["process"] or Path(sys.argv[0]).name,
            "pid": record.process,
            "node": _identity["node"],
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


class SharedFileHandler(logging.Handler):
    """Appends lines to a file that other processes append to, too, and rotates it."""

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES, kept: int = KEPT) -> None:
        """Raises ConfigError when the file cannot be written."""
        super().__init__()
        self._path = path
        self._lock_path = path.with_name(path.name + ".lock")
        self._max_bytes = max_bytes
        self._kept = kept
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with self._locked():
                path.touch()
        except OSError as error:
            raise ConfigError(
                f"cannot write the log {path} that {VARIABLE} names: {error.strerror or error}"
            ) from error

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = (self.format(record) + "\n").encode()
            with self._locked():
                self._rotate(len(line))
                with self._path.open("ab") as stream:
                    stream.write(line)
        except OSError:  # a full disk must not end a round
            self.handleError(record)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = os.open(self._lock_path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _rotate(self, coming: int) -> None:
        if not self._path.exists() or self._path.stat().st_size + coming <= self._max_bytes:
            return
        for number in range(self._kept - 1, 0, -1):
            older = self._numbered(number)
            if older.exists():
                older.replace(self._numbered(number + 1))
        self._path.replace(self._numbered(1))

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


def open_shared_log() -> logging.Handler | None:
    """The handler that `ZK0_LOG` asks for; None when it is not set. Raises ConfigError."""
    path = os.environ.get(VARIABLE)
    if not path:
        return None
    _identity["process"] = Path(sys.argv[0]).name
    handler = SharedFileHandler(Path(path).expanduser())
    handler.setFormatter(JsonLines())
    return handler
