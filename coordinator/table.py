"""A finished round as a table for a terminal."""

from __future__ import annotations

from coordinator.summary import RoundSummary


def format_round(summary: RoundSummary) -> str:
    """Round, losses, checkpoint and one line per contribution."""
    lines = [
        f"round {summary.round_id}: loss {summary.base_loss_nano / 1e9:.4f} → "
        f"{summary.final_loss_nano / 1e9:.4f} in {summary.seconds:.0f} s, "
        f"checkpoint {summary.checkpoint[:16]}… {summary.checkpoint_cid}"
    ]
    for c in summary.contributions:
        reason = f" ({c.reason})" if c.reason != "None" else ""
        lines.append(
            f"  {c.node}  {c.task:<10} {c.outcome}{reason:<16} "
            f"alignment {c.alignment_bps / 100:6.2f} %  share {c.share_nano / 1e9:+.6f}"
        )
    return "\n".join(lines)
