"""Losses with fixed noise and time: the same frames give the same loss everywhere."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from zk0.learning.frames import Frames, build_batch
from zk0.learning.policy import Policy
from zk0.protocol.randomness import Stream

MICROBATCH = 32
"""Frames in one forward pass; a fixed number, since it changes the last bits of a loss."""

HELD_OUT_SEED = hashlib.sha256(b"zk0 held-out evaluation").digest()
HELD_OUT_FRAMES = 64


def draw_noise(
    seed: bytes, task: str, frame: int, chunk_size: int, action_dim: int
) -> NDArray[np.float32]:
    """Flow-matching noise of one frame: standard normal, float32[chunk_size, action_dim]."""
    values = Stream(seed, f"noise/{task}/{frame}").normals(chunk_size * action_dim)
    return values.astype(np.float32).reshape(chunk_size, action_dim)


def draw_time(seed: bytes, task: str, frame: int) -> np.float32:
    """Flow-matching time of one frame, in (0, 1].

    SmolVLA's law, 0.001 + 0.999·Beta(1.5, 1), by the inverse of its distribution function.
    """
    uniform = Stream(seed, f"time/{task}/{frame}").uniforms(1)[0]
    return np.float32(uniform ** (1 / 1.5) * 0.999 + 0.001)


def compute_task_loss(
    policy: Policy,
    frames: Frames,
    indices: Sequence[int],
    task: str,
    seed: bytes,
    *,
    backward: bool = False,
) -> float:
    """Mean loss over the frames `indices` in evaluation mode, every frame with equal weight.

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
        batch = build_batch(frames, part, policy.chunk_size)
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
