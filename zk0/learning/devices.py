"""Where a policy runs: the fastest device that is there, unless one is named."""

from __future__ import annotations

import os

import torch

from zk0.errors import ConfigError

DEVICE_VARIABLE = "ZK0_DEVICE"


def choose_device(wanted: str | None = None) -> str:
    """`wanted`, else ZK0_DEVICE, else cuda, mps or cpu, whichever is there first.

    Raises:
        ConfigError: not a device, or not on this machine.
    """
    there = [name for name in ("cuda", "mps", "cpu") if _is_there(name)]
    chosen = wanted or os.environ.get(DEVICE_VARIABLE) or there[0]
    if chosen.partition(":")[0] not in there:
        raise ConfigError(f"expected a device of this machine {there}, found {chosen!r}")
    try:
        return str(torch.device(chosen))
    except RuntimeError as error:
        raise ConfigError(f"expected a device of this machine, found {chosen!r}") from error


def _is_there(name: str) -> bool:
    if name == "cuda":
        return torch.cuda.is_available()
    return name == "cpu" or torch.backends.mps.is_available()


def has_bfloat16(device: str) -> bool:
    """Whether training may compute in bfloat16: on GPUs whose arithmetic has it."""
    return device.startswith("cuda") and torch.cuda.is_bf16_supported(including_emulation=False)
