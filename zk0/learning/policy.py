"""Policies through LeRobot: loading, trainable parameters, normalisation, loss per frame."""

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
from lerobot.policies.factory import get_policy_class, make_pre_post_processors
from numpy.typing import NDArray

from zk0.errors import CheckpointError, ConfigError
from zk0.learning.devices import choose_device, has_bfloat16
from zk0.learning.losses import compute_flow_losses, compute_single_losses
from zk0.learning.normalization import load_statistics
from zk0.learning.robot import ACTION_KEY, STATE_KEY, Robot, describe_robot
from zk0.protocol.parameters import ParameterLayout

MODELS = Path(__file__).parent / "embedded" / "models"
EMBEDDED_MODELS = ("tiny",)
SCOPES = ("expert", "all")
FLOW = "smolvla"
"""LeRobot's name of the policy whose noise and time can be given."""
VISION_PART = ".backbone."
STATISTICS_FILE = "statistics.json"
BACKBONE_FOLDER = "backbone"


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy in memory, with the tensors that an update may change."""

    module: Any
    """LeRobot's SmolVLAPolicy, or another of its policies."""
    scope: str
    statistics_digest: bytes
    """SHA-256 of the normalisation statistics file."""
    preprocess: Any
    """LeRobot pipeline: raw batch → normalised, tokenised batch on the policy's device."""
    postprocess: Any
    """LeRobot pipeline: normalised action → the robot's units."""
    statistics: bytes
    """The normalisation statistics file as it was read."""
    bfloat16: bool = False
    """Train in bfloat16 where it is safe (autocast); measuring is always float32."""

    @property
    def is_flow(self) -> bool:
        """Whether noise and time go into `forward`; else they seed torch's generator."""
        return bool(self.module.config.type == FLOW)

    @property
    def chunk_size(self) -> int:
        return int(self.module.config.chunk_size)

    @property
    def max_action_dim(self) -> int:
        config = self.module.config
        return int(getattr(config, "max_action_dim", config.action_feature.shape[0]))

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
        """The policy's own loss of each frame, float32[b], with gradients if enabled.

        A frame's loss is the mean over those of its actions that are not padding. The
        mean of these over all frames does not depend on how frames are batched, unlike
        LeRobot's mean over a batch.

        Args:
            batch: as `frames.build_batch` makes it.
            noise: float32[b, chunk_size, max_action_dim].
            time: float32[b] in (0, 1].
        """
        compute = compute_flow_losses if self.is_flow else compute_single_losses
        with self._choose_arithmetic():
            return compute(self.module, self.preprocess(batch), noise, time).float()

    def _choose_arithmetic(self) -> contextlib.AbstractContextManager[Any]:
        if not (self.bfloat16 and self.module.training):
            return contextlib.nullcontext()
        return torch.autocast(torch.device(self.module.config.device).type, torch.bfloat16)

    def predict_chunk(self, batch: dict[str, Any], noise: NDArray[np.float32]) -> torch.Tensor:
        """Normalised actions float32[b, chunk_size, joints] for a preprocessed batch."""
        if not self.is_flow:
            return self.module.predict_action_chunk(batch)  # type: ignore[no-any-return]
        given = torch.from_numpy(noise).to(self.module.config.device)
        return self.module.predict_action_chunk(batch, noise=given)  # type: ignore[no-any-return]


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
    robot: Robot | None = None,
    device: str | None = None,
) -> Policy:
    """Load a policy.

    Args:
        model: `tiny`, a folder that LeRobot saved a policy to, or a hub id such as
            `lerobot/smolvla_base`.
        scope: which tensors train: `expert` (action expert and projections, as SmolVLA is
            fine-tuned; of other policies all but the vision backbone), or `all` (LeRobot's
            choice when nothing is frozen on purpose: it still freezes SmolVLA's language head
            and last language layer, which the policy does not use to the end).
        statistics_file: the network's normalisation statistics; by default the folder's own,
            or the embedded ones where it has none.
        robot: cameras and joints; by default the policy's own.
        device: by default the fastest that is there (`devices.choose_device`).

    Raises:
        ConfigError: unknown scope, no such model, no such device, or no statistics.
    """
    if scope not in SCOPES:
        raise ConfigError(f"expected scope {' or '.join(SCOPES)}, found {scope!r}")
    torch.set_num_threads(1)  # two threads cost six times the CPU of one on a small machine
    source = str(MODELS / model) if model in EMBEDDED_MODELS else model
    config = _load_config(source)
    config.device = choose_device(device)
    config.input_features, config.output_features = describe_features(
        robot or describe_robot(model)
    )
    module = _load_module(source, config, scope).to(torch.float32)
    file = statistics_file or _find_statistics(source)
    statistics, digest = load_statistics(file)
    preprocess, postprocess = make_pre_post_processors(
        config,
        dataset_stats={
            key: {name: torch.from_numpy(values) for name, values in entry.items()}
            for key, entry in statistics.items()
        },
    )
    return Policy(
        module,
        scope,
        digest,
        preprocess,
        postprocess,
        file.read_bytes(),
        has_bfloat16(config.device),
    )


def _find_statistics(source: str) -> Path:
    own = Path(source) / STATISTICS_FILE
    if not Path(source).is_dir():
        raise ConfigError(
            f"{source} comes without normalisation statistics: fetch it into a folder, put the "
            f"network's {STATISTICS_FILE} there, and give the folder as the model"
        )
    return own if own.is_file() else MODELS / "tiny" / STATISTICS_FILE


def _load_config(source: str) -> Any:
    try:
        config = PreTrainedConfig.from_pretrained(source)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"expected a policy in {source}, found none ({error}): give `tiny`, a folder "
            "that LeRobot saved a policy to, or a hub id while online"
        ) from error
    if config.type != FLOW:
        # its image encoder's weights are part of the policy's own file
        if hasattr(config, "pretrained_backbone_weights"):
            config.pretrained_backbone_weights = None
        return config
    config.load_vlm_weights = False  # they are part of the policy's own file
    named = Path(config.vlm_model_name)
    backbone = Path(source) / (BACKBONE_FOLDER if named.is_absolute() else named)
    if backbone.is_dir() and not (named.is_absolute() and named.is_dir()):
        config.vlm_model_name = str(backbone)  # absolute and not there: the folder was moved
    return config


def _load_module(source: str, config: Any, scope: str) -> Any:
    from safetensors import SafetensorError

    if config.type == FLOW:
        config.train_expert_only = scope == "expert"
        config.freeze_vision_encoder = scope == "expert"
    try:
        policy_class = get_policy_class(config.type)
        with contextlib.redirect_stdout(sys.stderr):  # LeRobot prints; stdout is for results
            module = policy_class.from_pretrained(source, config=config, strict=True)
    except (OSError, SafetensorError, RuntimeError, ImportError, ValueError) as error:
        raise ConfigError(
            f"the policy in {source} cannot be loaded ({str(error).strip().splitlines()[0]}): "
            "fetch model.safetensors and the backbone folder again"
        ) from error
    if config.type != FLOW and scope == "expert":
        _freeze_vision(module, source)
    return module


def _freeze_vision(module: Any, source: str) -> None:
    frozen = [p for name, p in module.named_parameters() if VISION_PART in f".{name}"]
    if not frozen:
        raise ConfigError(f"the policy in {source} has no vision backbone: expected scope 'all'")
    for parameter in frozen:
        parameter.requires_grad_(False)


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
