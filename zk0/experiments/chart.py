"""A comparison as a picture."""

from __future__ import annotations

from pathlib import Path

from zk0.errors import StorageError
from zk0.experiments.compare import Comparison

COLORS = ("#1f6f8b", "#d1495b")


def draw_comparison(found: Comparison, title: str, path: Path) -> None:
    """Curves with their intervals, and the paired difference below. Raises StorageError."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    rounds = range(found.rounds + 1)
    figure, (top, bottom) = plt.subplots(
        2, 1, figsize=(7, 6), height_ratios=(3, 2), sharex=True, layout="constrained"
    )
    for arm, name in enumerate((found.first, found.second)):
        points = [found.compute_loss(arm, r) for r in rounds]
        style = "-" if arm == 0 else "--"
        top.plot(rounds, [p.mean for p in points], style, color=COLORS[arm], label=name)
        top.fill_between(
            rounds, [p.low for p in points], [p.high for p in points],
            color=COLORS[arm], alpha=0.2, linewidth=0,
        )  # fmt: skip
    top.set_ylabel("loss on the pool")
    top.set_title(title)
    top.legend(frameon=False)
    differences = [found.compute_difference(r) for r in rounds]
    bottom.axhline(0, color="gray", linewidth=0.8)
    bottom.plot(rounds, [d.mean for d in differences], color="black")
    bottom.fill_between(
        rounds, [d.low for d in differences], [d.high for d in differences],
        color="black", alpha=0.15, linewidth=0,
    )  # fmt: skip
    bottom.set_ylabel(f"{found.first} − {found.second}")
    bottom.set_xlabel("round")
    bottom.xaxis.get_major_locator().set_params(integer=True)
    try:
        figure.savefig(path, dpi=130)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}") from error
    finally:
        plt.close(figure)
