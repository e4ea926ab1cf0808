"""Points on the way from a base checkpoint to a candidate. No torch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zk0.ports import Tensors


def interpolate(
    base: Tensors, candidate: Tensors, position: float
) -> dict[str, NDArray[np.float32]]:
    """base + position·(candidate − base), in float64, rounded once to float32."""
    points = {}
    for name, tensor in base.items():
        start = tensor.astype(np.float64)
        points[name] = (start + position * (candidate[name].astype(np.float64) - start)).astype(
            np.float32
        )
    return points
