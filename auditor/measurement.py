"""How near an auditor's measurement has to come to the coordinator's.

On the same kind of machine everything comes out bit by bit. Elsewhere the last bits of a
float32 gradient differ, which moves a direction's value by one where it stood between two, and
turns the sign where there is hardly any gradient (`docs/protocol.md`, "Audit").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from auditor.case import Case
from auditor.findings import Refutation
from coordinator.examination import Examination
from coordinator.settlement import Settlement, Settler
from zk0.protocol.challenge import Challenge
from zk0.protocol.contribution import Outcome
from zk0.protocol.statement import Address

LOSS_TOLERANCE = 1e-4
"""Relative."""
UNIT_TOLERANCE = 1e-2
"""Relative: the unit is one coordinate's gradient."""
SHARE_TOLERANCE = 1e-2
"""Of the round's largest share."""
SMALL_GRADIENT = 1e-2
"""Of the root mean square over the sample: below it a sign may turn."""


def check_measurement(case: Case) -> str:
    """Losses and directions come out again, within the tolerance for other hardware."""
    case.examination = case.workspace.examine(case.round_)
    return compare(case.examination, case.challenge)


def check_shares(case: Case) -> str:
    """The exact shares in the report come out again."""
    layout = case.workspace.get_base(case.round_).layout
    examination = case.examination
    case.shares = {
        m.update.entry.node: examination.attribution.compute_exact_share_nano(
            examination.gradient, layout, m, case.round_.total_weight
        )
        for m in case.members
    }
    said = {node: claim.exact_share_nano for node, claim in case.claims.items()}
    return compare_shares(case.shares, said)


def check_gate(case: Case) -> str:
    """The gate let through, left out and kept what its rule says."""
    settled = _settle(case)
    round_ = case.round_
    harmful = frozenset(c.node for c in round_.contributions if c.outcome is Outcome.HARMFUL)
    if (settled.checkpoint, settled.harmful) != (round_.checkpoint, harmful):
        raise Refutation(
            f"the gate's rule gives checkpoint {settled.checkpoint.hex()} without "
            f"{sorted(settled.harmful) or 'nobody'}, the chain says {round_.checkpoint.hex()} "
            f"without {sorted(harmful) or 'nobody'}"
        )
    return compare_losses(
        {"aggregate": settled.aggregate_loss_nano, "final": settled.final_loss_nano},
        {"aggregate": round_.aggregate_loss_nano, "final": round_.final_loss_nano},
    )


def _settle(case: Case) -> Settlement:
    """What the coordinator's own code makes of the round, before the gate."""
    proven = tuple(
        replace(c, outcome=Outcome.ACCEPTED) if c.outcome is Outcome.HARMFUL else c
        for c in case.round_.contributions
    )
    return Settler(
        case.workspace.examiner,
        case.ledger.network,
        case.rules.parameters,
        case.tools.manifest,
        replace(case.round_, contributions=proven),
        case.workspace.get_origin(case.round_),
        case.challenge,
        case.members,
        case.shares,
        case.home.checkpoint_file(case.round_.round_id),
    ).settle()


def compare(examination: Examination, published: Challenge) -> str:
    """Losses, unit and directions of a challenge against one's own.

    Raises:
        Refutation: one of them is further off than other hardware explains.
    """
    mine = examination.challenge
    own = _name("base", mine.base_loss_nano) | _name("candidate", mine.candidate_loss_nano)
    said = _name("base", published.base_loss_nano) | _name(
        "candidate", published.candidate_loss_nano
    )
    text = compare_losses(own, said)
    _compare_unit(mine.directions.unit, published.directions.unit)
    off = mine.directions.common.astype(np.int16) - published.directions.common
    if int(np.abs(off).max()) > 1:
        place = int(np.abs(off).argmax())
        raise Refutation(
            f"the common direction at coordinate {place} of the sample is "
            f"{published.directions.common[place]}, recomputed {mine.directions.common[place]}"
        )
    turned = sum(_count_turned(task, examination, published) for task in mine.directions.tasks)
    return f"{text}; {np.count_nonzero(off)} values of the directions off by one, {turned} signs"


def _name(end: str, losses: Mapping[str, int]) -> dict[str, int]:
    return {f"{end} on {task}": loss for task, loss in losses.items()}


def _compare_unit(mine: int, said: int) -> None:
    if abs(mine - said) > UNIT_TOLERANCE * mine:
        raise Refutation(f"the unit is {said}, recomputed {mine}")


def _count_turned(task: str, examination: Examination, published: Challenge) -> int:
    """Signs that differ, all of them where the task's gradient is small."""
    gradient = examination.gradient.gradients[task][published.indices].astype(np.float64)
    own, said = examination.challenge.directions.tasks[task], published.directions.tasks[task]
    small = SMALL_GRADIENT * float(np.sqrt(np.mean(np.square(gradient))))
    differs = own != said
    wrong = differs & (np.abs(gradient) >= small)
    if wrong.any():
        raise Refutation(
            f"{int(wrong.sum())} signs of the direction of {task} are not the gradient's"
        )
    return int(differs.sum())


def compare_losses(mine: Mapping[str, int], said: Mapping[str, int]) -> str:
    """Nano-losses by name. Raises Refutation."""
    if set(mine) != set(said):
        raise Refutation(f"losses of {sorted(said)}, expected {sorted(mine)}")
    for name, own in mine.items():
        if abs(own - said[name]) > LOSS_TOLERANCE * max(own, 1):
            raise Refutation(f"the loss ({name}) is said to be {said[name]} nano, recomputed {own}")
    worst = max(abs(own - said[name]) for name, own in mine.items())
    return f"{len(mine)} losses, at most {worst} nano off"


def compare_shares(mine: Mapping[Address, int], said: Mapping[Address, int | None]) -> str:
    """Exact shares in nano-loss. Raises Refutation."""
    largest = max((abs(share) for share in mine.values()), default=0)
    for node, own in mine.items():
        share = said.get(node)
        if share is None or abs(own - share) > max(1.0, SHARE_TOLERANCE * largest):
            raise Refutation(f"the exact share of {node} is said to be {share}, recomputed {own}")
    return f"{len(mine)} exact shares, their sum {sum(mine.values())} nano-loss"
