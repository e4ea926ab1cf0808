"""What a coordinator works with; built in `bootstrap`."""

from __future__ import annotations

from dataclasses import dataclass

from coordinator.home import CoordinatorHome
from zk0.config import NetworkManifest
from zk0.ports import BlobStore, Examiner, Ledger, RewardLedger
from zk0.provers import Provers


@dataclass(frozen=True, slots=True)
class Tools:
    """One network's ports, recipe and folder."""

    ledger: Ledger
    store: BlobStore
    provers: Provers
    examiner: Examiner
    manifest: NetworkManifest
    home: CoordinatorHome
    rewards: RewardLedger | None = None
    """None: no vault is known, and nobody is paid."""
    min_nodes: int | None = None
    """Nodes that must have joined before a round is opened; None: the quorum."""
    poll_s: float = 0.5
    block_wait_s: float = 30.0
    """How long to wait for a block before trying without it (a chain that mines on demand)."""
