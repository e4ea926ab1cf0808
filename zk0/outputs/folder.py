"""Writes a run's folder; a file or model folder is there whole or not at all."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from zk0.errors import StorageError
from zk0.storage.files import PARTIAL_PREFIX, write_file

PARTS = ("server", "clients", "models", "evaluate")
HISTORY_FILE = "eval_mse_history.json"
CHART_FILE = "eval_mse_chart.png"


@dataclass(frozen=True, slots=True)
class OutputFolder:
    """`root` is the folder of one run."""

    root: Path

    @classmethod
    def open(cls, path: Path, now: datetime) -> Self:
        """`path` itself if it is a run's folder, to go on with it; else a new one below it.

        Raises:
            StorageError: it cannot be made.
        """
        is_run = (path / PARTS[0]).is_dir()
        folder = cls((path if is_run else path / now.strftime("%Y-%m-%d_%H-%M-%S")).resolve())
        for part in PARTS:
            folder._make(folder.root / part)
        return folder

    def write_round(self, round_id: int, summary: Mapping[str, Any], report: bytes) -> None:
        """What happened, and the report as it was published, byte for byte."""
        write_file(self.root / "server" / f"report_{round_id}.json", report)
        self.write_json(self.root / "server" / f"round_{round_id}.json", summary)

    def write_client(self, node: str, round_id: int, entry: Mapping[str, Any]) -> None:
        folder = self._make(self.root / "clients" / node)
        self.write_json(folder / f"round_{round_id}.json", entry)

    def get_evaluation_folder(self, round_id: int) -> Path:
        return self._make(self.root / "evaluate" / f"round_{round_id}")

    def get_model_folder(self, round_id: int) -> Path:
        """Where a round's model is, if it was saved."""
        return self.root / "models" / f"round_{round_id}"

    def write_model(self, round_id: int, save: Callable[[Path, Path], None]) -> Path:
        """Let `save(folder, final)` fill a folder that becomes `models/round_<N>` at the end.

        A model that is there already stays. Raises what `save` raises, and StorageError.
        """
        final = self.get_model_folder(round_id)
        if final.exists():
            return final
        partial = self._make(final.with_name(f"{PARTIAL_PREFIX}{secrets.token_hex(8)}"))
        try:
            save(partial, final)
            partial.rename(final)
        except OSError as error:
            raise _cannot_write(final, error) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return final

    def write_json(self, file: Path, content: Any) -> None:
        """Raises StorageError."""
        write_file(file, (json.dumps(content, indent=2) + "\n").encode())

    def _make(self, folder: Path) -> Path:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _cannot_write(folder, error) from error
        return folder


def _cannot_write(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"cannot write {path}: {error.strerror or error}; free some space or choose another "
        "folder with --outputs (what the round itself needs is below --home, nothing of it is lost)"
    )
