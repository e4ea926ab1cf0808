"""What an expert without a plan does when it lifts a cube and puts it down."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zk0.learning.simulator.lifting import (
    GRASP_HEIGHT_M,
    HOVER_HEIGHT_M,
    compute_approach_height,
    is_around,
)
from zk0.learning.simulator.placing import (
    compute_carry_height,
    compute_leave_height,
    is_placed,
)

metres = st.floats(0, 0.5)
radians = st.floats(0, 1.6)


@pytest.mark.parametrize(
    ("off_m", "turn_rad", "tool_m", "closes"),
    [
        (0.0, 0.0, 0.012, True),
        (0.02, 0.0, 0.012, False),
        (0.0, 0.3, 0.012, False),
        (0.0, 0.0, 0.05, False),
    ],
)
def test_the_jaws_close_only_low_near_and_straight(
    off_m: float, turn_rad: float, tool_m: float, closes: bool
) -> None:
    assert is_around(off_m, turn_rad, tool_m) is closes


def test_the_tool_goes_down_above_the_cube_and_hovers_away_from_it() -> None:
    assert compute_approach_height(0.0, 0.0) == GRASP_HEIGHT_M
    assert compute_approach_height(0.2, 0.0) == pytest.approx(HOVER_HEIGHT_M)
    assert compute_approach_height(0.0, 1.0) > GRASP_HEIGHT_M


@given(metres, metres, radians)
def test_nearer_is_never_higher(near_m: float, far_m: float, turn_rad: float) -> None:
    near_m, far_m = sorted((near_m, far_m))
    assert compute_approach_height(near_m, turn_rad) <= compute_approach_height(far_m, turn_rad)


@given(metres)
def test_what_is_held_is_carried_high_until_it_is_there(far_m: float) -> None:
    height_m = compute_carry_height(far_m)
    if far_m < 0.014:
        assert height_m < GRASP_HEIGHT_M
    else:
        assert GRASP_HEIGHT_M < height_m <= GRASP_HEIGHT_M + 0.06


@pytest.mark.parametrize(
    ("far_m", "up_m", "held", "placed"),
    [
        (0.01, 0.001, True, True),
        (0.02, 0.001, True, False),
        (0.02, 0.001, False, True),
        (0.03, 0.001, False, False),
        (0.01, 0.02, True, False),
    ],
)
def test_jaws_let_go_only_over_the_circle_and_down(
    far_m: float, up_m: float, held: bool, placed: bool
) -> None:
    assert is_placed(far_m, up_m, held) is placed


@pytest.mark.parametrize(
    ("gripper_rad", "held", "height_m"), [(0.1, True, 0.01), (0.1, False, 0.01), (0.5, False, 0.06)]
)
def test_the_tool_rises_once_the_jaws_are_open(
    gripper_rad: float, held: bool, height_m: float
) -> None:
    assert compute_leave_height(0.01, gripper_rad, held) == height_m
