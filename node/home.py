"""Where a node keeps its own files: one folder per network, one per round."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from zk0.errors import StorageError
from zk0.protocol.statement import Address


@dataclass(frozen=True, slots=True)
class NodeHome:
    """Paths below a node's home folder; folders are made when asked for."""

    root: Path

    @classmethod
    def of(cls, root: Path, chain_id: int, registry: Address, node: Address) -> NodeHome:
        """The folder of one wallet in one network."""
        home = cls(root / f"{chain_id}-{registry}" / node)
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

    def update_file(self, round_id: int) -> Path:
        return self.round_folder(round_id) / "update.safetensors"

    def residual_file(self, round_id: int) -> Path:
        return self.round_folder(round_id) / "residual.safetensors"

    def receipt_file(self, round_id: int) -> Path:
        return self.round_folder(round_id) / "receipt.json"

    def find_residual(self, before_round: int) -> Path | None:
        """The newest earlier round's rounding residual."""
        folder = self.root / "rounds"
        if not folder.is_dir():
            return None
        rounds = sorted(int(p.name) for p in folder.iterdir() if p.name.isdigit())
        for round_id in reversed([r for r in rounds if r < before_round]):
            path = folder / str(round_id) / "residual.safetensors"
            if path.exists():
                return path
        return None

    @property
    def journal_file(self) -> Path:
        return self.root / "journal.jsonl"

    @property
    def key_file(self) -> Path:
        return self.root / "node-key.pem"

    @property
    def flower_folder(self) -> Path:
        return self.make(self.root / "flower")
