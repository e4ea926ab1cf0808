"""Checks across the data sets of a federation: shared episodes, other rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from zk0.learning.inspection import Finding, Inspection


def compare_datasets(inspections: Sequence[Inspection]) -> list[Inspection]:
    """The inspections with what is only seen side by side.

    An episode may belong to one data set only, whatever it is called there: compared by
    content (`frames.compute_episode_digests`). All data sets must have one frame rate.
    """
    owners: dict[bytes, tuple[int, int]] = {}
    result = []
    for position, inspection in enumerate(inspections):
        found = []
        shared: dict[int, list[tuple[int, int]]] = {}
        for number, digest in inspection.digests.items():
            owner, original = owners.setdefault(digest, (position, number))
            if owner != position:
                shared.setdefault(owner, []).append((number, original))
        for owner, pairs in sorted(shared.items()):
            found.append(_describe_sharing(inspection, inspections[owner], pairs))
        other = _find_other_rate(inspections[:position], inspection)
        if other is not None:
            found.append(
                Finding(
                    "error",
                    "fps",
                    f"data set {inspection.settings.name}: expected {other.fps:g} frames a second "
                    f"as in {other.settings.name}, found {inspection.fps:g}: one network has one "
                    "rate",
                )
            )
        result.append(replace(inspection, findings=inspection.findings + tuple(found)))
    return result


def _describe_sharing(
    inspection: Inspection, other: Inspection, pairs: Sequence[tuple[int, int]]
) -> Finding:
    number, original = pairs[0]
    kinds = {inspection.role, other.role}
    rule = "training and evaluation" if len(kinds) == 2 else "two data sets"
    return Finding(
        "error",
        "duplicates",
        f"data set {inspection.settings.name}: episode {number} is episode {original} of "
        f"{other.settings.name} ({len(pairs)} such episodes): expected no episode in {rule}; "
        "remove one of them or split with `episodes`",
    )


def _find_other_rate(before: Sequence[Inspection], inspection: Inspection) -> Inspection | None:
    """The first earlier data set with another rate, if its rate is known."""
    for other in before:
        if other.fps and inspection.fps:
            return other if other.fps != inspection.fps else None
    return None
