"""Losses with fixed noise and time: the same frames give the same loss everywhere."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import torch

from zk0.learning.draws import draw_noise, draw_time
from zk0.learning.frames import Frames, build_batch
from zk0.learning.policy import Policy

MICROBATCH = 32
"""Frames in one forward pass; a fixed number, since it changes the last bits of a loss."""

HELD_OUT_SEED = hashlib.sha256(b"zk0 held-out evaluation").digest()
HELD_OUT_FRAMES = 64


def compute_task_loss(
    policy: Policy,
    frames: Frames,
    indices: Sequence[int],
    task: str,
    seed: bytes,
    *,
    rows: Sequence[int] | None = None,
    backward: bool = False,
) -> float:
    """Mean loss over the frames `indices` in evaluation mode, every frame with equal weight.

    A frame's index gives its noise and time; `rows` says where it stands in `frames`, by default
    at its index.

    With `backward`, the gradient of that mean is added to the parameters' `.grad`
    (float32, one microbatch after the other, in the order given).
    """
    policy.module.eval()
    total = 0.0
    for start in range(0, len(indices), MICROBATCH):
        part = list(indices[start : start + MICROBATCH])
        noise = np.stack(
            [draw_noise(seed, task, i, policy.chunk_size, policy.max_action_dim) for i in part]
        )
        time = np.array([draw_time(seed, task, i) for i in part], dtype=np.float32)
        at = part if rows is None else list(rows[start : start + MICROBATCH])
        batch = build_batch(frames, at, policy.chunk_size)
        with torch.set_grad_enabled(backward):
            losses = policy.compute_frame_losses(batch, noise, time)
            if backward:
                (losses.sum() / len(indices)).backward()  # type: ignore[no-untyped-call]
        total += float(losses.detach().double().sum())
    return total / len(indices)


def compute_held_out_loss(policy: Policy, held_out: Frames) -> float:
    """Mean loss on at most 64 evenly spaced held-out frames, noise and time always the same."""
    count = min(HELD_OUT_FRAMES, len(held_out))
    indices = np.linspace(0, len(held_out) - 1, count).round().astype(np.int64)
    return compute_task_loss(policy, held_out, indices.tolist(), "held-out", HELD_OUT_SEED)
