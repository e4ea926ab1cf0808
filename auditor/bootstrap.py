"""Builds an auditor's real adapters: nothing of it signs, or trusts the coordinator."""

from __future__ import annotations

from auditor.audit import find_newest, run_audit
from auditor.case import MakeExaminer
from auditor.findings import Audit
from auditor.frames import PublishedFrames
from auditor.unmeasured import UnmeasuredExaminer
from circuits.catalog import get_circuit_by_id
from circuits.prover import EzklProver
from coordinator.bootstrap import load_network_policy
from coordinator.home import CoordinatorHome
from coordinator.tools import Tools
from zk0.bootstrap import open_ledger, open_manifest
from zk0.config import NetworkManifest
from zk0.console import NetworkOptions
from zk0.history import check_round
from zk0.ports import Examiner, Network
from zk0.protocol.parameters import ParameterLayout
from zk0.provers import Provers
from zk0.storage import open_store


def audit_round(options: NetworkOptions, round_id: int | None, *, measured: bool) -> Audit:
    """Audit one round, by default the newest finalized one, in a folder of its own below the home.

    Args:
        measured: also repeat losses, path gradient and gate, which needs the policy and torch.

    Raises:
        RoundError: it is not finalized, or none is. ConfigError: there is no such round.
        RpcUnavailableError, StorageError (the manifest cannot be had), CircuitError.
    """
    ledger = open_ledger(options)
    network = ledger.network
    count = ledger.get_round_count()
    check_round(round_id, count)
    if round_id is None:
        round_id = find_newest([ledger.get_round(number) for number in range(1, count + 1)])
    store = open_store(options.store)
    root = options.home / "audits"
    manifest = open_manifest(network, store, root)
    tools = Tools(
        ledger=ledger,
        store=store,
        provers=Provers(lambda circuit: EzklProver(get_circuit_by_id(circuit), network.chain_id)),
        examiner=UnmeasuredExaminer(ParameterLayout(()), {}),
        manifest=manifest,
        home=CoordinatorHome.of(root, network.chain_id, network.registry),
    )
    maker = _make_maker(manifest, network) if measured else None
    return run_audit(tools, round_id, maker)


def _make_maker(manifest: NetworkManifest, network: Network) -> MakeExaminer:
    def make(frames: PublishedFrames) -> Examiner:
        from zk0.learning.examination import PoolExaminer
        from zk0.learning.published import build_published_pool

        policy = load_network_policy(manifest, network)
        return PoolExaminer(policy, build_published_pool(frames.frames, frames.counts))

    return make
