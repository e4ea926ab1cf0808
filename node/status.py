"""What a node's wallet has in the network now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from node.claiming import describe_reward
from zk0.ports import Ledger
from zk0.rewards import Reward, RewardState


def describe_status(ledger: Ledger, rewards: Sequence[Reward] | None) -> dict[str, Any]:
    """Registration, newest round and the own contribution in it, JSON-ready.

    Args:
        rewards: this wallet's; None when no vault is known.
    """
    network = ledger.network
    registration = ledger.get_registration(ledger.account)
    newest = ledger.get_round_count()
    round_ = ledger.get_round(newest) if newest else None
    own = round_.contribution_of(ledger.account) if round_ else None
    rules = network.fault_rules
    examples = registration.dataset_size if registration else 0
    required = network.compute_bond_wei(examples)
    return {
        "chain_id": network.chain_id,
        "registry": network.registry,
        "node": ledger.account,
        "balance_wei": ledger.get_balance_wei(ledger.account),
        "registration": None
        if registration is None
        else {
            "task": network.tasks[registration.task],
            "dataset_size": registration.dataset_size,
            "bond_wei": registration.bond_wei,
            "active": registration.is_active,
            "suspended": registration.is_suspended,
            "required_bond_wei": required,
            "faults": registration.faults.count(max(newest, 1), rules.window),
            "fault_limit": rules.limit,
            "fault_window": rules.window,
            "idle_rounds": ledger.get_idle_rounds(ledger.account),
            "idle_limit": network.idle_rounds,
            "exit_at": registration.exit_at,
        },
        "round": None if round_ is None else {"id": newest, "phase": round_.phase.label},
        "contribution": None
        if own is None
        else {
            "digest": own.digest.hex(),
            "outcome": own.outcome.label,
            "reason": own.missing.label,
            "alignment_bps": own.alignment_bps,
            "share_nano": own.share_nano,
        },
        "rewards": None if rewards is None else _describe_rewards(network.vault, rewards),
    }


def _describe_rewards(vault: str | None, rewards: Sequence[Reward]) -> dict[str, Any]:
    def add_up(*states: RewardState) -> int:
        return sum(reward.amount_wei for reward in rewards if reward.state in states)

    return {
        "vault": vault,
        "owed_wei": add_up(RewardState.WAITING, RewardState.FROZEN, RewardState.CLAIMABLE),
        "claimable_wei": add_up(RewardState.CLAIMABLE),
        "claimed_wei": add_up(RewardState.CLAIMED),
        "rounds": [describe_reward(reward) for reward in rewards],
    }


def format_status(found: dict[str, Any]) -> str:
    """The same for a person."""
    lines = [f"{found['node']} on chain {found['chain_id']}, registry {found['registry']}"]
    registration = found["registration"]
    if registration is None:
        lines.append("not registered; join with `zk0-node join`")
    else:
        inactive = "suspended" if registration["suspended"] else "leaving"
        state = "active" if registration["active"] else inactive
        lines.append(
            f"{state}, task {registration['task']}, {registration['dataset_size']} examples, "
            f"bond {registration['bond_wei']} wei"
        )
        lines.append(
            f"faults: {registration['faults']} in the last {registration['fault_window']} rounds; "
            f"{registration['fault_limit']} cost part of the bond"
        )
        if registration["active"]:
            left = registration["idle_limit"] - registration["idle_rounds"]
            lines.append(
                f"idle: {registration['idle_rounds']} rounds passed without this node; "
                + (f"after {left} more anyone may retire it" if left else "anyone may retire it")
            )
        if registration["suspended"]:
            lacking = registration["required_bond_wei"] - registration["bond_wei"]
            lines.append(
                f"suspended: the bond lacks {lacking} wei; pay it with `zk0-node top-up`, or leave "
                "with `zk0-node exit`"
            )
    if found["round"] is not None:
        lines.append(f"round {found['round']['id']}: {found['round']['phase']}")
    if (own := found["contribution"]) is not None:
        lines.append(
            f"contribution {own['digest'][:16]}…: {own['outcome']}, alignment "
            f"{own['alignment_bps']} bps, share {own['share_nano'] / 1e9:.9f}"
        )
    if (rewards := found["rewards"]) is not None:
        unsettled = sum(r["state"] == RewardState.UNSETTLED for r in rewards["rounds"])
        lines.append(
            f"owed {rewards['owed_wei']} wei, of that claimable {rewards['claimable_wei']}, "
            f"claimed {rewards['claimed_wei']}"
            + (f"; {unsettled} rounds not settled" if unsettled else "")
        )
    return "\n".join(lines)
