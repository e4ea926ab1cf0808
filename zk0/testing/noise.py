"""A freeloader: a learner that does no work and hands in noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zk0.ports import Tensors, TrainingResult


class NoiseLearner:
    """`zk0.ports.Learner` without data: Gaussian noise of a size that no norm check refuses.

    Embeddings and vectors get none: many of them hardly move in honest training, and noise
    there is refused by the bound on tensor norms before any proof.
    """

    def __init__(self, seed: int, scale: float, num_examples: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._scale = scale
        self._num_examples = num_examples

    @property
    def num_examples(self) -> int:
        return self._num_examples

    def train(self, base: Tensors, seed: int, rate_share: float = 1.0) -> TrainingResult:
        """Base plus noise; the losses that it claims are invented, and nobody relies on them."""
        noisy = {
            name: tensor + self._draw(tensor.shape)
            if tensor.ndim == 2 and "embed" not in name
            else tensor
            for name, tensor in base.items()
        }
        return TrainingResult(noisy, self._num_examples, 0.0, 0.0, 0.0)

    def _draw(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        return np.float32(self._scale) * self._rng.standard_normal(shape, np.float32)
