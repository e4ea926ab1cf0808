"""The statement as a torch module: what EZKL turns into constraints."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

INPUT_NAMES = ("V", "T", "D", "ctx")
OUTPUT_NAMES = ("A", "Task", "Q", "L", "ctx_out")


class Alignment(nn.Module):
    """A = V·D, T = T·D, Q = Σ D², L = Σ |D|, and ctx passed through.

    Inputs: V, T, D float32[1, m], ctx float32[1]; all are integers at scale 0.
    `abs` is not decoration: its digit decomposition is the only range check on D.
    """

    def forward(
        self, common: Tensor, task: Tensor, sample: Tensor, context: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        return (
            torch.matmul(common, sample.t()).reshape(1),
            torch.matmul(task, sample.t()).reshape(1),
            torch.sum(sample * sample, dim=(0, 1)).reshape(1),
            torch.sum(torch.abs(sample), dim=(0, 1)).reshape(1),
            context * 1.0,
        )


def export_model(sample_size: int, target: Path, module: nn.Module | None = None) -> None:
    """Write `module` (default: Alignment) for m = `sample_size` to the ONNX file `target`."""
    row = torch.ones(1, sample_size)
    with warnings.catch_warnings():
        # EZKL reads the small static graph of the TorchScript exporter; torch 2.11 only
        # announces that this exporter is no longer the default.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            (module or Alignment()).eval(),
            (row, row, row, torch.ones(1)),
            str(target),
            input_names=list(INPUT_NAMES),
            output_names=list(OUTPUT_NAMES),
            opset_version=15,
            dynamo=False,
        )
