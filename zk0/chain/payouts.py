"""What the vault owes and has paid for one round, from events alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from zk0.ports import Event
from zk0.protocol.payout import Settlement, compute_part_wei
from zk0.protocol.statement import Address


@dataclass(frozen=True, slots=True)
class Part:
    """What one credited node has in a round's payout; wei of the vault's asset."""

    credit_nano: int
    owed_wei: int = 0
    """What a claim would bring; says nothing about when."""
    claimed_wei: int | None = None
    """None before the claim."""


@dataclass(frozen=True, slots=True)
class Payout:
    """A round's credits, and what became of them. Settlement None: not settled (yet)."""

    settlement: Settlement | None
    parts: Mapping[Address, Part]
    """Of the nodes that earned something, in order of commitment."""


def read_payout(events: Sequence[Event]) -> Payout:
    """From one round's events, oldest first."""
    settlement: Settlement | None = None
    credits_nano: dict[Address, int] = {}
    claimed: dict[Address, int] = {}
    for event in events:
        if event.name == "ContributionSettled" and event.node is not None:
            if event.args["creditNano"]:
                credits_nano[event.node] = event.args["creditNano"]
        elif event.name == "RewardClaimed" and event.node is not None:
            claimed[event.node] = event.args["amount"]
        settlement = _apply(settlement, event)
    return Payout(settlement, _divide(settlement, credits_nano, claimed))


def _apply(settlement: Settlement | None, event: Event) -> Settlement | None:
    args = event.args
    if event.name == "RoundPaidOut":
        payout = args["payout"]
        return Settlement(args["round"], payout, payout, args["totalNano"], args["opensAt"])
    if settlement is None:
        return None
    if event.name == "RewardClaimed":
        return replace(settlement, unpaid_wei=settlement.unpaid_wei - args["amount"])
    if event.name == "ObjectionFiled":
        return replace(
            settlement,
            ruling_deadline=args["rulingDeadline"],
            opens_at=args["opensAt"],
            objections=args["number"],
        )
    if event.name == "ObjectionRuled" and args["upheld"]:
        return replace(settlement, payout_wei=0, unpaid_wei=0, ruling_deadline=0)
    if event.name == "ObjectionRuled":
        return replace(settlement, ruling_deadline=0, opens_at=args["opensAt"])
    if event.name == "ObjectionExpired":
        return replace(settlement, ruling_deadline=0)
    return settlement


def _divide(
    settlement: Settlement | None,
    credits_nano: Mapping[Address, int],
    claimed: Mapping[Address, int],
) -> dict[Address, Part]:
    waiting = [node for node in credits_nano if node not in claimed]
    parts = {}
    for node, credit in credits_nano.items():
        owed = 0
        if settlement is not None and settlement.payout_wei and node in waiting:
            owed = compute_part_wei(settlement, credit, is_last=waiting == [node])
        parts[node] = Part(credit, owed, claimed.get(node))
    return parts
