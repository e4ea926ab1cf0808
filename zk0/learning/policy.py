"""SmolVLA through LeRobot: loading, trainable parameters, normalisation, loss per frame."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # else it warns in forked children

import numpy as np
import torch
from lerobot.configs import FeatureType, PolicyFeature, PreTrainedConfig
from lerobot.policies.factory import make_pre_post_processors
from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy
from numpy.typing import NDArray

from zk0.errors import CheckpointError, ConfigError
from zk0.learning.normalization import load_statistics
from zk0.learning.robot import ACTION_KEY, SO101, STATE_KEY, Robot
from zk0.protocol.parameters import ParameterLayout

MODELS = Path(__file__).parent / "embedded" / "models"
EMBEDDED_MODELS = ("tiny",)
SCOPES = ("expert", "all")
STATISTICS_FILE = "statistics.json"
BACKBONE_FOLDER = "backbone"


@dataclass(frozen=True, slots=True)
class Policy:
    """One SmolVLA in memory, with the tensors that an update may change."""

    module: Any
    """LeRobot's SmolVLAPolicy."""
    scope: str
    statistics_digest: bytes
    """SHA-256 of the normalisation statistics file."""
    preprocess: Any
    """LeRobot pipeline: raw batch → normalised, tokenised batch on the policy's device."""
    postprocess: Any
    """LeRobot pipeline: normalised action → the robot's units."""

    @property
    def chunk_size(self) -> int:
        return int(self.module.config.chunk_size)

    @property
    def max_action_dim(self) -> int:
        return int(self.module.config.max_action_dim)

    @property
    def trainable(self) -> dict[str, torch.nn.Parameter]:
        """Trainable tensors by name, sorted by name."""
        named = {n: p for n, p in self.module.named_parameters() if p.requires_grad}
        return {name: named[name] for name in sorted(named)}

    @property
    def layout(self) -> ParameterLayout:
        """Names and shapes of the trainable tensors."""
        return ParameterLayout(tuple((n, tuple(p.shape)) for n, p in self.trainable.items()))

    def get_parameters(self) -> dict[str, NDArray[np.float32]]:
        """Copies of all trainable tensors, float32, sorted by name."""
        return {name: p.detach().cpu().numpy().copy() for name, p in self.trainable.items()}

    def set_parameters(self, tensors: Mapping[str, NDArray[np.float32]]) -> None:
        """Overwrite all trainable tensors.

        Raises:
            CheckpointError: other names, shapes or dtypes, or a value that is not finite.
        """
        own = self.trainable
        if set(tensors) != set(own):
            missing, foreign = sorted(set(own) - set(tensors)), sorted(set(tensors) - set(own))
            raise CheckpointError(
                f"expected the {len(own)} tensors of scope {self.scope}, found {len(tensors)} "
                f"(missing {missing[:3]}, foreign {foreign[:3]}): use a checkpoint of this "
                "model and scope"
            )
        for name, parameter in own.items():
            _validate_tensor(name, tuple(parameter.shape), tensors[name])
        with torch.no_grad():
            for name, parameter in own.items():
                parameter.copy_(torch.from_numpy(np.array(tensors[name])))

    def compute_frame_losses(
        self, batch: dict[str, Any], noise: NDArray[np.float32], time: NDArray[np.float32]
    ) -> torch.Tensor:
        """Flow-matching loss of each frame, float32[b], with gradients if enabled.

        A frame's loss is the mean over those of its actions that are not padding. The
        mean of these over all frames does not depend on how frames are batched, unlike
        LeRobot's mean over a batch.

        Args:
            batch: as `frames.build_batch` makes it.
            noise: float32[b, chunk_size, max_action_dim].
            time: float32[b] in (0, 1].
        """
        device = self.module.config.device
        losses, _ = self.module.forward(
            self.preprocess(batch),
            noise=torch.from_numpy(noise).to(device),
            time=torch.from_numpy(time).to(device),
            reduction="none",
        )
        return losses  # type: ignore[no-any-return]


def _validate_tensor(name: str, shape: tuple[int, ...], tensor: NDArray[Any]) -> None:
    if tensor.dtype != np.float32 or tensor.shape != shape:
        raise CheckpointError(
            f"tensor {name}: expected float32{list(shape)}, found "
            f"{tensor.dtype}{list(tensor.shape)}: use a checkpoint of this model and scope"
        )
    if not np.isfinite(tensor).all():
        raise CheckpointError(f"tensor {name} holds values that are not finite: fetch it again")


def load_policy(
    model: str,
    scope: str,
    *,
    statistics_file: Path | None = None,
    robot: Robot = SO101,
    device: str = "cpu",
) -> Policy:
    """Load a SmolVLA policy.

    Args:
        model: `tiny`, a folder that LeRobot saved a SmolVLA policy to, or a hub id such as
            `lerobot/smolvla_base`.
        scope: which tensors train: `expert` (action expert and projections, as SmolVLA is
            fine-tuned), or `all` (LeRobot's choice when nothing is frozen on purpose: it
            still freezes the language head and the last language layer, which the
            policy does not use to the end).
        statistics_file: the network's normalisation statistics; by default the embedded
            ones, or the folder's own where it has some.

    Raises:
        ConfigError: unknown scope, no such model, or no statistics.
    """
    if scope not in SCOPES:
        raise ConfigError(f"expected scope {' or '.join(SCOPES)}, found {scope!r}")
    torch.set_num_threads(1)  # two threads cost six times the CPU of one on a small machine
    source = str(MODELS / model) if model in EMBEDDED_MODELS else model
    config = _load_config(source)
    config.device = device
    config.load_vlm_weights = False  # they are part of the policy's own file
    config.train_expert_only = scope == "expert"
    config.freeze_vision_encoder = scope == "expert"
    config.input_features, config.output_features = describe_features(robot)
    module = _load_module(source, config).to(torch.float32)
    file = statistics_file or _find_statistics(source)
    statistics, digest = load_statistics(file)
    preprocess, postprocess = make_pre_post_processors(
        config,
        dataset_stats={
            key: {name: torch.from_numpy(values) for name, values in entry.items()}
            for key, entry in statistics.items()
        },
    )
    return Policy(module, scope, digest, preprocess, postprocess)


def _find_statistics(source: str) -> Path:
    own = Path(source) / STATISTICS_FILE
    return own if own.is_file() else MODELS / "tiny" / STATISTICS_FILE


def _load_config(source: str) -> Any:
    try:
        config = PreTrainedConfig.from_pretrained(source)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"expected a SmolVLA policy in {source}, found none ({error}): give `tiny`, a folder "
            "that LeRobot saved a policy to, or a hub id while online"
        ) from error
    if config.type != "smolvla":
        raise ConfigError(f"expected a SmolVLA policy in {source}, found a {config.type} policy")
    named = Path(config.vlm_model_name)
    backbone = Path(source) / (BACKBONE_FOLDER if named.is_absolute() else named)
    if not named.is_dir() and backbone.is_dir():  # absolute: the folder was moved since
        config.vlm_model_name = str(backbone)
    return config


def _load_module(source: str, config: Any) -> Any:
    from safetensors import SafetensorError

    try:
        with contextlib.redirect_stdout(sys.stderr):  # LeRobot prints; stdout is for results
            return SmolVLAPolicy.from_pretrained(source, config=config, strict=True)
    except (OSError, SafetensorError, RuntimeError) as error:
        raise ConfigError(
            f"the policy in {source} cannot be loaded ({str(error).strip().splitlines()[0]}): "
            "fetch model.safetensors and the backbone folder again"
        ) from error


def describe_features(robot: Robot) -> tuple[dict[str, Any], dict[str, Any]]:
    """LeRobot's input and output features of a policy for this robot."""
    edge = robot.image_size
    inputs = {
        key: PolicyFeature(type=FeatureType.VISUAL, shape=(3, edge, edge))
        for key in robot.camera_keys
    }
    inputs[STATE_KEY] = PolicyFeature(type=FeatureType.STATE, shape=(len(robot.joints),))
    action = PolicyFeature(type=FeatureType.ACTION, shape=(len(robot.joints),))
    return inputs, {ACTION_KEY: action}
