"""An audit without the policy: what needs no gradient is checked all the same, without torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn

from zk0.errors import ChallengeError
from zk0.ports import Tensors
from zk0.protocol.parameters import ParameterLayout


class UnmeasuredExaminer:
    """`zk0.ports.Examiner` that knows shapes and sizes, and measures nothing."""

    def __init__(self, layout: ParameterLayout, counts: Mapping[str, int]) -> None:
        self._layout = layout
        self._counts = counts

    @property
    def tasks(self) -> Sequence[str]:
        return sorted(self._counts)

    @property
    def layout(self) -> ParameterLayout:
        return self._layout

    @property
    def frame_counts(self) -> Mapping[str, int]:
        return self._counts

    def get_frame_bytes(self, task: str, index: int) -> NoReturn:
        raise ChallengeError("this audit measures nothing")

    def compute_losses(
        self, parameters: Tensors, frames: Mapping[str, Sequence[int]], seed: bytes
    ) -> NoReturn:
        raise ChallengeError("this audit measures nothing")

    def compute_path_gradient(
        self, base: Tensors, candidate: Tensors, frames: Mapping[str, Sequence[int]], seed: bytes
    ) -> NoReturn:
        raise ChallengeError("this audit measures nothing")
