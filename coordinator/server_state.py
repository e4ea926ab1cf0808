"""The server state that a round starts from: the one that its base checkpoint names."""

from __future__ import annotations

import json
from pathlib import Path

from coordinator.home import get_state_file
from coordinator.tools import Tools
from zk0.errors import CheckpointError, StorageError
from zk0.ports import Cid
from zk0.protocol.checkpoint import Checkpoint
from zk0.protocol.statement import Digest
from zk0.protocol.strategies import ServerState, read_server_state
from zk0.protocol.tensorfile import compute_file_digest


def load_server_state(tools: Tools, base: Checkpoint) -> ServerState:
    """The state beside `base`, from this machine or from the store.

    Raises:
        CheckpointError: the base was made by another strategy than the manifest's, or the
            state is not the one that the base names.
        StorageError: it is nowhere to be had.
    """
    strategy, named, round_id = tools.manifest.strategy, base.metadata.state, base.metadata.round_id
    rule = tools.manifest.server_rule.name
    if not strategy.has_state:
        if named is not None:
            raise CheckpointError(
                f"the base checkpoint of round {round_id} names server state {named.hex()}, the "
                f"network's strategy {rule} keeps none; use the manifest that belongs to it"
            )
        return ServerState({})
    if named is None:
        if round_id != 0:
            raise CheckpointError(
                f"the base checkpoint of round {round_id} names no server state, the network's "
                f"strategy {rule} needs one; use the manifest that belongs to it"
            )
        return strategy.make_initial_state(base.layout)
    path = get_state_file(tools.home.checkpoint_file(round_id))
    if not path.exists() or compute_file_digest(path) != named:
        _fetch(tools, round_id, named, path)
    return read_server_state(path, named, strategy.rule, base.layout)


def _fetch(tools: Tools, round_id: int, named: Digest, path: Path) -> None:
    """By the CID in the report of the round that made it; the report's CID is on chain."""
    events = tools.ledger.get_events(round_id=round_id)
    report = next((e.args["reportCid"] for e in events if e.name == "RoundFinalized"), None)
    if report is None:
        raise StorageError(
            f"server state {named.hex()} is not in {path} and round {round_id} has no report on "
            "chain that says where it is; restore the file from a backup"
        )
    file = tools.home.report_file(round_id)
    tools.store.get(Cid(report), file)
    state = json.loads(file.read_bytes())["checkpoint"].get("state")
    if state is None or state["digest"] != named.hex():
        raise CheckpointError(
            f"round {round_id}: its checkpoint names server state {named.hex()}, its report "
            f"{state}; the report is wrong, restore the file {path} from a backup"
        )
    tools.store.get(Cid(state["cid"]), path)
