"""What an arm that puts a cube down on a circle does once it has the cube, as `lifting.py` has it
before: from where things are now and nothing else."""

from __future__ import annotations

from zk0.learning.simulator.lifting import GRASP_HEIGHT_M

THERE_M = 0.014
"""The jaws open over a cube that rests this near the circle's middle."""
LEFT_M = 0.023
"""Farther, once they have: a cube that lies within it is left alone."""
RESTING_M = 0.006
"""A cube is down when it is less than this above where it lay at first."""
CARRY_HEIGHT_M = 0.06
CARRY_SLOPE = 3.0
"""Metres higher for each metre that the cube is farther from the circle than `STEEP_M`."""
STEEP_M = 0.008
PRESS_M = 0.004
"""A cube over the circle is aimed this far into the floor, so that it comes down."""
OPENING_RAD = 0.3
"""The jaws open by this much a step, up to `OPENED_RAD`."""
OPENED_RAD = 0.6
RISING_RAD = 0.35
"""From this opening on the tool rises, to `RISEN_HEIGHT_M`."""
RISEN_HEIGHT_M = 0.06


def is_placed(far_m: float, up_m: float, held: bool) -> bool:
    """Whether to let go, or having let go, to leave.

    Args:
        far_m: horizontal distance from the cube to the circle's middle, in metres.
        up_m: how far the cube is above where it lay at first.
        held: whether the jaws hold the cube.
    """
    return far_m < (THERE_M if held else LEFT_M) and up_m < RESTING_M


def compute_carry_height(far_m: float) -> float:
    """How high the tool that holds the cube should be, in metres: a funnel over the circle."""
    if far_m < THERE_M:
        return GRASP_HEIGHT_M - PRESS_M
    return GRASP_HEIGHT_M + min(CARRY_SLOPE * max(0.0, far_m - STEEP_M), CARRY_HEIGHT_M)


def compute_leave_height(tool_m: float, gripper_rad: float, held: bool) -> float:
    """How high the tool should be over a placed cube: where it is until the jaws are open."""
    return tool_m if held or gripper_rad < RISING_RAD else RISEN_HEIGHT_M
