"""Comparisons: paired, on the same draws, and honest about chance."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from zk0.compare import ARMS as NAMES
from zk0.compare import compare as command
from zk0.errors import ConfigError
from zk0.experiments.arms import ARMS, Curve, get_arm
from zk0.experiments.compare import Comparison, compare, format_comparison
from zk0.experiments.setting import make_setting


def make_comparison(first: list[float], second: list[float]) -> Comparison:
    curves = tuple(tuple(Curve((1.0, loss), 0.1) for loss in losses) for losses in (first, second))
    return Comparison("verified", "flower", tuple(range(len(first))), curves)


def test_the_command_lists_every_arm() -> None:
    assert set(NAMES) == set(ARMS)
    with pytest.raises(ConfigError, match="expected one of verified, flower, centralised"):
        get_arm("fedsgd")


@pytest.mark.parametrize("name", sorted(ARMS))
def test_an_arm_repeats_itself_and_starts_where_the_others_do(name: str) -> None:
    setting = make_setting("toy", nodes=3)
    first, again = (ARMS[name](setting, 5, 2) for _ in range(2))
    assert first.losses == again.losses
    assert first.losses[0] == ARMS["verified"](setting, 6, 1).losses[0]
    assert first.losses[2] < first.losses[1] < first.losses[0]


def test_honest_verified_rounds_are_plain_flowers_but_for_int8() -> None:
    """Same draws, same examples: what differs is rounding, and that is fed back."""
    found = compare(
        make_setting("toy", nodes=3), "verified", "flower", rounds=4, seeds=(0, 1),
        show=lambda _line: None,
    )  # fmt: skip
    for round_id in range(5):
        pairs = zip(found.get_losses(0, round_id), found.get_losses(1, round_id), strict=True)
        for verified, flower in pairs:
            assert verified == pytest.approx(flower, rel=0.01)


def test_a_difference_that_may_be_chance_is_called_so() -> None:
    clear = format_comparison(make_comparison([0.5, 0.6, 0.7], [0.6, 0.7, 0.81]))
    assert "chance" not in clear
    assert "verified − flower: -0.1033" in clear
    unclear = format_comparison(make_comparison([0.5, 0.9, 0.7], [0.6, 0.7, 0.7]))
    assert "which may be chance" in unclear


@pytest.mark.parametrize(
    ("second", "seeds", "message"),
    [("verified", (0, 1), "two different arms"), ("flower", (3, 3), "two different seeds")],
)
def test_comparisons_that_say_nothing_are_refused(second: str, seeds: tuple, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        compare(
            make_setting("toy", nodes=2), "verified", second, rounds=1, seeds=seeds,
            show=lambda _line: None,
        )  # fmt: skip


def test_the_command_writes_figures_and_a_picture(tmp_path: Path) -> None:
    arguments = ["verified", "centralised", "--rounds", "2", "--seeds", "2", "--nodes", "2"]
    done = CliRunner().invoke(command, [*arguments, "--outputs", str(tmp_path)])
    assert done.exit_code == 0, done.output
    (folder,) = tmp_path.iterdir()
    value = json.loads((folder / "comparison.json").read_text())
    assert value["method"] == "paired Student's t interval, 95%"
    losses = value["arms"]["verified"]["losses"]
    assert [len(curve) for curve in losses] == [3, 3]
    assert (folder / "comparison.png").read_bytes().startswith(b"\x89PNG")
