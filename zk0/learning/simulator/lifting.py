"""What an arm that lifts a cube does next, from where arm and cube are now and nothing else.

An expert with a plan goes through phases that pictures do not show. Here the phase follows from the
geometry, so the expert can take over from anywhere.
"""

from __future__ import annotations

GRASP_HEIGHT_M = 0.012
HOVER_HEIGHT_M = 0.09
LIFTED_HEIGHT_M = 0.102
CLOSE_M = 0.014
"""The jaws close when the tool is this near the cube's axis, and turned and high this little."""
CLOSE_TURN_RAD = 0.2
CLOSE_HEIGHT_M = 0.02
FUNNEL_M = 0.008
"""Within this distance and turn the tool goes all the way down."""
FUNNEL_TURN_RAD = 0.12
FUNNEL_SLOPE = 4.0
"""Metres higher for each metre farther away."""
TURN_M = 0.03
"""Metres of distance that a radian of turn counts as."""


def is_around(off_m: float, turn_rad: float, tool_m: float) -> bool:
    """Whether the open jaws are around the cube, so that they should close.

    Args:
        off_m: horizontal distance from the tool to the cube's axis in metres.
        turn_rad: angle between the jaw line and where it should point.
        tool_m: the tool's height above the floor in metres.
    """
    return off_m < CLOSE_M and turn_rad < CLOSE_TURN_RAD and tool_m < CLOSE_HEIGHT_M


def compute_approach_height(off_m: float, turn_rad: float) -> float:
    """How high the tool should be, in metres: a funnel above the cube, flat far away."""
    away = max(0.0, off_m - FUNNEL_M) + TURN_M * max(0.0, turn_rad - FUNNEL_TURN_RAD)
    return GRASP_HEIGHT_M + min(FUNNEL_SLOPE * away, HOVER_HEIGHT_M - GRASP_HEIGHT_M)
