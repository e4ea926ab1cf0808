"""Evaluation in milliseconds, on the toy policy."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from zk0.learning.linear import TASKS, LinearExaminer, LinearShape
from zk0.ports import Tensors
from zk0.protocol.tensorfile import encode_tensor_file
from zk0.scoring import Score
from zk0.storage.files import write_file

SEED = bytes(32)


class LinearEvaluator:
    """`zk0.scoring.Evaluator` on the toy's pool; its model folder is one file."""

    def __init__(self, tasks: Sequence[str] = TASKS, shape: LinearShape | None = None) -> None:
        self._examiner = LinearExaminer(tasks, shape)

    @property
    def sets(self) -> Mapping[str, str]:
        return {task: task for task in self._examiner.tasks}

    def evaluate(
        self, parameters: Tensors, sets: Collection[str] | None = None
    ) -> Mapping[str, Score]:
        """Raises CheckpointError."""
        counts = self._examiner.frame_counts
        chosen = {
            task: range(count) for task, count in counts.items() if sets is None or task in sets
        }
        losses = self._examiner.compute_losses(parameters, chosen, SEED)
        return {
            task: Score(task, False, 1, counts[task], loss, {"joint_deg2": loss})
            for task, loss in losses.items()
        }

    def save_model(self, parameters: Tensors, folder: Path, final: Path) -> None:
        """Raises StorageError."""
        write_file(folder / "model.safetensors", encode_tensor_file(parameters, {}))
