"""The toy policy, where tests look for it; it lives with the other policies."""

from zk0.learning.linear import (
    NOISE,
    TASKS,
    LinearExaminer,
    LinearFrames,
    LinearLearner,
    LinearShape,
    make_frames,
)

__all__ = [
    "NOISE",
    "TASKS",
    "LinearExaminer",
    "LinearFrames",
    "LinearLearner",
    "LinearShape",
    "make_frames",
]
