"""`summary.json`, the table, and the picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zk0.chain.deployments import Deployment
from zk0.chain.history import RoundRow


def build_summary(
    deployment: Deployment,
    rounds: Sequence[Mapping[str, Any]],
    history: Sequence[RoundRow],
    seconds: float,
) -> dict[str, Any]:
    """The coordinator's account of each round with the chain's gas figures."""
    gas = {(row.round_id, c.node): c.gas for row in history for c in row.contributions}
    paid = {
        (row.round_id, c.node): c.claimed_wei or 0 for row in history for c in row.contributions
    }
    payouts = {row.round_id: row.settlement.payout_wei for row in history if row.settlement}
    return {
        "chain": {
            "chain_id": deployment.chain_id,
            "registry": deployment.registry,
            "node_registry": deployment.node_registry,
            "verifier": deployment.alignment_verifier,
            "circuit_id": "0x" + deployment.circuit_id.hex(),
            "circuit": deployment.circuit,
            "vault": deployment.reward_vault,
        },
        "rounds": [
            {
                **round_,
                "payout_wei": payouts.get(round_["id"], 0),
                "contributions": [
                    {
                        **c,
                        "gas": gas[round_["id"], c["node"]],
                        "paid_wei": paid[round_["id"], c["node"]],
                    }
                    for c in round_["contributions"]
                ],
            }
            for round_ in rounds
        ],
        "paid_wei": sum(paid.values()),
        "seconds": round(seconds, 1),
    }


def format_table(summary: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """Round, node, share, alignment, outcome, gas, pay, loss before → after; what each node got."""
    header = (
        f"{'round':>5}  {'node':<12} {'task':<8} {'share':>10} {'exact':>10} {'alignment':>9}  "
        f"{'outcome':<16} {'gas':>9} {'paid (ETH)':>11}  loss"
    )
    lines = [header, "-" * len(header)]
    for round_ in summary["rounds"]:
        loss = f"{round_['base_loss']:.4f} → {round_['final_loss']:.4f}"
        for c in round_["contributions"]:
            exact = c["exact_share_nano"]
            lines.append(
                f"{round_['id']:>5}  {names.get(c['node'], c['node'][:10]):<12} {c['task']:<8} "
                f"{c['share_nano'] / 1e9:>+10.5f} "
                f"{'–' if exact is None else format(exact / 1e9, '+.5f'):>10} "
                f"{c['alignment_bps'] / 100:>7.2f} %  {c['outcome']:<16} {c['gas']:>9,} "
                f"{c['paid_wei'] / 1e18:>11.6f}  {loss}"
            )
            loss = ""
    return "\n".join([*lines, "", *_format_pay(summary, names)])


def _format_pay(summary: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    """What each node got over all rounds, exactly, and that it is what the rounds pay."""
    totals = dict.fromkeys(names, 0)
    for round_ in summary["rounds"]:
        for c in round_["contributions"]:
            totals[c["node"]] = totals.get(c["node"], 0) + c["paid_wei"]
    due = sum(round_["payout_wei"] for round_ in summary["rounds"])
    lines = [f"{names.get(node, node):<12} got {wei:>20} wei" for node, wei in totals.items()]
    return [
        *lines,
        f"{'together':<12} got {summary['paid_wei']:>20} wei, of {due} that is paid out",
    ]


def _is_refused(contribution: Mapping[str, Any]) -> bool:
    return bool(contribution["outcome"] != "Accepted")


def draw_chart(summary: Mapping[str, Any], names: Mapping[str, str], path: Path) -> None:
    """Loss by round, and shares by node and round, as one PNG."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rounds = summary["rounds"]
    figure, (losses, shares) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    ids = [r["id"] for r in rounds]
    curve = [rounds[0]["pool_base_loss"], *(r["pool_final_loss"] for r in rounds)]
    losses.plot([0, *ids], curve, "o-")
    losses.set(xlabel="after round", ylabel="loss on the whole pool", title="Loss")
    losses.set_xticks([0, *ids])
    losses.set_ylim(bottom=0)
    nodes = sorted({c["node"] for r in rounds for c in r["contributions"]}, key=lambda n: names[n])
    width = 0.8 / len(nodes)
    for position, node in enumerate(nodes):
        offsets = [i + (position - (len(nodes) - 1) / 2) * width for i in ids]
        own = [[c for c in r["contributions"] if c["node"] == node] for r in rounds]
        values = [c[0]["share_nano"] / 1e9 if c else 0.0 for c in own]
        shares.bar(offsets, values, width, label=names[node])
        refused = [x for x, c in zip(offsets, own, strict=True) if c and _is_refused(c[0])]
        shares.plot(refused, [0.0] * len(refused), "kx", markersize=8)
    shares.axhline(0, color="black", linewidth=0.8)
    title = "Proven shares by node (×: not accepted)"
    shares.set(xlabel="round", ylabel="improvement share (loss)", title=title)
    shares.set_xticks(ids)
    shares.use_sticky_edges = False
    shares.margins(y=0.08)
    shares.legend()
    figure.savefig(path, dpi=130)
    plt.close(figure)
