"""Local training: from base parameters to new ones, every random draw fixed by a seed."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

import numpy as np
import torch

from zk0.errors import DatasetError
from zk0.learning.datasets import Dataset
from zk0.learning.evaluation import compute_held_out_loss
from zk0.learning.frames import build_batch
from zk0.learning.policy import Policy
from zk0.learning.schedules import make_scheduler
from zk0.memory import release_memory
from zk0.ports import Tensors, TrainingResult

log = logging.getLogger(__name__)

LOG_EVERY = 250
"""Steps."""


@dataclass(frozen=True, slots=True)
class TrainingRecipe:
    """How a node trains in one round; defaults are for the tiny model.

    The rate is low enough for shares to add up to the drop in the first round, from an
    untrained model, too (docs/models.md).
    """

    steps: int = 50
    learning_rate: float = 4e-4
    batch_size: int = 16
    warmup_steps: int = 20
    final_rate_share: float = 0.05
    """A decay ends at this share of the learning rate."""
    clip_norm: float = 10.0
    scheduler: str = "warmup-cosine"
    """As `zk0.recipes.TrainingRecipe` names them."""
    proximal_mu: float = 0.0
    """FedProx: a step's loss gets μ/2·‖θ − θ_base‖² (Li et al. 2020)."""


class SmolVlaLearner:
    """`zk0.ports.Learner` on one data set: AdamW with SmolVLA's betas and weight decay."""

    def __init__(
        self, policy: Policy, dataset: Dataset, recipe: TrainingRecipe | None = None
    ) -> None:
        self._policy = policy
        self._dataset = dataset
        self._recipe = recipe or TrainingRecipe()
        dataset.train.validate_chunks(policy.chunk_size)

    @property
    def num_examples(self) -> int:
        return len(self._dataset.train)

    def train(self, base: Tensors, seed: int, rate_share: float = 1.0) -> TrainingResult:
        """Bit-identical when repeated on one machine with the same versions.

        Raises:
            CheckpointError: `base` does not fit the policy.
            DatasetError: the loss stopped being a number.
        """
        start = time.monotonic()
        self._policy.set_parameters(base)
        before = compute_held_out_loss(self._policy, self._dataset.held_out)
        self._run_steps(seed, self._recipe.learning_rate * rate_share)
        after = compute_held_out_loss(self._policy, self._dataset.held_out)
        release_memory()
        return TrainingResult(
            parameters=self._policy.get_parameters(),
            num_examples=self.num_examples,
            loss_before=before,
            loss_after=after,
            seconds=time.monotonic() - start,
        )

    def _run_steps(self, seed: int, rate: float) -> None:
        recipe, policy = self._recipe, self._policy
        parameters = list(policy.trainable.values())
        start = [p.detach().clone() for p in parameters] if recipe.proximal_mu else []
        optimizer = torch.optim.AdamW(parameters, lr=rate, betas=(0.9, 0.95), weight_decay=1e-10)
        scheduler = make_scheduler(
            recipe.scheduler,
            optimizer,
            rate=rate,
            steps=recipe.steps,
            warmup_steps=recipe.warmup_steps,
            final_share=recipe.final_rate_share,
        )
        generator = np.random.default_rng(seed)
        policy.module.train()
        for step in range(recipe.steps):
            optimizer.zero_grad()
            loss = self._compute_loss(generator)
            if not torch.isfinite(loss):
                raise DatasetError(
                    f"training on {self._dataset.name} diverged at step {step}: expected a finite "
                    "loss; check the data set's values or lower the learning rate"
                )
            loss.backward()  # type: ignore[no-untyped-call]
            for parameter, origin in zip(parameters, start, strict=False):
                if parameter.grad is not None:
                    parameter.grad.add_(parameter.detach() - origin, alpha=recipe.proximal_mu)
            torch.nn.utils.clip_grad_norm_(parameters, recipe.clip_norm)
            optimizer.step()
            scheduler.step()
            if (step + 1) % LOG_EVERY == 0:
                log.info("step %d of %d, loss %.3f", step + 1, recipe.steps, loss.item())
        optimizer.zero_grad()

    def _compute_loss(self, generator: np.random.Generator) -> torch.Tensor:
        """Mean loss of a random batch, with random noise and time."""
        policy, size = self._policy, self._recipe.batch_size
        indices = generator.integers(self.num_examples, size=size)
        noise = generator.standard_normal(
            (size, policy.chunk_size, policy.max_action_dim), dtype=np.float32
        )
        moment = generator.beta(1.5, 1.0, size=size) * 0.999 + 0.001
        batch = build_batch(self._dataset.train, indices, policy.chunk_size)
        if self._dataset.augment is not None:
            batch = self._dataset.augment(batch, int(generator.integers(2**31)))
        return policy.compute_frame_losses(batch, noise, moment.astype(np.float32)).mean()
