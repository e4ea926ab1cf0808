"""The phases of an expert that lifts without a plan."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zk0.learning.simulator.lifting import (
    GRASP_HEIGHT_M,
    HOVER_HEIGHT_M,
    Phase,
    choose_phase,
    compute_approach_height,
)

metres = st.floats(0, 0.5)
radians = st.floats(0, 1.6)


@given(metres, radians, metres)
def test_a_held_cube_is_lifted_wherever_the_tool_is(off_m: float, turn: float, tool: float) -> None:
    assert choose_phase(off_m, turn, tool, held=True) is Phase.LIFT


@pytest.mark.parametrize(
    ("off_m", "turn_rad", "tool_m", "phase"),
    [
        (0.0, 0.0, 0.012, Phase.CLOSE),
        (0.02, 0.0, 0.012, Phase.APPROACH),
        (0.0, 0.3, 0.012, Phase.APPROACH),
        (0.0, 0.0, 0.05, Phase.APPROACH),
    ],
)
def test_the_jaws_close_only_low_near_and_straight(
    off_m: float, turn_rad: float, tool_m: float, phase: Phase
) -> None:
    assert choose_phase(off_m, turn_rad, tool_m, held=False) is phase


def test_the_tool_goes_down_above_the_cube_and_hovers_away_from_it() -> None:
    assert compute_approach_height(0.0, 0.0) == GRASP_HEIGHT_M
    assert compute_approach_height(0.2, 0.0) == pytest.approx(HOVER_HEIGHT_M)
    assert compute_approach_height(0.0, 1.0) > GRASP_HEIGHT_M


@given(metres, metres, radians)
def test_nearer_is_never_higher(near_m: float, far_m: float, turn_rad: float) -> None:
    near_m, far_m = sorted((near_m, far_m))
    assert compute_approach_height(near_m, turn_rad) <= compute_approach_height(far_m, turn_rad)
