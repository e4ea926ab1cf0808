"""Simulated federations: the protocol's rules, one seed, one result."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from coordinator.simulate import SimulationOptions, simulate
from tests.doubles.world import TASKS, World, make_honest
from zk0.errors import ConfigError
from zk0.experiments.records import RoundRecord
from zk0.experiments.setting import make_setting
from zk0.experiments.simulation import Simulation
from zk0.experiments.statistics import (
    compute_interval,
    compute_paired_interval,
    compute_t_quantile,
)
from zk0.strategy_names import PRESETS

OPTIONS = SimulationOptions(
    rounds=2, nodes=3, policy="toy", strategy="fedavg", poisoned=0, commitments=False,
    proofs=False, seed=4,
)  # fmt: skip


def run(seed: int, strategy: str = "fedavg", rounds: int = 3, **rest: int) -> list[RoundRecord]:
    return Simulation(make_setting("toy", nodes=4, strategy=strategy, **rest), seed).run(rounds)


@pytest.mark.parametrize("strategy", sorted(PRESETS))
def test_one_seed_gives_the_same_checkpoint_digests_twice(strategy: str) -> None:
    first, second, other = run(7, strategy), run(7, strategy), run(8, strategy)
    assert [r.checkpoint for r in first] == [r.checkpoint for r in second]
    assert not {r.checkpoint for r in first} & {r.checkpoint for r in other}
    assert [r.shares for r in first] == [r.shares for r in second]


def test_the_pipelines_rounds_repeat_themselves_too(tmp_path: Path) -> None:
    """The real coordinator and nodes over doubles: same wallets, same chain, same digests."""
    found = []
    for folder in ("a", "b"):
        world = World(tmp_path / folder, make_honest(*TASKS))
        world.run_round()
        world.run_round()
        found.append([world.chain.rounds[i].checkpoint for i in (1, 2)])
    assert found[0] == found[1]


def test_the_loss_falls_and_shares_add_up() -> None:
    records = run(0, rounds=4)
    losses = [r.pool_loss for r in records]
    assert losses == sorted(losses, reverse=True)
    for r in records:
        assert r.sum_of_shares == pytest.approx(r.base_loss - r.candidate_loss, rel=1e-3)
        assert len(r.accepted) == 4


@pytest.mark.parametrize("strategy", ["fedavg", "fedadam", "median"])
def test_a_poisoned_node_is_not_accepted_and_has_a_negative_share(strategy: str) -> None:
    for record in run(1, strategy, poisoned=1):
        assert record.accepted == ("lift-0", "place-1", "touch-2")
        assert record.shares["lift-3"] < 0


def test_without_the_gate_everybody_counts() -> None:
    setting = make_setting("toy", nodes=4, poisoned=1)
    open_to_all = Simulation(setting, 1, is_gated=False).run(3)
    assert all(len(r.accepted) == 4 for r in open_to_all)
    assert run(1, poisoned=1)[-1].pool_loss < open_to_all[-1].pool_loss


def test_a_step_that_makes_it_worse_keeps_the_base() -> None:
    setting = make_setting("toy", nodes=3)
    strict = replace(setting.parameters, max_regression_nano=0, z_min=1)
    for member in setting.members:
        member.learner._learning_rate = 8.0  # overshoots
    simulation = Simulation(replace(setting, parameters=strict), 0)
    before = simulation.digest
    record = simulation.run_round()
    assert record.base_kept
    assert simulation.digest == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"policy": "large"}, "one of the policies toy, tiny"),
        ({"strategy": "fedsgd"}, "one of the strategies fedavg"),
        ({"poisoned": 3}, "fewer poisoned nodes"),
        ({"seed": -1}, "a seed of zero or above"),
    ],
)
def test_simulations_that_make_no_sense_are_refused(change: dict, message: str) -> None:
    lines: list[str] = []
    with pytest.raises(ConfigError, match=message):
        simulate(replace(OPTIONS, **change), lines.append)
    assert not lines


def test_a_simulation_writes_a_line_a_round_and_a_summary() -> None:
    lines: list[str] = []
    simulate(OPTIONS, lines.append)
    *rounds, last = [json.loads(line) for line in lines]
    assert [r["round"] for r in rounds] == [1, 2]
    summary = last["summary"]
    assert summary["checkpoint"] == rounds[-1]["checkpoint"]
    assert summary["pool_loss"]["last"] < summary["pool_loss"]["first"]
    assert not summary["commitments"]


def test_students_quantiles_are_the_tabulated_ones() -> None:
    for degrees, value in ((1, 12.7062), (2, 4.3027), (4, 2.7764), (9, 2.2622), (29, 2.0452)):
        assert compute_t_quantile(degrees) == pytest.approx(value, abs=2e-4)
    with pytest.raises(ValueError, match="degree of freedom"):
        compute_t_quantile(0)


def test_intervals() -> None:
    found = compute_interval([1.0, 2.0, 3.0])
    assert (found.mean, found.count) == (2.0, 3)
    assert found.high == pytest.approx(2 + 4.3027 / math.sqrt(3), abs=1e-3)
    assert math.isnan(compute_interval([1.0]).low)
    assert compute_interval([1.0]).to_json()["low"] is None
    paired = compute_paired_interval([1.0, 12.0, 30.0], [0.0, 11.0, 29.0])
    assert (paired.low, paired.mean, paired.high) == (1.0, 1.0, 1.0)
    with pytest.raises(ValueError):
        compute_paired_interval([1.0], [1.0, 2.0])
