"""A loss for each frame from any LeRobot policy, every random draw given from outside."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray


def compute_flow_losses(
    module: Any, batch: dict[str, Any], noise: NDArray[np.float32], time: NDArray[np.float32]
) -> torch.Tensor:
    """Of a policy whose `forward` takes noise and time and leaves the mean out (SmolVLA).

    Args:
        batch: what the policy's preprocessor made.
        noise: float32[b, chunk_size, max_action_dim].
        time: float32[b] in (0, 1].

    Returns:
        float32[b].
    """
    device = module.config.device
    losses, _ = module.forward(
        batch,
        noise=torch.from_numpy(noise).to(device),
        time=torch.from_numpy(time).to(device),
        reduction="none",
    )
    return losses  # type: ignore[no-any-return]


def compute_single_losses(
    module: Any, batch: dict[str, Any], noise: NDArray[np.float32], time: NDArray[np.float32]
) -> torch.Tensor:
    """Of any other policy: one frame at a time through its own `forward`.

    What such a policy draws (dropout, a variational latent, a diffusion step) comes from torch's
    generator, which is seeded with the frame's noise and time and put back afterwards. On a
    frame alone, a policy's mean over the batch is the frame's own loss.
    """
    devices = [] if torch.device(module.config.device).type != "cuda" else [module.config.device]
    losses = []
    with torch.random.fork_rng(devices=devices):
        for index in range(len(noise)):
            seed = hashlib.sha256(noise[index].tobytes() + time[index].tobytes()).digest()
            torch.manual_seed(int.from_bytes(seed[:7], "little"))
            loss, _ = module.forward(_take_frame(batch, index))
            losses.append(loss)
    return torch.stack(losses)


def _take_frame(batch: dict[str, Any], index: int) -> dict[str, Any]:
    """The batch of one frame."""
    return {
        key: value[index : index + 1] if isinstance(value, torch.Tensor | list) else value
        for key, value in batch.items()
    }
