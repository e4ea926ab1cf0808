"""The round report: canonical JSON from which anyone can repeat the round."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from coordinator.settlement import Settlement
from zk0.config import NetworkManifest
from zk0.ports import Cid, Network
from zk0.protocol.canonical import encode_canonical
from zk0.protocol.challenge import Challenge
from zk0.protocol.contribution import Contribution
from zk0.protocol.round import Round, Rules
from zk0.protocol.statement import Address, Digest

VERSION = 1
PACKAGES = ("zk0", "numpy", "torch", "lerobot", "flwr", "ezkl")


def describe_contribution(
    entry: Contribution,
    task: str,
    cid: Cid | None,
    exact_share_nano: int | None,
    share_error_nano: int | None,
    *,
    harmful: bool,
) -> dict[str, Any]:
    """One contribution as the report has it; `harmful`: the gate leaves it out."""
    outcome = "Harmful" if harmful else entry.outcome.label
    return {
        "alignment_bps": entry.alignment_bps,
        "cid": cid,
        "clip_shift": entry.clip_shift,
        "digest": entry.digest.hex(),
        "exact_share_nano": exact_share_nano,
        "exponent": entry.exponent,
        "node": entry.node,
        "num_examples": entry.num_examples,
        "outcome": "NotProven" if outcome == "None" else outcome,
        "reason": entry.missing.label,
        "share_error_nano": share_error_nano,
        "share_nano": entry.share_nano,
        "task": task,
        "weight": entry.weight,
    }


def compute_completeness(
    round_: Round, exact_shares: Mapping[Address, int], history_share: int
) -> dict[str, int]:
    """How the sum of exact shares, and of what the server state adds, compares with the
    measured drop, nano-loss."""
    return {
        "drop_nano": round_.base_loss_nano - round_.candidate_loss_nano,
        "history_nano": history_share,
        "sum_of_shares_nano": sum(exact_shares.values()),
    }


def write_report(
    *,
    network: Network,
    rules: Rules,
    manifest: NetworkManifest,
    round_: Round,
    challenge: Challenge,
    challenge_cid: Cid,
    frames_cid: Cid,
    update_cids: Mapping[Address, Cid],
    exact_shares: Mapping[Address, int],
    history_share: int,
    share_errors: Mapping[Address, int],
    settlement: Settlement,
    checkpoint_cid: Cid,
    state: tuple[Digest, Cid] | None,
    pool_losses: Mapping[str, int],
) -> bytes:
    """The report's canonical bytes. Losses and shares are nano-loss integers."""
    contributions = [
        describe_contribution(
            entry,
            network.tasks[entry.task],
            update_cids.get(entry.node),
            exact_shares.get(entry.node),
            share_errors.get(entry.node),
            harmful=entry.node in settlement.harmful,
        )
        for entry in round_.contributions
    ]
    return encode_canonical(
        {
            "base": round_.base.hex(),
            "candidate": round_.candidate.hex(),
            "chain_id": network.chain_id,
            "challenge": {
                "cid": challenge_cid,
                "digest": round_.challenge.hex(),
                "frames_cid": frames_cid,
                "seed": round_.challenge_seed.hex(),
                "unit": round_.unit,
            },
            "checkpoint": {
                "cid": checkpoint_cid,
                "digest": settlement.checkpoint.hex(),
                "parent": round_.base.hex(),
                "state": {"cid": state[1], "digest": state[0].hex()} if state else None,
            },
            "circuit_id": rules.circuit_id.hex(),
            "completeness": compute_completeness(round_, exact_shares, history_share),
            "contributions": contributions,
            "kind": "report",
            "losses_nano": {
                "aggregate": settlement.aggregate_loss_nano,
                "base": round_.base_loss_nano,
                "candidate": round_.candidate_loss_nano,
                "final": settlement.final_loss_nano,
                "per_task": {
                    "base": dict(challenge.base_loss_nano),
                    "candidate": dict(challenge.candidate_loss_nano),
                    "final": dict(settlement.final_losses),
                },
            },
            "manifest": manifest.digest.hex(),
            "parameters": asdict(rules.parameters),
            "parameters_version": rules.version,
            "pool_losses_nano": dict(pool_losses),
            "registry": network.registry,
            "round": round_.round_id,
            "sample_seed": round_.sample_seed.hex(),
            "strategy": {
                "combination": manifest.combination.model_dump(),
                "server_rule": manifest.server_rule.model_dump(),
            },
            "total_weight": round_.total_weight,
            "version": VERSION,
            "versions": {package: version(package) for package in PACKAGES},
        }
    )
