"""A machine's own record of the stages that it finished, for restart.

One JSON object a line, flushed to disk before the next stage begins. The chain stays the
truth: the journal says what this machine knows beyond it, never what the chain holds.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zk0.errors import JournalError


@dataclass(frozen=True, slots=True)
class Entry:
    """One finished stage of one round, with the block on which it was true."""

    round_id: int
    stage: str
    block_hash: str
    details: dict[str, Any]


class Journal:
    """An append-only file of entries.

    Raises:
        JournalError: a line other than the last is damaged, or the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._entries = list(self._read())

    def _read(self) -> Iterator[Entry]:
        if not self._path.exists():
            return
        lines = self._path.read_bytes().split(b"\n")
        for number, line in enumerate(lines, 1):
            if not line:
                continue
            try:
                yield Entry(**json.loads(line))
            except (ValueError, TypeError) as error:
                if number == len(lines):
                    # A crash in the middle of the last line: that stage did not finish.
                    self._drop_tail(len(line))
                    return
                raise JournalError(
                    f"{self._path}, line {number}: not a journal entry; move the file away to "
                    "start from what the chain says"
                ) from error

    def _drop_tail(self, size: int) -> None:
        with self._path.open("r+b") as file:
            file.truncate(self._path.stat().st_size - size)

    def record(self, round_id: int, stage: str, block_hash: bytes = b"", **details: Any) -> None:
        """Append one entry and wait until it is on disk. Raises JournalError."""
        entry = Entry(round_id, stage, block_hash.hex(), details)
        line = json.dumps(
            {
                "round_id": entry.round_id,
                "stage": entry.stage,
                "block_hash": entry.block_hash,
                "details": entry.details,
            }
        )
        try:
            with self._path.open("a") as file:
                file.write(line + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise JournalError(
                f"round {round_id}: cannot write {self._path} ({error.strerror}); "
                "free some space and start again, nothing is lost"
            ) from error
        self._entries.append(entry)

    def find(self, round_id: int, stage: str) -> Entry | None:
        """The newest entry of a stage."""
        found = (e for e in reversed(self._entries) if (e.round_id, e.stage) == (round_id, stage))
        return next(found, None)

    def find_all(self, round_id: int, stage: str) -> list[Entry]:
        """All entries of a stage, oldest first."""
        return [e for e in self._entries if (e.round_id, e.stage) == (round_id, stage)]
