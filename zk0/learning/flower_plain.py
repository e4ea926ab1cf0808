"""What plain Flower does with trained parameters: its own FedAvg, in float32, unchecked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from flwr.server.strategy.aggregate import aggregate

from zk0.ports import Tensors, TrainingResult


def aggregate_plainly(results: Sequence[TrainingResult]) -> Tensors:
    """Flower's mean of the parameters, weighted by examples."""
    names = sorted(results[0].parameters)
    merged = aggregate([([r.parameters[n] for n in names], r.num_examples) for r in results])
    return {n: np.asarray(m, dtype=np.float32) for n, m in zip(names, merged, strict=True)}
