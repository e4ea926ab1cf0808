"""A model hub on this machine."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from zk0.errors import StorageError


@dataclass
class FolderHub:
    """Keeps what was uploaded below `root`; `refuses` makes it fail as a hub can."""

    root: Path
    refuses: bool = False
    messages: list[str] = field(default_factory=list)

    def upload(self, folder: Path, repository: str, message: str) -> str:
        """Raises StorageError."""
        if self.refuses:
            raise StorageError(f"cannot push {folder} to the hub as {repository} (refused)")
        target = self.root / repository
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(folder, target)
        self.messages.append(message)
        return str(target)
