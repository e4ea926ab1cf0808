"""`delta_timestamps` and `image_transforms`: the same as LeRobot makes of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from zk0.errors import DatasetError
from zk0.learning.augmentation import build_augmentation
from zk0.learning.datasets import load_dataset
from zk0.learning.federation import DatasetSettings, ImageTransforms, TransformSettings
from zk0.learning.frames import build_batch
from zk0.learning.policy import load_policy
from zk0.learning.sources import EMBEDDED
from zk0.learning.training import SmolVlaLearner, TrainingRecipe

TOUCH = EMBEDDED / "pool" / "touch"
WRIST = "observation.images.wrist"
DELTAS = {
    "action": [i / 5 for i in range(16)],
    "observation.state": [-0.2, -0.1, 0.0],
    WRIST: [-0.3, 0.0],
}


def test_windows_are_those_of_lerobot() -> None:
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    reference = LeRobotDataset(
        repo_id="local/touch", root=TOUCH, video_backend="pyav", delta_timestamps=DELTAS
    )
    settings = DatasetSettings(address=f"local:{TOUCH}", delta_timestamps=DELTAS)
    frames = load_dataset(settings).train
    batch = build_batch(frames, [0, 1, 20, len(frames) - 1], 16)
    for row, index in enumerate([0, 1, 20, len(frames) - 1]):
        expected = reference[index]
        for key in DELTAS:
            assert torch.equal(batch[f"{key}_is_pad"][row], expected[f"{key}_is_pad"])
            kept = ~expected[f"{key}_is_pad"]
            assert torch.allclose(batch[key][row][kept], expected[key][kept], atol=1 / 510)


@pytest.mark.parametrize(
    ("deltas", "message"),
    [
        ({"action": [0.0, 0.15]}, r"expected delta_timestamps in multiples of 1/10 s"),
        ({"observation.images.top": [0.0]}, r"names \['observation\.images\.top'\]"),
    ],
)
def test_window_that_the_data_set_cannot_give_is_refused(
    deltas: dict[str, list[float]], message: str
) -> None:
    with pytest.raises(DatasetError, match=message):
        load_dataset(DatasetSettings(address=f"local:{TOUCH}", delta_timestamps=deltas))


def test_actions_that_are_no_chunk_are_refused_before_training() -> None:
    deltas = {"action": [0.0, 0.1]}
    dataset = load_dataset(DatasetSettings(address=f"local:{TOUCH}", delta_timestamps=deltas))
    with pytest.raises(DatasetError, match="16 actions, the policy's chunk, found 2"):
        SmolVlaLearner(load_policy("tiny", "all"), dataset)


def test_pictures_change_by_the_seed_and_nothing_else_does() -> None:
    settings = DatasetSettings(address=f"local:{TOUCH}", image_transforms=ImageTransforms())
    dataset = load_dataset(settings)
    assert dataset.augment is not None
    batch = build_batch(dataset.train, range(8), 16)
    state = torch.random.get_rng_state()
    first, again, other = (dataset.augment(batch, seed) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(first[WRIST], again[WRIST])
    assert not torch.equal(first[WRIST], other[WRIST])
    assert not torch.equal(first[WRIST], batch[WRIST])
    assert first[WRIST].shape == batch[WRIST].shape
    assert 0 <= float(first[WRIST].min()) <= float(first[WRIST].max()) <= 1
    assert torch.equal(first["action"], batch["action"])


def test_training_with_changed_pictures_is_reproducible() -> None:
    settings = DatasetSettings(address=f"local:{TOUCH}", image_transforms=ImageTransforms())
    policy, recipe = load_policy("tiny", "expert"), TrainingRecipe(steps=2, batch_size=2)
    base = policy.get_parameters()
    changed = SmolVlaLearner(policy, load_dataset(settings), recipe)
    plain = SmolVlaLearner(policy, load_dataset(f"local:{TOUCH}"), recipe)
    first, again = changed.train(base, 5), changed.train(base, 5)
    assert all(np.array_equal(first.parameters[n], t) for n, t in again.parameters.items())
    assert first.loss_after != plain.train(base, 5).loss_after


@pytest.mark.parametrize(
    "tf",
    [TransformSettings(type="Juggle"), TransformSettings(type="ColorJitter", kwargs={"x": 1})],
)
def test_transform_that_is_not_there_is_refused(tf: TransformSettings) -> None:
    settings = DatasetSettings(address="touch", image_transforms=ImageTransforms(tfs={"a": tf}))
    with pytest.raises(DatasetError, match="image_transforms: "):
        build_augmentation(settings)
    with pytest.raises(DatasetError, match="image_transforms: "):
        load_dataset(settings)
