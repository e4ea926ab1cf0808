"""What an audit works on: one round, and what earlier checks leave for later ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from auditor.frames import PublishedFrames
from coordinator.candidate import Weighted
from coordinator.examination import Examination
from coordinator.home import CoordinatorHome
from coordinator.tools import Tools
from coordinator.workspace import Workspace
from zk0.errors import BlobNotFoundError
from zk0.ports import Cid, Examiner, Ledger
from zk0.protocol.challenge import Challenge
from zk0.protocol.round import Round, Rules
from zk0.protocol.statement import Address

MakeExaminer = Callable[[PublishedFrames], Examiner]


@dataclass(frozen=True, slots=True)
class Claim:
    """What the report alone says of a contribution."""

    cid: Cid
    """Of its update."""
    exact_share_nano: int | None


@dataclass
class Case:
    """A check reads only what the checks that it needs have set."""

    tools: Tools
    """Their home is the auditor's own folder; their examiner is replaced in `workspace`."""
    round_: Round
    rules: Rules
    make_examiner: MakeExaminer | None
    """None leaves out what needs the policy."""
    report: dict[str, Any] = field(init=False)
    frames_cid: Cid = field(init=False)
    claims: dict[Address, Claim] = field(init=False)
    frames: PublishedFrames | None = None
    """None where they could not be had."""
    workspace: Workspace = field(init=False)
    members: list[Weighted] = field(init=False)
    challenge: Challenge = field(init=False)
    examination: Examination = field(init=False)
    shares: dict[Address, int] = field(init=False)

    @property
    def ledger(self) -> Ledger:
        return self.tools.ledger

    @property
    def home(self) -> CoordinatorHome:
        return self.tools.home

    def fetch(self, cid: Cid, path: Path, what: str) -> Path:
        """Raises StorageError, also where the store gives something else than the CID says."""
        try:
            self.tools.store.get(cid, path)
        except BlobNotFoundError as error:
            raise BlobNotFoundError(
                f"{what} ({cid}) cannot be had: {error}; give a --store that has it"
            ) from error
        return path
