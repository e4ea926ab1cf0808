"""`delta_timestamps`: which frames around a frame a policy sees and learns to act for."""

from __future__ import annotations

from collections.abc import Collection

from zk0.errors import DatasetError
from zk0.learning.federation import DatasetSettings
from zk0.learning.robot import ACTION_KEY, STATE_KEY

TOLERANCE_S = 1e-4
"""LeRobot's own for times that must be multiples of 1/fps."""


def compute_offsets(
    settings: DatasetSettings, fps: int, cameras: Collection[str]
) -> dict[str, tuple[int, ...]]:
    """Feature → frames from the current one, by LeRobot's rules.

    Args:
        cameras: the policy's camera keys.

    Raises:
        DatasetError: an unknown feature, or a time that is no multiple of 1/fps.
    """
    if not settings.delta_timestamps:
        return {}
    from lerobot.datasets.feature_utils import check_delta_timestamps, get_delta_indices

    known = {STATE_KEY, ACTION_KEY, *cameras}
    unknown = sorted(set(settings.delta_timestamps) - known)
    if unknown:
        raise DatasetError(
            f"data set {settings.label}: delta_timestamps names {unknown}, expected some of "
            f"{sorted(known)}"
        )
    try:
        check_delta_timestamps(settings.delta_timestamps, fps, settings.tolerance_s or TOLERANCE_S)
    except ValueError as error:
        raise DatasetError(
            f"data set {settings.label}: expected delta_timestamps in multiples of 1/{fps} s, "
            f"found {settings.delta_timestamps}"
        ) from error
    indices = get_delta_indices(settings.delta_timestamps, fps)
    return {key: tuple(int(offset) for offset in offsets) for key, offsets in indices.items()}
