"""Local training under the rules of a manifest: schedulers, rates, FedProx."""

from __future__ import annotations

import itertools
from typing import get_args

import numpy as np
import pytest
import torch

from zk0.errors import ConfigError
from zk0.learning.datasets import load_dataset
from zk0.learning.linear import LinearLearner, LinearShape
from zk0.learning.policy import load_policy
from zk0.learning.schedules import make_scheduler
from zk0.learning.training import SmolVlaLearner, TrainingRecipe
from zk0.recipes import TrainingRecipe as ManifestRecipe

NAMES = get_args(ManifestRecipe.model_fields["scheduler"].annotation)


def get_rates(name: str, steps: int = 100) -> list[float]:
    """The shares of the peak rate at the steps 0 … steps."""
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.AdamW([parameter], lr=0.5)
    scheduler = make_scheduler(
        name, optimizer, rate=0.5, steps=steps, warmup_steps=20, final_share=0.05
    )
    rates = []
    for _ in range(steps + 1):
        rates.append(optimizer.param_groups[0]["lr"] / 0.5)
        optimizer.step()
        scheduler.step()
    return rates


def test_the_default_warms_up_and_decays_to_its_final_share() -> None:
    rates = get_rates("warmup-cosine")
    assert rates[0] == pytest.approx(1 / 20)
    assert max(rates) < 1
    assert rates[100] == pytest.approx(0.05)
    assert all(a > b for a, b in itertools.pairwise(rates[20:]))


@pytest.mark.parametrize("name", NAMES)
def test_every_scheduler_of_the_manifest_runs_and_stays_in_bounds(name: str) -> None:
    rates = get_rates(name)
    assert all(0 < rate <= 1 + 1e-9 for rate in rates[:100])
    assert (len(set(rates)) == 1) is (name == "constant")
    if name in ("cosine", "linear", "lerobot-cosine"):
        assert rates[100] == pytest.approx(0.05)


def test_an_unknown_scheduler_is_refused() -> None:
    with pytest.raises(ConfigError, match="'exponential'"):
        get_rates("exponential")


def test_the_proximal_term_and_the_rate_keep_a_node_near_the_base() -> None:
    policy = load_policy("tiny", "all")
    base = policy.get_parameters()
    dataset = load_dataset("touch")

    def measure(mu: float, share: float = 1.0) -> float:
        recipe = TrainingRecipe(steps=6, warmup_steps=1, proximal_mu=mu)
        found = SmolVlaLearner(policy, dataset, recipe).train(base, 1, share).parameters
        return sum(float(np.square(found[n] - base[n]).sum()) for n in base) ** 0.5

    free = measure(0.0)
    assert measure(0.01) != free
    assert measure(300.0) < 0.9 * free
    assert measure(0.0, 0.5) < 0.6 * free


def test_the_toys_proximal_term_is_the_gradient_of_the_penalty() -> None:
    """One step is the plain one; the second pulls back by rate·μ·(θ₁ − θ₀)."""
    base, mu, rate = LinearShape().make_base(), 0.7, 0.2

    def train(steps: int, proximal_mu: float) -> np.ndarray:
        learner = LinearLearner("lift", steps=steps, learning_rate=rate, proximal_mu=proximal_mu)
        return learner.train(base, 4).parameters["head.weight"].astype(np.float64)

    assert np.array_equal(train(1, mu), train(1, 0.0))
    pulled = train(2, 0.0) - rate * mu * (train(1, 0.0) - base["head.weight"])
    assert np.allclose(train(2, mu), pulled, rtol=0, atol=1e-6)
