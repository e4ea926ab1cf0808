"""The learning rate within one round of local training: torch's and LeRobot's schedulers."""

from __future__ import annotations

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import (
    ConstantLR,
    CosineAnnealingLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    OneCycleLR,
)

from zk0.errors import ConfigError


def compute_warmup_cosine(step: int, steps: int, warmup_steps: int, final_share: float) -> float:
    """Share of the learning rate at `step`: linear warm-up times a cosine decay."""
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps)))
    decay = final_share + (1 - final_share) * cosine
    return min(1.0, (step + 1) / warmup_steps) * decay


def make_scheduler(
    name: str,
    optimizer: Optimizer,
    *,
    rate: float,
    steps: int,
    warmup_steps: int,
    final_share: float,
) -> LRScheduler:
    """The scheduler that a manifest names, from its first step.

    Args:
        rate: the peak learning rate, already set in `optimizer`.
        final_share: where a decay ends, as a share of `rate`.

    Raises:
        ConfigError: no such scheduler.
    """
    if name == "warmup-cosine":
        return LambdaLR(
            optimizer, lambda step: compute_warmup_cosine(step, steps, warmup_steps, final_share)
        )
    if name == "constant":
        return ConstantLR(optimizer, factor=1.0)
    if name == "cosine":
        return CosineAnnealingLR(optimizer, T_max=steps, eta_min=rate * final_share)
    if name == "linear":
        return LinearLR(optimizer, start_factor=1.0, end_factor=final_share, total_iters=steps)
    if name == "one-cycle":
        return OneCycleLR(optimizer, max_lr=rate, total_steps=steps + 1, cycle_momentum=False)
    if name == "lerobot-cosine":
        from lerobot.optim.schedulers import CosineDecayWithWarmupSchedulerConfig

        config = CosineDecayWithWarmupSchedulerConfig(
            num_warmup_steps=warmup_steps,
            num_decay_steps=steps,
            peak_lr=rate,
            decay_lr=rate * final_share,
        )
        scheduler: LRScheduler = config.build(optimizer, steps)
        return scheduler
    raise ConfigError(f"expected a scheduler that zk0.recipes lists, found {name!r}")
