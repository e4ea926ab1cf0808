"""Checks of what was made of the updates, exact to the byte."""

from __future__ import annotations

from auditor.case import Case
from auditor.findings import Refutation
from coordinator.candidate import weigh, write_step
from zk0.protocol.contribution import Outcome


def check_weights(case: Case) -> str:
    """Weights and clip shifts follow from the updates."""
    updates = [m.update for m in case.members]
    for mine, sealed in zip(
        weigh(updates, case.rules.parameters, case.tools.manifest), case.members, strict=True
    ):
        found = (sealed.weight, sealed.clip_shift)
        if found != (mine.weight, mine.clip_shift):
            raise Refutation(
                f"{mine.update.entry.node} was sealed with weight and clip shift {found}, its "
                f"update gives {(mine.weight, mine.clip_shift)}"
            )
    return f"total weight {case.round_.total_weight}"


def check_candidate(case: Case) -> str:
    """The sealed candidate is the exact step over the available updates."""
    case.workspace.get_candidate(case.round_)
    return f"recomputed, SHA-256 {case.round_.candidate.hex()}"


def check_checkpoint(case: Case) -> str:
    """The new checkpoint is the exact step over what was accepted, or the base."""
    round_ = case.round_
    if round_.checkpoint == round_.base:
        return "the base stays"
    accepted = [
        m for m in case.members if m.update.entry.outcome is Outcome.ACCEPTED
    ]  # the harmful have another outcome
    path = case.home.checkpoint_file(round_.round_id)
    origin = case.workspace.get_origin(round_)
    network, manifest = case.ledger.network, case.tools.manifest
    digest = write_step(path, origin, accepted, round_.round_id, network, manifest)
    if digest != round_.checkpoint:
        raise Refutation(
            f"the step over the {len(accepted)} accepted updates is {digest.hex()}, on chain "
            f"is {round_.checkpoint.hex()}"
        )
    return f"recomputed from {len(accepted)} updates, SHA-256 {digest.hex()}"
