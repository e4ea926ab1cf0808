"""Two arms on the same federation, steps, data and seeds, compared pair by pair."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from zk0.errors import ConfigError
from zk0.experiments.arms import Curve, get_arm
from zk0.experiments.setting import Setting
from zk0.experiments.statistics import (
    CONFIDENCE,
    Interval,
    compute_interval,
    compute_paired_interval,
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Curves by seed, in the order of `seeds`."""

    first: str
    second: str
    seeds: tuple[int, ...]
    curves: tuple[tuple[Curve, ...], tuple[Curve, ...]]

    @property
    def rounds(self) -> int:
        return len(self.curves[0][0].losses) - 1

    def get_losses(self, arm: int, round_id: int) -> list[float]:
        return [curve.losses[round_id] for curve in self.curves[arm]]

    def compute_loss(self, arm: int, round_id: int) -> Interval:
        return compute_interval(self.get_losses(arm, round_id))

    def compute_difference(self, round_id: int) -> Interval:
        """Loss of the first arm minus the second's, paired by seed: below zero, the first leads."""
        return compute_paired_interval(self.get_losses(0, round_id), self.get_losses(1, round_id))

    def compute_seconds(self, arm: int) -> Interval:
        return compute_interval([curve.seconds for curve in self.curves[arm]])

    def to_json(self) -> dict[str, Any]:
        last = self.rounds
        return {
            "method": f"paired Student's t interval, {CONFIDENCE:.0%}",
            "seeds": list(self.seeds),
            "rounds": last,
            "arms": {
                name: {
                    "losses": [list(curve.losses) for curve in self.curves[arm]],
                    "last_loss": self.compute_loss(arm, last).to_json(),
                    "seconds_per_round": self.compute_seconds(arm).to_json(),
                }
                for arm, name in enumerate((self.first, self.second))
            },
            "difference": self.compute_difference(last).to_json(),
        }


def compare(
    setting: Setting,
    first: str,
    second: str,
    *,
    rounds: int,
    seeds: Sequence[int],
    show: Callable[[str], None],
) -> Comparison:
    """Run both arms at every seed.

    Raises:
        ConfigError: an unknown arm, the same one twice, or fewer than two seeds.
    """
    if first == second:
        raise ConfigError(f"expected two different arms, found {first} twice")
    if len(set(seeds)) < 2:
        raise ConfigError(f"an interval needs at least two different seeds, found {list(seeds)}")
    arms = get_arm(first), get_arm(second)
    curves: tuple[list[Curve], list[Curve]] = ([], [])
    for seed in seeds:
        for run, found in zip(arms, curves, strict=True):
            found.append(run(setting, seed, rounds))
        show(
            f"seed {seed}: {first} {curves[0][-1].losses[-1]:.4f}, "
            f"{second} {curves[1][-1].losses[-1]:.4f}"
        )
    return Comparison(first, second, tuple(seeds), (tuple(curves[0]), tuple(curves[1])))


def format_comparison(found: Comparison) -> str:
    """For a person: last losses, their paired difference, seconds a round."""
    last = found.rounds
    difference = found.compute_difference(last)
    is_clear = difference.low > 0 or difference.high < 0
    rows = [
        f"{name:12s} loss {found.compute_loss(arm, last)}   {found.compute_seconds(arm)} s a round"
        for arm, name in enumerate((found.first, found.second))
    ]
    verdict = "" if is_clear else ", which may be chance: the interval holds zero"
    return "\n".join(
        [
            f"after {last} rounds, {len(found.seeds)} seeds, {CONFIDENCE:.0%} intervals "
            "(Student's t, differences paired by seed)",
            *rows,
            f"{found.first} − {found.second}: {difference.mean:+.4f} "
            f"({difference.low:+.4f} … {difference.high:+.4f}){verdict}",
        ]
    )
