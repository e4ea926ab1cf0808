"""Training pictures turned about the arm's base."""

from __future__ import annotations

import numpy as np
import torch

from zk0.learning.robot import ACTION_KEY, STATE_KEY
from zk0.learning.simulator.turning import OVERHEAD_KEY, View, draw_angles, turn

WRIST_KEY = "observation.images.wrist"
VIEW = View(center_m=0.175, distance_m=0.72, fov_deg=45.0, height_m=0.1)


def make_batch(size: int) -> dict[str, object]:
    generator = torch.Generator().manual_seed(0)
    return {
        OVERHEAD_KEY: torch.rand(size, 3, 64, 64, generator=generator),
        WRIST_KEY: torch.rand(size, 3, 64, 64, generator=generator),
        STATE_KEY: torch.rand(size, 6, generator=generator),
        ACTION_KEY: torch.rand(size, 16, 6, generator=generator),
    }


def test_no_angle_changes_nothing() -> None:
    batch = make_batch(2)
    turned = turn(batch, torch.zeros(2), VIEW)
    for key, value in batch.items():
        torch.testing.assert_close(turned[key], value)


def test_only_the_pan_and_the_camera_above_turn() -> None:
    batch = make_batch(3)
    angles = torch.tensor([10.0, -20.0, 5.0])
    turned = turn(batch, angles, VIEW)
    assert torch.equal(turned[WRIST_KEY], batch[WRIST_KEY])
    state, action = turned[STATE_KEY] - batch[STATE_KEY], turned[ACTION_KEY] - batch[ACTION_KEY]
    torch.testing.assert_close(state[:, 0], angles, atol=1e-5, rtol=0)
    torch.testing.assert_close(action[:, :, 0], angles[:, None].expand(3, 16), atol=1e-5, rtol=0)
    assert not state[:, 1:].any()
    assert not action[:, :, 1:].any()


def test_a_thing_before_the_base_goes_to_the_right_as_the_pan_does() -> None:
    """The SO-101's pan is positive to the right (held against pictures of the turned arm)."""
    batch = make_batch(1)
    picture = torch.zeros(1, 3, 64, 64)
    picture[0, :, 20:23, 31:33] = 1
    turned = turn({**batch, OVERHEAD_KEY: picture}, torch.tensor([30.0]), VIEW)[OVERHEAD_KEY]
    row, column = (w.float().mean().item() for w in torch.where(turned[0, 0] > 0.4))
    pivot = 31.5 + 32 * VIEW.pivot
    away = pivot - 21
    np.testing.assert_allclose(column, 31.5 + away * np.sin(np.radians(30)), atol=1)
    np.testing.assert_allclose(row, pivot - away * np.cos(np.radians(30)), atol=1)


def test_angles_come_from_the_seed_and_stay_within_the_limit() -> None:
    batch = make_batch(16)
    angles = draw_angles(batch, 7, 25.0)
    assert torch.equal(angles, draw_angles(batch, 7, 25.0))
    assert not torch.equal(angles, draw_angles(batch, 8, 25.0))
    assert angles.abs().max() <= 25
    assert angles.min() < 0 < angles.max()
