"""Checks of what a round published: report, frames, base, updates."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from auditor.case import Case, Claim
from auditor.findings import Refutation
from auditor.frames import read_frames
from auditor.unmeasured import UnmeasuredExaminer
from coordinator.report import describe_contribution
from coordinator.workspace import Workspace
from zk0.ports import Cid, Examiner
from zk0.protocol.checkpoint import read_checkpoint
from zk0.protocol.parameters import ParameterLayout
from zk0.protocol.randomness import draw_sample
from zk0.protocol.tensorfile import compute_file_digest
from zk0.protocol.update import read_update
from zk0.protocol.upload import validate_digest, validate_metadata


def check_report(case: Case) -> str:
    """The report is the one on chain, and its figures are the chain's."""
    events = case.ledger.get_events(round_id=case.round_.round_id)
    event = next(e for e in events if e.name == "RoundFinalized")
    path = case.home.report_file(case.round_.round_id)
    case.fetch(Cid(event.args["reportCid"]), path, "the report")
    digest = compute_file_digest(path)
    if digest != event.args["reportDigest"]:
        raise Refutation(f"the report's digest is {digest.hex()}, the chain says another")
    try:
        case.report = json.loads(path.read_bytes())
        case.frames_cid = Cid(str(case.report["challenge"]["frames_cid"]))
        case.claims = {c["node"]: _read_claim(c) for c in case.report["contributions"]}
        differing = sorted(_list_differences(case))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refutation(f"the report cannot be read: {error!r}") from error
    if differing:
        raise Refutation(f"the report says something else than the chain: {differing}")
    return f"SHA-256 {digest.hex()}, figures as on chain"


def _read_claim(entry: dict[str, Any]) -> Claim:
    cid, share = entry["cid"], entry["exact_share_nano"]
    return Claim(Cid(str(cid)), None if share is None else int(share))


def _list_differences(case: Case) -> list[str]:
    report, round_ = case.report, case.round_
    claimed = {
        "base": (report["base"], round_.base.hex()),
        "candidate": (report["candidate"], round_.candidate.hex()),
        "challenge": (report["challenge"]["digest"], round_.challenge.hex()),
        "unit": (report["challenge"]["unit"], round_.unit),
        "checkpoint": (report["checkpoint"]["digest"], round_.checkpoint.hex()),
        "aggregate loss": (report["losses_nano"]["aggregate"], round_.aggregate_loss_nano),
        "base loss": (report["losses_nano"]["base"], round_.base_loss_nano),
        "candidate loss": (report["losses_nano"]["candidate"], round_.candidate_loss_nano),
        "final loss": (report["losses_nano"]["final"], round_.final_loss_nano),
        "total weight": (report["total_weight"], round_.total_weight),
    }
    found: dict[str, dict[str, Any]] = {c["node"]: c for c in report["contributions"]}
    for entry in round_.contributions:
        mine = found[entry.node]
        chains = describe_contribution(
            entry, case.ledger.network.tasks[entry.task], None, None, None, harmful=False
        )
        for key in ("cid", "exact_share_nano", "share_error_nano"):  # which it alone says
            del chains[key]
        # A settled share is at most the loss that the round started from.
        bound = round_.base_loss_nano
        said = mine | {"share_nano": max(-bound, min(mine["share_nano"], bound))}
        claimed |= {f"{key} of {entry.node}": (said[key], true) for key, true in chains.items()}
    return [name for name, (said, true) in claimed.items() if said != true]


def check_frames(case: Case) -> str:
    """Every published frame is in the pool whose root the round was opened with."""
    path = case.home.frames_file(case.round_.round_id)
    case.fetch(case.frames_cid, path, "the frames")
    case.frames = read_frames(path, case.round_)
    root = case.round_.pool_root.hex()
    return f"{len(case.frames)} frames with Merkle paths to the root {root}"


def check_base(case: Case) -> str:
    """The base checkpoint can be had; from here on the policy's layout is known."""
    digest = case.round_.base
    path = case.home.base_file(digest.hex())
    if not path.exists() or compute_file_digest(path) != digest:
        case.fetch(case.ledger.get_checkpoint_cid(digest), path, "the base checkpoint")
    layout = read_checkpoint(path, digest).layout
    case.workspace = Workspace(replace(case.tools, examiner=_choose_examiner(case, layout)))
    case.workspace.get_base(case.round_)
    return f"SHA-256 {digest.hex()}, {layout.parameter_count} parameters"


def _choose_examiner(case: Case, layout: ParameterLayout) -> Examiner:
    """Over the published frames; without them, or the policy, one that measures nothing."""
    if case.make_examiner is None or case.frames is None:
        return UnmeasuredExaminer(layout, case.frames.counts if case.frames else {})
    return case.make_examiner(case.frames)


def check_updates(case: Case) -> str:
    """Each update that counts is the file that its node committed to, sample and all."""
    round_, network = case.round_, case.ledger.network
    layout = case.workspace.get_base(round_).layout
    prover = case.tools.provers.get(case.rules.circuit_id)
    indices = draw_sample(round_.sample_seed, prover.sample_size, network.parameter_count)
    for entry in round_.available:
        path = case.home.update_file(round_.round_id, entry.node)
        case.fetch(case.claims[entry.node].cid, path, f"the update of {entry.node}")
        validate_digest(compute_file_digest(path), entry)
        update = read_update(path, layout)
        validate_metadata(
            update.metadata.to_json(), round_, entry, network.chain_id, network.registry,
            case.tools.manifest.scope,
        )  # fmt: skip
        sample = layout.gather(update.digits, indices)
        if prover.compute_commitment(sample).key != entry.sample_key:
            raise Refutation(f"the sample that {entry.node} committed on chain is not its update's")
    case.members = case.workspace.get_members(round_)
    missing = [f"{c.node} ({c.missing.label})" for c in round_.contributions if c.missing]
    text = f"{len(case.members)} files with the digests and samples on chain"
    if missing:
        text += f"; missing by the coordinator's word: {', '.join(missing)}"
    return text
