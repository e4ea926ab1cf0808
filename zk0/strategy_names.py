"""Strategies by the names that people know, with starting values for the tiny model.

A name is only a way to write a manifest: what counts is what the manifest then says.
"""

from __future__ import annotations

from zk0.config import NetworkManifest
from zk0.errors import ConfigError
from zk0.recipes import (
    CombinationRule,
    FedAdamRule,
    FedAvgMRule,
    FedAvgRule,
    FedYogiRule,
    Frozen,
    MeanCombination,
    MedianCombination,
    ServerRule,
    TrimmedMeanCombination,
)


class Preset(Frozen):
    """The rules that a name stands for."""

    combination: CombinationRule = MeanCombination()
    server_rule: ServerRule = FedAvgRule()
    proximal_mu: str = "0"


PRESETS = {
    "fedavg": Preset(),
    "fedprox": Preset(proximal_mu="0.01"),
    "fedavgm": Preset(server_rule=FedAvgMRule(learning_rate="0.5", momentum="0.5")),
    "fedadam": Preset(
        server_rule=FedAdamRule(learning_rate="0.005", beta1="0.9", beta2="0.99", tau="0.001")
    ),
    "fedyogi": Preset(
        server_rule=FedYogiRule(learning_rate="0.005", beta1="0.9", beta2="0.99", tau="0.001")
    ),
    "median": Preset(combination=MedianCombination()),
    "trimmed-mean": Preset(combination=TrimmedMeanCombination(trim_bps=2_000)),
}


def apply_preset(manifest: NetworkManifest, name: str) -> NetworkManifest:
    """`manifest` with the rules that `name` stands for. Raises ConfigError for another name."""
    if name not in PRESETS:
        raise ConfigError(f"expected one of the strategies {', '.join(PRESETS)}, found {name!r}")
    preset = PRESETS[name]
    training = manifest.training.model_copy(update={"proximal_mu": preset.proximal_mu})
    return manifest.model_copy(
        update={
            "combination": preset.combination,
            "server_rule": preset.server_rule,
            "training": training,
        }
    )
