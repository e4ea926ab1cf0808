"""Random changes of training pictures: LeRobot's image transforms, drawn from a seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zk0.errors import DatasetError
from zk0.learning.federation import DatasetSettings
from zk0.learning.robot import CAMERA_PREFIX

Augment = Callable[[dict[str, Any], int], dict[str, Any]]
"""A batch of `frames.build_batch` and a seed → the batch with changed pictures."""


def build_augmentation(settings: DatasetSettings) -> Augment | None:
    """LeRobot's `ImageTransforms` as configured; None where nothing is.

    Raises:
        DatasetError: no such transform, or arguments that it does not take.
    """
    chosen = settings.image_transforms
    if chosen is None:
        return None
    from lerobot.transforms import ImageTransformConfig, ImageTransforms, ImageTransformsConfig

    config = ImageTransformsConfig(
        enable=True,
        max_num_transforms=chosen.max_num_transforms,
        random_order=chosen.random_order,
    )
    if chosen.tfs is not None:
        config.tfs = {
            name: ImageTransformConfig(weight=tf.weight, type=tf.type, kwargs=tf.kwargs)
            for name, tf in chosen.tfs.items()
        }
    try:
        transforms = ImageTransforms(config)
    except (ValueError, TypeError) as error:
        raise DatasetError(
            f"data set {settings.label}: image_transforms: {str(error).splitlines()[0]}"
        ) from error
    return lambda batch, seed: _apply(transforms, batch, seed)


def _apply(transforms: Any, batch: dict[str, Any], seed: int) -> dict[str, Any]:
    """Every picture on its own; torch's global generator is left as it was."""
    import torch

    changed = dict(batch)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for key in sorted(batch):
            if key.startswith(CAMERA_PREFIX) and not key.endswith("_is_pad"):
                pictures = [transforms(picture) for picture in batch[key]]
                changed[key] = torch.stack(pictures).clamp(0, 1)
    return changed
