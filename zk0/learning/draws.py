"""Flow-matching noise and time from a challenge's seed: `docs/encodings.md`. No torch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zk0.protocol.randomness import Stream


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
