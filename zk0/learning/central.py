"""Training on all nodes' data in one place: what federated learning is compared with.

Every step draws one batch from every node's data and takes the mean loss, so that as many
examples are seen in as many steps as in a federation that trains side by side.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from zk0.learning.datasets import Dataset
from zk0.learning.policy import Policy
from zk0.learning.training import SmolVlaLearner, TrainingRecipe


class CentralLearner(SmolVlaLearner):
    """`zk0.ports.Learner` on several data sets at once; held-out losses are the first one's."""

    def __init__(self, policy: Policy, datasets: Sequence[Dataset], recipe: TrainingRecipe) -> None:
        super().__init__(policy, datasets[0], recipe)
        self._learners = [SmolVlaLearner(policy, dataset, recipe) for dataset in datasets]

    @property
    def num_examples(self) -> int:
        return sum(learner.num_examples for learner in self._learners)

    def _compute_loss(self, generator: np.random.Generator) -> torch.Tensor:
        losses = [learner._compute_loss(generator) for learner in self._learners]
        return torch.stack(losses).mean()
