"""The coordinator's measurement: losses on the pool and gradients along base → candidate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from zk0.errors import ChallengeError
from zk0.learning.evaluation import compute_task_loss
from zk0.learning.path import interpolate
from zk0.learning.policy import Policy
from zk0.learning.pool import Pool
from zk0.ports import PathGradient, Tensors
from zk0.protocol.challenge import PATH_POINTS
from zk0.protocol.parameters import ParameterLayout

FrameChoice = Mapping[str, Sequence[int]]


class PoolExaminer:
    """`zk0.ports.Examiner` on a pool that is decoded once and kept in memory."""

    def __init__(self, policy: Policy, pool: Pool) -> None:
        self._policy = policy
        self._pool = pool

    @property
    def policy(self) -> Policy:
        return self._policy

    @property
    def pool(self) -> Pool:
        return self._pool

    @property
    def tasks(self) -> Sequence[str]:
        return tuple(sorted(self._pool.tasks))

    @property
    def layout(self) -> ParameterLayout:
        return self._policy.layout

    @property
    def frame_counts(self) -> dict[str, int]:
        return self._pool.count_frames()

    def get_frame_bytes(self, task: str, index: int) -> bytes:
        """Raises ChallengeError for a frame that the pool lacks."""
        self._validate_frames({task: [index]})
        return self._pool.encode_frame(task, index, self._policy.chunk_size)

    def compute_losses(
        self, parameters: Tensors, frames: FrameChoice, seed: bytes
    ) -> dict[str, float]:
        """Raises ChallengeError (frames the pool lacks), CheckpointError (`parameters`)."""
        self._validate_frames(frames)
        self._policy.set_parameters(parameters)
        return {task: self._measure(task, frames[task], seed) for task in sorted(frames)}

    def compute_path_gradient(
        self, base: Tensors, candidate: Tensors, frames: FrameChoice, seed: bytes
    ) -> PathGradient:
        """Raises ChallengeError (frames the pool lacks), CheckpointError (parameters).

        Each point θ + tD is computed in float64 and rounded to float32; the two gradients
        are averaged in float64 and rounded to float32.
        """
        base_loss = self.compute_losses(base, frames, seed)
        candidate_loss = self.compute_losses(candidate, frames, seed)
        sums: dict[str, NDArray[np.float64]] = {}
        for position in PATH_POINTS:
            self._policy.set_parameters(interpolate(base, candidate, position))
            for task in sorted(frames):
                gradient = 0.5 * self._compute_gradient(task, frames[task], seed)
                sums[task] = sums[task] + gradient if task in sums else gradient
        return PathGradient(
            gradients={task: total.astype(np.float32) for task, total in sums.items()},
            base_loss=base_loss,
            candidate_loss=candidate_loss,
        )

    def _validate_frames(self, frames: FrameChoice) -> None:
        sizes = self._pool.count_frames()
        for task, indices in frames.items():
            if not indices or not all(0 <= i < sizes.get(task, 0) for i in indices):
                raise ChallengeError(
                    f"task {task}: expected at least one frame, all below {sizes.get(task, 0)} "
                    f"(this pool's frames), found {len(indices)} frames up to "
                    f"{max(indices, default=-1)}: use the pool whose root is on chain"
                )

    def _measure(
        self, task: str, indices: Sequence[int], seed: bytes, backward: bool = False
    ) -> float:
        rows = self._pool.locate(task, indices)
        frames = self._pool.tasks[task]
        return compute_task_loss(
            self._policy, frames, indices, task, seed, rows=rows, backward=backward
        )

    def _compute_gradient(
        self, task: str, indices: Sequence[int], seed: bytes
    ) -> NDArray[np.float64]:
        """float64[P] in canonical flattening; tensors that the loss misses count as zero."""
        policy = self._policy
        policy.module.zero_grad(set_to_none=True)
        self._measure(task, indices, seed, backward=True)
        gradients = {
            name: np.zeros(tuple(p.shape), np.float32) if p.grad is None else p.grad.cpu().numpy()
            for name, p in policy.trainable.items()
        }
        flat = ParameterLayout.of(gradients).flatten(gradients).astype(np.float64)
        policy.module.zero_grad(set_to_none=True)
        return flat
