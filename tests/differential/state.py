"""What the registry's views must say about a chain in memory."""

from __future__ import annotations

from typing import Any

from tests.differential.recording import Recorder
from zk0.protocol.contribution import Contribution, Outcome
from zk0.protocol.faults import FaultHistory
from zk0.protocol.round import Phase, Round
from zk0.protocol.statement import Address
from zk0.testing.chain import NOBODY

PROVEN = (Outcome.ACCEPTED, Outcome.HARMFUL, Outcome.BELOW_THRESHOLD)
REGISTRY = "ContributionRegistry"
PAGE = 256


def view_round(recorder: Recorder, round_id: int) -> None:
    """A round and its contributions."""
    chain = recorder.chain
    round_ = chain.get_round(round_id)
    entries = [describe_contribution(c) for c in round_.contributions]
    recorder.view(REGISTRY, "round", (round_id,), (describe_round(recorder, round_),))
    recorder.view(REGISTRY, "contributionsOf", (round_id, 0, PAGE), (entries,))
    for task, key in enumerate(round_.task_keys):
        recorder.view(REGISTRY, "taskKey", (round_id, task), (key,))


def view_everything(recorder: Recorder, accounts: list[Address]) -> None:
    """All rounds, the head, and what everybody owes and has earned."""
    chain = recorder.chain
    recorder.view(REGISTRY, "roundCount", (), (len(chain.rounds),))
    recorder.view(REGISTRY, "head", (), (chain.head,))
    for round_id in range(len(chain.rounds) + 2):
        view_round(recorder, round_id)
        for node in accounts:
            recorder.view(
                REGISTRY, "credit", (round_id, node), get_credit(recorder, round_id, node)
            )
    for node in accounts:
        recorder.view(REGISTRY, "debtNano", (node,), (chain.debt_nano.get(node, 0),))
        history = chain.faults.get(node, FaultHistory())
        found = {"lastRound": history.last_round, "recent": history.recent}
        recorder.view("NodeRegistry", "faults", (node,), (found,))
        entry = chain.nodes.get(node)
        recorder.view("NodeRegistry", "isActive", (node,), (entry is not None and entry.is_active,))
    recorder.view("NodeRegistry", "forfeited", (), (chain.forfeited_wei,))
    recorder.view("CoordinatorSet", "forfeited", (), (chain.penalties_wei,))
    state = chain.coordinators
    recorder.view("CoordinatorSet", "current", (), (state.current or NOBODY,))
    recorder.view("CoordinatorSet", "since", (), (state.since,))
    for seat in state.seats:
        found = {"approved": True, "exitAt": seat.exit_at, "bond": seat.bond_wei}
        recorder.view("CoordinatorSet", "seat", (seat.coordinator,), (found,))


def get_credit(recorder: Recorder, round_id: int, node: Address) -> tuple[int, int]:
    """A contribution's credit, and its place in the order of commitment."""
    chain = recorder.chain
    nodes = [c.node for c in chain.get_round(round_id).contributions]
    if node not in nodes:
        return 0, 0
    found = chain.credits.get(round_id)
    return (found.credit_nano[nodes.index(node)] if found else 0), nodes.index(node)


def describe_round(recorder: Recorder, round_: Round) -> dict[str, Any]:
    """A round as the contract's struct, by field."""
    chain = recorder.chain
    sealed = round_.total_weight > 0
    outcomes = [c.outcome for c in round_.contributions]
    earned = chain.credits.get(round_.round_id)
    return {
        "phase": int(round_.phase),
        "baseKept": round_.phase is Phase.FINALIZED and round_.checkpoint == round_.base,
        "taskCount": len(chain.network.tasks) if round_.phase is not Phase.NONE else 0,
        "count": len(round_.contributions),
        "samples": sum(c.sample_key is not None for c in round_.contributions),
        "available": len(round_.available) if sealed else 0,
        "proven": sum(o in PROVEN for o in outcomes),
        "accepted": sum(o in (Outcome.ACCEPTED, Outcome.HARMFUL) for o in outcomes),
        "parametersVersion": chain.versions.get(round_.round_id, 0),
        "openedAt": round_.opened_at,
        "deadline": round_.deadline,
        "lapsed": round_.lapsed,
        "closingBlock": recorder.get_closing_block(round_),
        "sealBlock": round_.closing_block if sealed else 0,
        "totalWeight": round_.total_weight,
        "weightCap": compute_weight_cap(recorder, round_) if sealed else 0,
        "baseLossNano": round_.base_loss_nano,
        "candidateLossNano": round_.candidate_loss_nano,
        "aggregateLossNano": round_.aggregate_loss_nano,
        "finalLossNano": round_.final_loss_nano,
        "unit": round_.unit,
        "creditNano": earned.total_nano if earned else 0,
        "baseDigest": round_.base,
        "poolRoot": round_.pool_root,
        "sampleSeed": round_.sample_seed,
        "candidateDigest": round_.candidate,
        "challengeSeed": round_.challenge_seed,
        "challengeDigest": round_.challenge,
        "commonKey": round_.common_key,
        "checkpointDigest": round_.checkpoint,
    }


def compute_weight_cap(recorder: Recorder, round_: Round) -> int:
    """Most that one contribution may weigh, which the rules only keep as weights."""
    total = sum(c.num_examples for c in round_.available)
    rules = recorder.chain.get_rules(round_.round_id)
    return max(1, total * rules.parameters.max_weight_share_bps // 10_000)


def describe_contribution(entry: Contribution) -> dict[str, Any]:
    """A contribution as the contract's struct, by field."""
    return {
        "node": entry.node,
        "numExamples": entry.num_examples,
        "exponent": entry.exponent,
        "task": entry.task,
        "clipShift": entry.clip_shift,
        "missing": int(entry.missing),
        "outcome": int(entry.outcome),
        "alignmentBps": entry.alignment_bps,
        "digest": entry.digest,
        "sampleKey": entry.sample_key or bytes(32),
        "shareNano": entry.share_nano,
    }
