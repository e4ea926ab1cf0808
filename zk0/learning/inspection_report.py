"""Inspections as a plain table and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zk0.learning.inspection import Inspection

COLUMNS = ("data set", "for", "format", "fps", "episodes", "frames", "cameras", "result")


def format_inspections(inspections: Sequence[Inspection]) -> str:
    """A table, the action ranges of each data set, and all findings."""
    table = [COLUMNS, *(_format_row(inspection) for inspection in inspections)]
    widths = [max(len(row[i]) for row in table) for i in range(len(COLUMNS))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
    for inspection in inspections:
        lines += ["", f"{inspection.settings.name}: {inspection.settings.address}"]
        if inspection.settings.description:
            lines.append(f"  {inspection.settings.description}")
        lines += [
            f"  {key} {camera.width}x{camera.height} {camera.codec}"
            + (f" (recorded as {camera.name})" if camera.name != key else "")
            for key, camera in inspection.cameras.items()
        ]
        lines += [
            f"  action {joint.name:<20} {joint.low:9.2f} … {joint.high:9.2f}   "
            f"mean {joint.mean:9.2f}   std {joint.std:8.2f}"
            for joint in inspection.actions
        ]
        lines += [f"  {f.level} ({f.check}): {f.message}" for f in inspection.findings]
    return "\n".join(lines)


def _format_row(inspection: Inspection) -> tuple[str, ...]:
    split = inspection.split
    known = bool(inspection.format and inspection.frames)
    errors, warnings = len(inspection.errors), len(inspection.warnings)
    parts = [f"{n} {word}" for n, word in ((errors, "errors"), (warnings, "warnings")) if n]
    return (
        inspection.settings.name,
        inspection.role,
        inspection.format or "-",
        f"{inspection.fps:g}" if known else "-",
        f"{len(split.train)}+{len(split.held_out)}" if known else "-",
        str(inspection.frames) if known else "-",
        ",".join(c.name.rpartition(".")[2] for c in inspection.cameras.values()) or "-",
        ", ".join(parts) or "ok",
    )


def to_json(inspection: Inspection) -> dict[str, Any]:
    """Everything, for programs."""
    settings = inspection.settings
    return {
        "name": settings.name,
        "address": settings.address,
        "description": settings.description,
        "role": inspection.role,
        "format": inspection.format or None,
        "fps": inspection.fps or None,
        "frames": inspection.frames,
        "train_episodes": list(inspection.split.train),
        "held_out_episodes": list(inspection.split.held_out),
        "cameras": {
            key: {
                "recorded_as": camera.name,
                "height": camera.height,
                "width": camera.width,
                "codec": camera.codec,
            }
            for key, camera in inspection.cameras.items()
        },
        "actions": [
            {"joint": j.name, "min": j.low, "max": j.high, "mean": j.mean, "std": j.std}
            for j in inspection.actions
        ],
        "episode_digests": {str(n): digest.hex() for n, digest in inspection.digests.items()},
        "findings": [
            {"level": f.level, "check": f.check, "message": f.message} for f in inspection.findings
        ],
    }
