"""The network's history from its events alone: what `zk0 history` prints."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from zk0.chain.payouts import read_payout
from zk0.chain.rows import ContributionRow, RoundRow
from zk0.ports import Event
from zk0.protocol.contribution import MissingReason, Outcome
from zk0.protocol.round import Phase
from zk0.protocol.statement import Address


def build_history(
    events: Sequence[Event],
    gas: Mapping[bytes, int] | None = None,
    *,
    round_id: int | None = None,
    node: Address | None = None,
) -> list[RoundRow]:
    """Rounds, oldest first.

    Args:
        events: all events of the network, oldest first (a node's or a round's alone would
            lack the task names and the seal).
        gas: transaction hash → gas used, for `ContributionRow.gas`; see `list_transactions`.
        round_id: only this round.
        node: only this node's contributions, and the rounds that it took part in.
    """
    task_names = {e.args["task"]: e.args["taskName"] for e in events if e.name == "TaskAdded"}
    by_round: dict[int, list[Event]] = defaultdict(list)
    for event in events:
        if event.round_id:
            by_round[event.round_id].append(event)
    rows = []
    rules = _find_rules(events)
    for number, of_round in sorted(by_round.items()):
        if round_id is not None and number != round_id:
            continue
        # Money can be given for a round that nobody has opened yet.
        if not any(e.name == "RoundOpened" for e in of_round):
            continue
        row = _build_round(of_round, task_names, gas or {})
        version, values = rules[number]
        before = rules.get(number - 1, (version, values))[1]
        changed = {name: value for name, value in values.items() if before[name] != value}
        row = replace(row, parameters_version=version, changed_parameters=changed)
        if node is not None:
            mine = tuple(c for c in row.contributions if c.node == node)
            row = replace(row, contributions=mine)
        if node is None or row.contributions:
            rows.append(row)
    return rows


def _find_rules(events: Sequence[Event]) -> dict[int, tuple[int, Mapping[str, Any]]]:
    """Round → version and values of its rules: the newest ones when it was opened."""
    found: dict[int, tuple[int, Mapping[str, Any]]] = {}
    version, values = 0, dict[str, Any]()
    for event in events:
        if event.name == "ParametersChanged":
            version = event.args["version"]
            values = {**event.args["parameters"], "circuitId": event.args["circuitId"]}
        elif event.name == "RoundOpened":
            found[event.args["round"]] = (version, values)
    return found


def list_transactions(rows: Sequence[RoundRow]) -> list[bytes]:
    """The transactions whose receipts `build_history` wants as `gas`, each once."""
    found = (t for row in rows for c in row.contributions for t in c.transactions.values())
    return list(dict.fromkeys(found))


_ROUND_FIELDS: Mapping[str, tuple[Phase | None, Mapping[str, str]]] = {
    "CommitsClosed": (Phase.SAMPLING, {}),
    "SampleDrawn": (Phase.COLLECTING, {"sample_seed": "sampleSeed"}),
    "RoundSealed": (
        Phase.SEALED,
        {"candidate": "candidateDigest", "total_weight": "totalWeight"},
    ),
    "ChallengeDrawn": (None, {"challenge_seed": "challengeSeed"}),
    "ChallengePublished": (
        Phase.PROVING,
        {
            "challenge": "digest",
            "challenge_cid": "cid",
            "unit": "unit",
            "base_loss_nano": "baseLossNano",
            "candidate_loss_nano": "candidateLossNano",
        },
    ),
    "CheckpointPublished": (
        None,
        {"checkpoint": "digest", "checkpoint_cid": "cid", "parent": "parent"},
    ),
    "RoundFinalized": (
        Phase.FINALIZED,
        {
            "report": "reportDigest",
            "report_cid": "reportCid",
            "aggregate_loss_nano": "aggregateLossNano",
            "final_loss_nano": "finalLossNano",
            "base_kept": "baseKept",
        },
    ),
    "RoundAborted": (Phase.ABORTED, {}),
}
"""Event → the phase that it starts, and which of its arguments a RoundRow keeps."""


def _build_round(
    events: Sequence[Event], task_names: Mapping[int, str], gas: Mapping[bytes, int]
) -> RoundRow:
    opened = next(e for e in events if e.name == "RoundOpened")
    row = RoundRow(
        round_id=opened.args["round"],
        phase=Phase.COMMITTING,
        base=opened.args["baseDigest"],
        block=opened.block,
        pool_root=opened.args["poolRoot"],
    )
    entries: dict[Address, ContributionRow] = {}
    for event in events:
        if event.name in _ROUND_FIELDS:
            phase, names = _ROUND_FIELDS[event.name]
            values = {name: event.args[argument] for name, argument in names.items()}
            row = replace(row, phase=phase or row.phase, **values)
        if event.name == "RoundSealed":
            entries = _apply_seal(entries, event)
        elif event.node is not None:
            before = entries.get(event.node)
            entries[event.node] = _apply_event(before, event, task_names, gas)
    return _add_payout(row, entries.values(), events)


def _add_payout(
    row: RoundRow, entries: Iterable[ContributionRow], events: Sequence[Event]
) -> RoundRow:
    """With what each contribution earned, is owed and has got."""
    payout = read_payout(events)
    paid = []
    for entry in entries:
        part = payout.parts.get(entry.node)
        if part is not None:
            entry = replace(entry, credit_nano=part.credit_nano, claimed_wei=part.claimed_wei)
        elif row.phase.is_over:
            entry = replace(entry, credit_nano=0)
        if payout.settlement is not None:
            entry = replace(entry, owed_wei=part.owed_wei if part else 0)
        paid.append(entry)
    return replace(row, settlement=payout.settlement, contributions=tuple(paid))


def _apply_seal(
    entries: Mapping[Address, ContributionRow], event: Event
) -> dict[Address, ContributionRow]:
    """Shifts, reasons and weights: min(examples, cap), the cap found from the total."""
    shifts, reasons = event.args["clipShifts"], event.args["missing"]
    available = [
        entry.num_examples
        for entry, reason in zip(entries.values(), reasons, strict=True)
        if reason == MissingReason.NONE
    ]
    cap = find_weight_cap(available, event.args["totalWeight"])
    sealed = {}
    for entry, shift, reason in zip(entries.values(), shifts, reasons, strict=True):
        counts = reason == MissingReason.NONE
        sealed[entry.node] = replace(
            entry, clip_shift=shift, weight=min(entry.num_examples, cap) if counts else 0
        )
    return sealed


def find_weight_cap(num_examples: Sequence[int], total_weight: int) -> int:
    """The smallest cap with Σ min(n, cap) = total: the sum grows with the cap, so it is unique.

    Raises:
        ValueError: no cap gives this total.
    """
    low, high = 0, max(num_examples)
    while low < high:
        middle = (low + high) // 2
        reaches = sum(min(n, middle) for n in num_examples) >= total_weight
        low, high = (low, middle) if reaches else (middle + 1, high)
    if sum(min(n, low) for n in num_examples) != total_weight:
        raise ValueError(f"no cap on {list(num_examples)} gives a total weight of {total_weight}")
    return low


def _apply_event(
    before: ContributionRow | None,
    event: Event,
    task_names: Mapping[int, str],
    gas: Mapping[bytes, int],
) -> ContributionRow:
    args = event.args
    if event.name == "UpdateCommitted":
        row = ContributionRow(
            node=args["node"],
            task=args["task"],
            task_name=task_names.get(args["task"], ""),
            digest=args["digest"],
            num_examples=args["numExamples"],
            exponent=args["exponent"],
        )
        return _add_transaction(row, "commit", event, gas)
    if before is None:
        raise ValueError(f"{event.name} in block {event.block} precedes the node's commitment")
    if event.name == "SampleCommitted":
        return _add_transaction(before, "sample", event, gas)
    if event.name == "ContributionMissing":
        reason = MissingReason(args["reason"])
        return replace(before, reason=reason, outcome=Outcome.MISSING)
    if event.name in ("ContributionProven", "ContributionBelowThreshold"):
        is_admitted = event.name == "ContributionProven"
        proven = replace(
            before,
            outcome=Outcome.ACCEPTED if is_admitted else Outcome.BELOW_THRESHOLD,
            share_nano=args["shareNano"] if is_admitted else 0,
            alignment_bps=args["alignmentBps"],
            common=args["common"],
            task_agreement=args["task"],
            square=args["square"],
            absolute=args["absolute"],
        )
        return _add_transaction(proven, "prove", event, gas)
    if event.name == "ContributionSettled":
        # At most the whole loss, which a proof with a made-up unit may exceed.
        share = None if before.share_nano is None else args["shareNano"]
        return replace(before, outcome=Outcome(args["outcome"]), share_nano=share)
    if event.name == "DebtChanged":
        return replace(before, debt_nano=args["currentNano"])
    return before


def _add_transaction(
    row: ContributionRow, name: str, event: Event, gas: Mapping[bytes, int]
) -> ContributionRow:
    transactions = {**row.transactions, name: event.transaction}
    return replace(row, transactions=transactions, gas=row.gas + gas.get(event.transaction, 0))
