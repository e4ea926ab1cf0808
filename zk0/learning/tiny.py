"""Builds the embedded tiny SmolVLA: LeRobot's real code at 840,768 parameters, offline.

A backbone folder holds config, tokenizer and processor that are written here, so that
nothing is fetched from a hub. Run by `scripts/build-tiny-checkpoint`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lerobot.policies.smolvla.configuration_smolvla import SmolVLAConfig
from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    PreTrainedTokenizerFast,
    SmolVLMConfig,
    SmolVLMImageProcessor,
    SmolVLMProcessor,
    SmolVLMVideoProcessor,
)

from zk0.learning.policy import BACKBONE_FOLDER, describe_features
from zk0.learning.robot import SO101

VOCABULARY = 512
"""The tokenizer's; a larger model has rows that no instruction uses."""


@dataclass(frozen=True, slots=True)
class BackboneSize:
    """Sizes of a SmolVLM."""

    vocabulary: int
    scale_factor: int
    """Patches in a row that become one image token."""
    vision: dict[str, Any]
    text: dict[str, Any]

    @property
    def image_edge(self) -> int:
        return int(self.vision["image_size"])

    @property
    def image_tokens(self) -> int:
        patches = self.image_edge // int(self.vision["patch_size"])
        return patches**2 // self.scale_factor**2


TINY = BackboneSize(
    vocabulary=VOCABULARY,
    scale_factor=2,
    vision={
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "image_size": 64,
        "patch_size": 8,
    },
    text={
        "hidden_size": 96,
        "intermediate_size": 192,
        "num_hidden_layers": 4,
        "num_attention_heads": 3,
        "num_key_value_heads": 1,
        "head_dim": 32,
        "max_position_embeddings": 512,
        "rope_theta": 100000.0,
        "rms_norm_eps": 1e-5,
    },
)
IMAGE_TOKEN = "<image>"
SPECIAL_TOKENS = [
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    IMAGE_TOKEN,
    "<fake_token_around_image>",
    "<global-img>",
    "<end_of_utterance>",
]
VERBS = ("pick up", "push", "lift", "reach", "stack", "touch", "place", "look at")
COLORS = ("red", "green", "blue", "yellow", "")
THINGS = ("cube", "block", "target", "sphere")
PLACES = ("", "on the plate", "into the bin", "to the goal", "with the gripper")


def build_tiny_policy(folder: Path, seed: int) -> Any:
    """Write the backbone into `folder` and return an untrained policy (LeRobot's class).

    The seed fixes the parameters within one version of torch; what a network starts from
    is the published file, never the seed.
    """
    backbone = folder / BACKBONE_FOLDER
    build_backbone(backbone, TINY)
    torch.manual_seed(seed)
    inputs, outputs = describe_features(SO101)
    config = SmolVLAConfig(
        input_features=inputs,
        output_features=outputs,
        vlm_model_name=str(backbone),
        load_vlm_weights=False,
        device="cpu",
        push_to_hub=False,
        chunk_size=16,
        n_action_steps=8,
        num_vlm_layers=4,
        resize_imgs_with_padding=(TINY.image_edge, TINY.image_edge),
        max_state_dim=32,
        max_action_dim=32,
        tokenizer_max_length=24,
        pad_language_to="max_length",
        train_expert_only=False,
        freeze_vision_encoder=False,
    )
    return SmolVLAPolicy(config)


def build_backbone(folder: Path, size: BackboneSize) -> None:
    """Write config, tokenizer and processor of a SmolVLM of that size; no weights."""
    tokenizer = _build_tokenizer()
    config = SmolVLMConfig(
        vision_config=dict(size.vision),
        text_config={
            "model_type": "llama",
            "vocab_size": size.vocabulary,
            "pad_token_id": tokenizer.pad_token_id,
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            **size.text,
        },
        scale_factor=size.scale_factor,
        image_token_id=tokenizer.convert_tokens_to_ids(IMAGE_TOKEN),
        pad_token_id=tokenizer.pad_token_id,
    )
    config.architectures = ["SmolVLMForConditionalGeneration"]
    config.save_pretrained(folder)
    edge = {"longest_edge": size.image_edge}
    processor = SmolVLMProcessor(
        image_processor=SmolVLMImageProcessor(size=edge, max_image_size=edge),
        tokenizer=tokenizer,
        video_processor=SmolVLMVideoProcessor(size=edge, max_image_size=edge),
        image_seq_len=size.image_tokens,
    )
    processor.save_pretrained(folder)


def _build_tokenizer() -> Any:
    """Byte-level BPE with the special tokens that SmolVLM and SmolVLA look up by name."""
    corpus = [
        f"{verb} the {color} {thing} {place}\n"
        for verb in VERBS
        for color in COLORS
        for thing in THINGS
        for place in PLACES
    ]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=SPECIAL_TOKENS,
        show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    tokenizer.train_from_iterator(corpus, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<|im_start|>",
        eos_token="<end_of_utterance>",
        pad_token="<|im_end|>",
        unk_token="<|endoftext|>",
        model_max_length=8192,
        extra_special_tokens={
            "image_token": IMAGE_TOKEN,
            "fake_image_token": "<fake_token_around_image>",
            "global_image_token": "<global-img>",
            "end_of_utterance_token": "<end_of_utterance>",
        },
    )
