"""Learning in milliseconds: linear regression behind the Learner and Examiner ports.

y = W·x + b with a W that all tasks share and inputs of their own, so that what helps one
task mostly helps the others. The loss is quadratic: shares along the path add up to the
drop exactly. No torch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zk0.errors import ChallengeError, CheckpointError
from zk0.ports import PathGradient, Tensors, TrainingResult
from zk0.protocol.challenge import PATH_POINTS
from zk0.protocol.parameters import ParameterLayout
from zk0.protocol.randomness import Stream
from zk0.protocol.tensorfile import encode_tensor_file

Array = NDArray[np.float64]

TASKS = ("lift", "place", "touch")
NOISE = 0.1
"""Spread of what a challenge's seed adds to the inputs."""


@dataclass(frozen=True, slots=True)
class LinearShape:
    """Sizes of the toy; P = outputs·(inputs + 1) = 1,040 by default."""

    inputs: int = 64
    outputs: int = 16
    frames: int = 96
    """Frames per task, in training and in the pool alike."""

    @property
    def layout(self) -> ParameterLayout:
        return ParameterLayout(
            (("head.bias", (self.outputs,)), ("head.weight", (self.outputs, self.inputs)))
        )

    def make_base(self) -> dict[str, NDArray[np.float32]]:
        """An untrained start: small numbers, always the same."""
        flat = 0.01 * _seeded("base").standard_normal(self.layout.parameter_count)
        return self.layout.unflatten(flat.astype(np.float32))


@dataclass(frozen=True, slots=True)
class LinearFrames:
    """float64[n, inputs] and float64[n, outputs]."""

    inputs: Array
    targets: Array


def _seeded(label: str) -> np.random.Generator:
    return np.random.default_rng(list(hashlib.sha256(label.encode()).digest()))


def make_frames(task: str, kind: str, shape: LinearShape) -> LinearFrames:
    """Frames of `task`; `kind` (train, held-out, pool) keeps the sets disjoint."""
    truth = _seeded("truth").standard_normal((shape.outputs, shape.inputs)) / 8
    spread = 0.5 + _seeded(f"spread/{task}").random(shape.inputs)
    inputs = spread * _seeded(f"{kind}/{task}").standard_normal((shape.frames, shape.inputs))
    return LinearFrames(inputs, inputs @ truth.T + 0.5)


def _compute_errors(weight: Array, bias: Array, frames: LinearFrames) -> Array:
    return frames.inputs @ weight.T + bias - frames.targets


def _compute_loss(weight: Array, bias: Array, frames: LinearFrames) -> float:
    return float(np.square(_compute_errors(weight, bias, frames)).mean())


def _compute_gradients(weight: Array, bias: Array, frames: LinearFrames) -> tuple[Array, Array]:
    """Of the mean square, with respect to weight and bias."""
    errors = _compute_errors(weight, bias, frames)
    scaled = 2 * errors / errors.size
    return scaled.T @ frames.inputs, scaled.sum(axis=0)


def _unpack(tensors: Tensors, layout: ParameterLayout) -> tuple[Array, Array]:
    if ParameterLayout.of(tensors) != layout:
        raise CheckpointError(
            f"expected tensors {layout.shapes}, found {ParameterLayout.of(tensors).shapes}: "
            "use a checkpoint of this model"
        )
    return tensors["head.weight"].astype(np.float64), tensors["head.bias"].astype(np.float64)


class LinearLearner:
    """`zk0.ports.Learner`: mini-batch gradient descent on one task."""

    def __init__(
        self,
        task: str,
        shape: LinearShape | None = None,
        *,
        steps: int = 20,
        learning_rate: float = 0.2,
        proximal_mu: float = 0.0,
    ) -> None:
        self._shape = shape or LinearShape()
        self._train = make_frames(task, "train", self._shape)
        self._held_out = make_frames(task, "held-out", self._shape)
        self._steps = steps
        self._learning_rate = learning_rate
        self._proximal_mu = proximal_mu

    @property
    def num_examples(self) -> int:
        return self._shape.frames

    def train(self, base: Tensors, seed: int, rate_share: float = 1.0) -> TrainingResult:
        """Raises CheckpointError when `base` has other tensors."""
        weight, bias = start = _unpack(base, self._shape.layout)
        rate, mu = self._learning_rate * rate_share, self._proximal_mu
        before = _compute_loss(weight, bias, self._held_out)
        generator = np.random.default_rng(seed)
        for _ in range(self._steps):
            rows = generator.integers(self._shape.frames, size=self._shape.frames // 2)
            batch = LinearFrames(self._train.inputs[rows], self._train.targets[rows])
            for_weight, for_bias = _compute_gradients(weight, bias, batch)
            weight = weight - rate * (for_weight + mu * (weight - start[0]))
            bias = bias - rate * (for_bias + mu * (bias - start[1]))
        return TrainingResult(
            parameters={
                "head.bias": bias.astype(np.float32),
                "head.weight": weight.astype(np.float32),
            },
            num_examples=self.num_examples,
            loss_before=before,
            loss_after=_compute_loss(weight, bias, self._held_out),
            seconds=0.0,
        )


class LinearExaminer:
    """`zk0.ports.Examiner` on a pool of the toy's tasks."""

    def __init__(self, tasks: Sequence[str] = TASKS, shape: LinearShape | None = None) -> None:
        self._shape = shape or LinearShape()
        self._pool = {task: make_frames(task, "pool", self._shape) for task in sorted(tasks)}

    @property
    def tasks(self) -> Sequence[str]:
        return tuple(self._pool)

    @property
    def layout(self) -> ParameterLayout:
        return self._shape.layout

    @property
    def frame_counts(self) -> dict[str, int]:
        return dict.fromkeys(self._pool, self._shape.frames)

    def get_frame_bytes(self, task: str, index: int) -> bytes:
        """Raises ChallengeError for a frame that the pool lacks."""
        self._validate_frames({task: [index]})
        frames = self._pool[task]
        tensors = {
            "action": frames.targets[index].astype(np.float32),
            "observation.state": frames.inputs[index].astype(np.float32),
        }
        metadata = {"task": task, "episode": 0, "frame": index, "instruction": f"{task}."}
        return encode_tensor_file(tensors, metadata)

    def compute_losses(
        self, parameters: Tensors, frames: Mapping[str, Sequence[int]], seed: bytes
    ) -> dict[str, float]:
        """Raises ChallengeError (frames the pool lacks), CheckpointError (`parameters`)."""
        self._validate_frames(frames)
        weight, bias = _unpack(parameters, self.layout)
        return {
            task: _compute_loss(weight, bias, self._select(task, frames[task], seed))
            for task in sorted(frames)
        }

    def compute_path_gradient(
        self,
        base: Tensors,
        candidate: Tensors,
        frames: Mapping[str, Sequence[int]],
        seed: bytes,
    ) -> PathGradient:
        """Raises ChallengeError (frames the pool lacks), CheckpointError (parameters)."""
        base_loss = self.compute_losses(base, frames, seed)
        candidate_loss = self.compute_losses(candidate, frames, seed)
        start, end = (self.layout.flatten(t).astype(np.float64) for t in (base, candidate))
        gradients = {}
        for task in sorted(frames):
            chosen = self._select(task, frames[task], seed)
            total = np.zeros(self.layout.parameter_count)
            for position in PATH_POINTS:
                point = self.layout.unflatten(start + position * (end - start))
                weight, bias = _compute_gradients(point["head.weight"], point["head.bias"], chosen)
                total += 0.5 * np.concatenate([bias, weight.reshape(-1)])
            gradients[task] = total.astype(np.float32)
        return PathGradient(gradients, base_loss, candidate_loss)

    def _select(self, task: str, indices: Sequence[int], seed: bytes) -> LinearFrames:
        frames, rows = self._pool[task], list(indices)
        noise = [Stream(seed, f"noise/{task}/{i}").normals(self._shape.inputs) for i in rows]
        return LinearFrames(frames.inputs[rows] + NOISE * np.array(noise), frames.targets[rows])

    def _validate_frames(self, frames: Mapping[str, Sequence[int]]) -> None:
        counts = self.frame_counts
        for task, indices in frames.items():
            if not indices or not all(0 <= i < counts.get(task, 0) for i in indices):
                raise ChallengeError(
                    f"task {task}: expected at least one frame, all below {counts.get(task, 0)}, "
                    f"found {list(indices)[:3]}: use the pool whose root is on chain"
                )
