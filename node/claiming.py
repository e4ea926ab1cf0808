"""Claims what this wallet has earned: settle what is over, then be paid for what is open."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from zk0.chain.history import build_history
from zk0.errors import TransactionError
from zk0.ports import Ledger, RewardLedger
from zk0.protocol.statement import Address
from zk0.rewards import (
    Reward,
    RewardState,
    find_unsettled,
    list_rewards,
    settle_rounds,
    show_amount,
    show_time,
)

PAGE = 100
"""Rounds in one call: about 3.2 million gas, far below any chain's block."""
CLAIM_GAS, FURTHER_GAS, SETTLE_GAS = 65_000, 31_000, 171_000
"""Of a call with one round, of each further round in it, of settling one; as measured."""


@dataclass(frozen=True, slots=True)
class ClaimPlan:
    """What a claim would do."""

    settle: Sequence[int]
    """Rounds to settle first, because this wallet has earned something in one of them."""
    claim: Sequence[Reward]


@dataclass(frozen=True, slots=True)
class ClaimResult:
    """What a claim did, and what is left."""

    settled: Sequence[int]
    claimed: Sequence[Reward]
    transactions: Sequence[bytes]
    gas: int
    others: Sequence[Reward]
    """Rewards of the rounds in question that were not claimed now."""
    without: Sequence[int]
    """Rounds that were asked for and in which this wallet has earned nothing."""


def read_rewards(ledger: Ledger, rounds: Collection[int] = ()) -> list[Reward]:
    """This wallet's rewards, of all rounds or of `rounds`."""
    rows = build_history(ledger.get_events(), node=ledger.account)
    found = list_rewards(rows, ledger.account, ledger.get_block().timestamp)
    return [reward for reward in found if not rounds or reward.round_id in rounds]


def plan_claim(ledger: Ledger, rewards: RewardLedger, rounds: Collection[int] = ()) -> ClaimPlan:
    """What can be done now for all rounds, or for `rounds`."""
    found = read_rewards(ledger, rounds)
    unsettled = [r.round_id for r in found if r.state is RewardState.UNSETTLED]
    settle: list[int] = []
    if unsettled:
        settle = [r for r in find_unsettled(ledger, rewards) if r <= max(unsettled)]
    return ClaimPlan(settle, [r for r in found if r.state is RewardState.CLAIMABLE])


def carry_out(
    plan: ClaimPlan,
    ledger: Ledger,
    rewards: RewardLedger,
    rounds: Collection[int] = (),
    report: Callable[[int, int], None] = lambda done, total: None,
) -> ClaimResult:
    """Settle and claim, and read back what was paid.

    Args:
        report: called after each page with how many of the rounds are claimed.

    Raises:
        TransactionError: the chain does not show a claim that was mined.
    """
    settle_rounds(rewards, plan.settle)
    wanted = [reward.round_id for reward in plan.claim]
    receipts = []
    for start in range(0, len(wanted), PAGE):
        page = wanted[start : start + PAGE]
        receipts.append(rewards.claim(page))
        report(start + len(page), len(wanted))
    after = read_rewards(ledger, rounds)
    claimed = [r for r in after if r.round_id in wanted and r.state is RewardState.CLAIMED]
    if len(claimed) != len(wanted):
        raise TransactionError(
            f"claimed rounds {wanted}, and the chain shows only {[r.round_id for r in claimed]} as "
            "paid: was a block replaced? Run `zk0-node claim` again"
        )
    return ClaimResult(
        plan.settle,
        claimed,
        [receipt.transaction for receipt in receipts],
        sum(receipt.gas for receipt in receipts),
        [r for r in after if r.round_id not in wanted],
        sorted(set(rounds) - {r.round_id for r in after}),
    )


def ask_to_claim(plan: ClaimPlan, ledger: Ledger, rewards: RewardLedger) -> str:
    """The question before anything is sent."""
    steps = []
    if plan.settle:
        steps.append(f"settle {_name(plan.settle)}, which anyone may and somebody must")
    if plan.claim:
        amount = show_amount(sum(r.amount_wei for r in plan.claim), rewards.terms.asset)
        steps.append(f"claim {amount} for {_name([r.round_id for r in plan.claim])}")
    calls = -(-len(plan.claim) // PAGE)
    count = len(plan.settle) + calls
    gas = len(plan.settle) * SETTLE_GAS + calls * (CLAIM_GAS - FURTHER_GAS)
    gas += len(plan.claim) * FURTHER_GAS
    return (
        f"{ledger.account} on chain {ledger.network.chain_id}: {', then '.join(steps)}, in "
        f"{count} {'transaction' if count == 1 else 'transactions'} of about {gas:,} gas in all?"
    )


def _name(rounds: Sequence[int]) -> str:
    if len(rounds) == 1:
        return f"round {rounds[0]}"
    if len(rounds) > 8:
        return f"{len(rounds)} rounds ({rounds[0]} to {rounds[-1]})"
    return f"rounds {', '.join(map(str, rounds))}"


def describe_claim(result: ClaimResult, ledger: Ledger, rewards: RewardLedger) -> dict[str, Any]:
    """JSON-ready."""
    return {
        "node": ledger.account,
        "vault": rewards.terms.vault,
        "asset": rewards.terms.asset,
        "paid_wei": sum(r.amount_wei for r in result.claimed),
        "claimed": [{"round": r.round_id, "amount_wei": r.amount_wei} for r in result.claimed],
        "settled": list(result.settled),
        "transactions": ["0x" + transaction.hex() for transaction in result.transactions],
        "gas": result.gas,
        "nothing_earned": list(result.without),
        "not_claimed": [describe_reward(r) for r in result.others],
    }


def describe_reward(reward: Reward) -> dict[str, Any]:
    """JSON-ready."""
    return {
        "round": reward.round_id,
        "state": reward.state.value,
        "amount_wei": reward.amount_wei,
        "until": reward.until,
    }


def format_claim(result: ClaimResult, ledger: Ledger, rewards: RewardLedger) -> str:
    """The same for a person."""
    asset = rewards.terms.asset
    lines = [f"round {r.round_id}: {show_amount(r.amount_wei, asset)} paid" for r in result.claimed]
    asked = bool(result.without) or len(result.claimed) + len(result.others) == 1
    lines += [
        f"round {r.round_id}: {explain_reward(r, asset)}"
        for r in result.others
        if asked or r.state is not RewardState.CLAIMED
    ]
    lines += [f"round {r}: nothing is owed to {ledger.account}" for r in result.without]
    if result.claimed:
        total = show_amount(sum(r.amount_wei for r in result.claimed), asset)
        lines.append(f"paid {total} to {ledger.account}, {result.gas} gas")
    elif not lines:
        earlier = f" ({len(result.others)} rounds claimed before)" if result.others else ""
        lines.append(f"nothing is owed to {ledger.account}{earlier}")
    return "\n".join(lines)


def explain_reward(reward: Reward, asset: Address | None) -> str:
    """Why a reward is not paid now, and from when on it is."""
    amount = show_amount(reward.amount_wei, asset)
    match reward.state:
        case RewardState.UNSETTLED:
            return "not settled yet; `zk0-node claim` settles it"
        case RewardState.WAITING:
            return f"{amount} owed, claims open at {show_time(reward.until or 0)}"
        case RewardState.FROZEN:
            return (
                f"{amount} frozen by an objection until it is ruled on, at the latest until "
                f"{show_time(reward.until or 0)}"
            )
        case RewardState.UNPAID:
            return "pays nothing: the pot was empty, the loss did not go down, or an objection won"
        case RewardState.CLAIMED:
            return f"{amount} claimed before"
        case RewardState.CLAIMABLE:
            return f"{amount} can be claimed"
