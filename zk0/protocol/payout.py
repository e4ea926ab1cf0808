"""What a reward vault pays for a round, and to whom: `RewardVault.sol`'s rules, pure.

Amounts are in the smallest units of the vault's asset, called wei as in the contract.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settlement:
    """What one settled round pays, and when. Times are block timestamps in seconds."""

    round_id: int
    payout_wei: int
    """0 also after an objection that was upheld."""
    unpaid_wei: int
    """Of the payout, what nobody has claimed yet."""
    total_nano: int
    """Sum of the round's credits."""
    opens_at: int
    """Until then objections, from then on claims."""
    ruling_deadline: int = 0
    """The last second for a ruling on an open objection; 0 without one."""

    def is_open(self, now: int) -> bool:
        """Whether claims are paid at `now`."""
        return now >= self.opens_at and not self.is_frozen(now)

    def is_frozen(self, now: int) -> bool:
        """Whether an objection holds claims back at `now`."""
        return 0 < now <= self.ruling_deadline


def compute_payout_wei(
    available_wei: int, rate_wei_per_nano: int, total_nano: int, drop_nano: int
) -> int:
    """min(pot, rate × drop); nothing where nobody has a credit."""
    return min(available_wei, rate_wei_per_nano * drop_nano) if total_nano else 0


def compute_part_wei(settlement: Settlement, credit_nano: int, *, is_last: bool) -> int:
    """One node's part; the last to claim also gets what rounding left over."""
    if is_last:
        return settlement.unpaid_wei
    return settlement.payout_wei * credit_nano // settlement.total_nano
