"""One structured log for all processes of a machine: a JSON object a line.

Modules log with the standard library, as LeRobot and Flower do; `route_records` hands what
arrives at the root logger to loguru, which writes it for people on the console. `ZK0_LOG=FILE`
adds the shared log in every zk0 process that inherits it. loguru's own files are not safe to
rotate for processes that were started one by one (`docs/decisions/0007-shared-log.md`), so
the sink is ours: lines never mix, and the file is rotated under a lock that all processes take.
"""

from __future__ import annotations

import fcntl
import functools
import json
import logging
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from zk0.errors import ConfigError

if TYPE_CHECKING:
    from loguru import Message, Record

VARIABLE = "ZK0_LOG"
MAX_BYTES = 10_000_000
KEPT = 5
"""Older files: FILE.1 is the newest of them."""
CONSOLE_FORMAT = "<dim>{time:HH:mm:ss}</dim> <level>{level: <7}</level> {message}"

_identity: dict[str, str | None] = {"process": None, "node": None}


def identify(node: str) -> None:
    """Whose lines this process writes from now on: a wallet's address."""
    _identity["node"] = node


def format_line(record: Record) -> str:
    """time (UTC), level, process, pid, node, logger, message, and error with its traceback."""
    entry = {
        "time": record["time"].astimezone(UTC).isoformat(timespec="milliseconds"),
        "level": record["level"].name,
        "process": _identity["process"] or Path(sys.argv[0]).name,
        "pid": record["process"].id,
        "node": _identity["node"],
        "logger": record["name"],
        "message": record["message"],
    }
    if record["exception"] is not None:
        entry["error"] = "".join(traceback.format_exception(record["exception"].value)).rstrip()
    return json.dumps(entry, ensure_ascii=False)


class SharedFile:
    """A sink for loguru: appends to a file that other processes append to, too, and rotates it."""

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES, kept: int = KEPT) -> None:
        """Raises ConfigError when the file cannot be written."""
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

    def write(self, message: Message) -> None:
        """One line. loguru reports an OSError on stderr: a full disk must not end a round."""
        line = (format_line(message.record) + "\n").encode()
        with self._locked():
            self._rotate(len(line))
            with self._path.open("ab") as stream:
                stream.write(line)

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


class LoguruHandler(logging.Handler):
    """Hands the standard library's records to loguru, under their own logger's name."""

    def emit(self, record: logging.LogRecord) -> None:
        from loguru import logger

        def rename(entry: Record) -> None:
            entry["name"] = record.name

        known = record.levelname in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
        level = record.levelname if known else record.levelno
        logger.patch(rename).opt(exception=record.exc_info).log(level, record.getMessage())


def route_records(console: TextIO | None, shared: SharedFile | None) -> logging.Handler:
    """Let loguru write to these; returns the root logger's handler.

    Tracebacks without the values of variables (`diagnose`): a key or a password may be one.
    """
    from loguru import logger

    logger.remove()
    add = functools.partial(logger.add, level=0, backtrace=False, diagnose=False)
    if console is not None:
        # Not loguru's own choice, which colours what goes into a file on some CI services.
        colours = console.isatty() and not os.environ.get("NO_COLOR")
        add(console, format=CONSOLE_FORMAT, colorize=colours)
    if shared is not None:
        add(shared, format="{message}")
    return LoguruHandler()


def open_shared_log() -> SharedFile | None:
    """The file that `ZK0_LOG` asks for; None when it is not set. Raises ConfigError."""
    path = os.environ.get(VARIABLE)
    if not path:
        return None
    _identity["process"] = Path(sys.argv[0]).name
    return SharedFile(Path(path).expanduser())
