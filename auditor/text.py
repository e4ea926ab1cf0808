"""An audit as people read it."""

from __future__ import annotations

from auditor.findings import Audit, Verdict

CONCLUSIONS = {
    Verdict.CONFIRMED: "everything that can be computed again is as the chain says",
    Verdict.REFUTED: (
        "refuted: keep this (--json) and, while the round's objection window is open, "
        "object with `zk0 object --round {round_id} --evidence FILE`"
    ),
    Verdict.UNCHECKED: "nothing is refuted, but not everything could be checked",
}


def format_audit(audit: Audit) -> str:
    """A line for each check, and the conclusion."""
    width = max(len(f.check) for f in audit.findings)
    lines = [f"round {audit.round_id} of {audit.registry} on chain {audit.chain_id}"]
    lines += [f"  {f.verdict:<9}  {f.check:<{width}}  {f.detail}" for f in audit.findings]
    lines.append(CONCLUSIONS[audit.verdict].format(round_id=audit.round_id))
    return "\n".join(lines)
