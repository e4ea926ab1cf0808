"""Training pictures turned about the arm's base, with the joints that go with them.

The scene before the arm looks the same in every direction, so one demonstration is worth as many
as there are angles: the camera above sees everything turned, the wrist camera sees what it saw,
and only the pan of state and actions differs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from zk0.learning.augmentation import Augment
from zk0.learning.robot import ACTION_KEY, CAMERA_PREFIX, STATE_KEY

OVERHEAD_KEY = f"{CAMERA_PREFIX}overhead"
PAN_AXIS_M = 0.02
"""Where the pan's axis stands, in front of the model's origin (fitted to pictures)."""


@dataclass(frozen=True, slots=True)
class View:
    """The camera above: straight down, the arm's front up in the picture."""

    center_m: float
    """How far in front of the origin the picture's middle lies."""
    distance_m: float
    """From the floor."""
    fov_deg: float
    height_m: float
    """What is turned lies about this high: what is higher or lower is a little off."""

    @property
    def pivot(self) -> float:
        """The pan's axis below the picture's middle, where half the picture is 1."""
        half = (self.distance_m - self.height_m) * math.tan(math.radians(self.fov_deg / 2))
        return (self.center_m - PAN_AXIS_M) / half


def build_turning(task: str, largest_deg: float) -> Augment:
    """Turns every frame of a batch by its own angle, at most `largest_deg` to either side."""
    from so101_nexus.camera_utils import compute_overhead_camera_params

    from zk0.learning.simulator.environment import TASKS

    spec = TASKS[task]
    settings = {name: spec.settings[name] for name in ("spawn_center", "spawn_max_radius")}
    camera = compute_overhead_camera_params(**settings, aspect=1.0)
    view = View(float(camera["lookat"][0]), camera["distance"], 45.0, spec.height_m)
    return lambda batch, seed: turn(batch, draw_angles(batch, seed, largest_deg), view)


def draw_angles(batch: dict[str, Any], seed: int, largest_deg: float) -> Any:
    """Degrees, float32[b]."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    return (2 * torch.rand(len(batch[STATE_KEY]), generator=generator) - 1) * largest_deg


def turn(batch: dict[str, Any], angles_deg: Any, view: View) -> dict[str, Any]:
    """The batch with the camera above, and the pan of state and actions, turned by `angles_deg`.

    Args:
        batch: as `frames.build_batch` makes it.
        angles_deg: float32[b], positive as the pan is.
    """
    import torch

    turned = dict(batch)
    radians = -torch.deg2rad(angles_deg)
    cos, sin, pivot = radians.cos(), radians.sin(), view.pivot
    rows = (cos, -sin, sin * pivot), (sin, cos, pivot - cos * pivot)
    affine = torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)
    pictures = batch[OVERHEAD_KEY]
    grid = torch.nn.functional.affine_grid(affine, list(pictures.shape), align_corners=False)
    turned[OVERHEAD_KEY] = torch.nn.functional.grid_sample(
        pictures, grid, padding_mode="border", align_corners=False
    )
    pan = torch.zeros(len(angles_deg), batch[STATE_KEY].shape[1])
    pan[:, 0] = angles_deg
    turned[STATE_KEY] = batch[STATE_KEY] + pan
    turned[ACTION_KEY] = batch[ACTION_KEY] + pan[:, None]
    return turned
