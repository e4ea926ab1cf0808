"""Builds a small ACT: LeRobot's real code, without pretrained image weights, offline.

Zhao et al. 2023, "Learning Fine-Grained Bimanual Manipulation with Low-Cost Hardware". Its image
encoder is a ResNet-18 (11 million parameters), the smallest that LeRobot's ACT takes: scope
`expert` leaves it frozen.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from lerobot.policies.act.configuration_act import ACTConfig
from lerobot.policies.act.modeling_act import ACTPolicy

from zk0.learning.policy import MODELS, STATISTICS_FILE, describe_features
from zk0.learning.robot import SO101


def build_act_policy(folder: Path, seed: int) -> Any:
    """Save an untrained ACT for the embedded data sets to `folder` and return it.

    The embedded statistics go with it: the data are the same.
    """
    torch.manual_seed(seed)
    inputs, outputs = describe_features(SO101)
    config = ACTConfig(
        input_features=inputs,
        output_features=outputs,
        device="cpu",
        push_to_hub=False,
        pretrained_backbone_weights=None,
        chunk_size=16,
        n_action_steps=8,
        dim_model=32,
        n_heads=2,
        dim_feedforward=64,
        n_encoder_layers=1,
        n_decoder_layers=1,
        n_vae_encoder_layers=1,
        latent_dim=8,
    )
    policy = ACTPolicy(config)
    policy.save_pretrained(folder)
    shutil.copy(MODELS / "tiny" / STATISTICS_FILE, folder)
    return policy
