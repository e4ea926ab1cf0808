"""Where a coordinator keeps its own files: one folder per network, one per round."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from zk0.errors import StorageError
from zk0.protocol.statement import Address


def get_state_file(checkpoint: Path) -> Path:
    """The server state beside a checkpoint's or candidate's file."""
    return checkpoint.with_name(f"{checkpoint.stem}-state.safetensors")


@dataclass(frozen=True, slots=True)
class CoordinatorHome:
    """Paths below a coordinator's home folder; folders are made when asked for."""

    root: Path

    @classmethod
    def of(cls, root: Path, chain_id: int, registry: Address) -> CoordinatorHome:
        home = cls(root / f"{chain_id}-{registry}")
        home.make(home.root)
        return home

    def make(self, folder: Path) -> Path:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"cannot create {folder}: {error.strerror}") from error
        return folder

    def round_folder(self, round_id: int) -> Path:
        return self.make(self.root / "rounds" / str(round_id))

    def update_file(self, round_id: int, node: Address) -> Path:
        folder = self.make(self.round_folder(round_id) / "updates")
        return folder / f"{node}.safetensors"

    def candidate_file(self, round_id: int) -> Path:
        return self.round_folder(round_id) / "candidate.safetensors"

    def checkpoint_file(self, round_id: int) -> Path:
        return self.round_folder(round_id) / "checkpoint.safetensors"

    def challenge_file(self, round_id: int) -> Path:
        return self.round_folder(round_id) / "challenge.safetensors"

    def frames_file(self, round_id: int) -> Path:
        return self.round_folder(round_id) / "frames.safetensors"

    def report_file(self, round_id: int) -> Path:
        return self.round_folder(round_id) / "report.json"

    def base_file(self, digest_hex: str) -> Path:
        return self.make(self.root / "checkpoints") / f"{digest_hex}.safetensors"

    @property
    def journal_file(self) -> Path:
        return self.root / "journal.jsonl"

    @property
    def manifest_file(self) -> Path:
        return self.root / "manifest.json"

    @property
    def flower_folder(self) -> Path:
        return self.make(self.root / "flower")
