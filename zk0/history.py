"""The history as tables for a terminal."""

from __future__ import annotations

import re
from collections.abc import Sequence

from zk0.chain.history import ContributionRow, RoundRow
from zk0.errors import ConfigError
from zk0.protocol.contribution import MissingReason
from zk0.protocol.statement import Address


def parse_node(text: str | None) -> Address | None:
    """Raises ConfigError for what is no address."""
    if text is None:
        return None
    if not re.fullmatch(r"0x[0-9a-fA-F]{40}", text):
        raise ConfigError(f"expected --node as 0x and 40 hexadecimal digits, found {text!r}")
    return Address(text.lower())


def check_round(round_id: int | None, round_count: int) -> None:
    """Raises ConfigError for a round that is not there."""
    if round_id is not None and not 1 <= round_id <= round_count:
        there = f"rounds 1 to {round_count}" if round_count else "no rounds yet"
        raise ConfigError(f"expected a round of this network, found --round {round_id}: {there}")


def describe_nothing(node: Address | None) -> str:
    """What to print instead of an empty history."""
    return "no rounds yet" if node is None else f"no contribution by {node}"


def _format_loss(nano: int | None) -> str:
    return "–" if nano is None else f"{nano / 1e9:.4f}"


def _format_pay(c: ContributionRow) -> str:
    if c.claimed_wei is not None:
        return f"  got {c.claimed_wei} wei"
    return f"  owed {c.owed_wei} wei" if c.owed_wei else ""


def format_history(rows: Sequence[RoundRow]) -> str:
    """One block a round, one line a contribution."""
    blocks = []
    for row in rows:
        lines = [
            f"round {row.round_id}  {row.phase.label}  loss {_format_loss(row.base_loss_nano)} → "
            f"candidate {_format_loss(row.candidate_loss_nano)} → "
            f"final {_format_loss(row.final_loss_nano)}"
        ]
        if row.checkpoint is not None:
            lines.append(f"  checkpoint {row.checkpoint.hex()}  {row.checkpoint_cid}")
        if row.settlement is not None:
            lines.append(f"  pays {row.settlement.payout_wei} wei")
        for c in row.contributions:
            reason = "" if c.reason is MissingReason.NONE else f" ({c.reason.label})"
            share = "–" if c.share_nano is None else f"{c.share_nano / 1e9:+.6f}"
            alignment = "–" if c.alignment_bps is None else f"{c.alignment_bps / 100:.2f} %"
            lines.append(
                f"  {c.node}  {c.task_name:<8} {c.outcome.label + reason:<24} "
                f"alignment {alignment:>8}  share {share:>10}  gas {c.gas}{_format_pay(c)}"
            )
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)
