"""Everything of a LeRobot data set but the pictures: metadata and columns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zk0.errors import DatasetError
from zk0.learning.integrity import (
    count_usable_rows,
    describe_doubling,
    validate_references,
    validate_values,
)
from zk0.learning.robot import ACTION_KEY, STATE_KEY


@dataclass(frozen=True, slots=True)
class Rows:
    """The frames that count, and what describes them."""

    root: Path
    metadata: Any
    """LeRobotDatasetMetadata."""
    columns: dict[str, Any]
    """Column → array of n; `observation.state` and `action` are float32[n, joints]."""
    doubled: str | None
    """The warning about rows beyond `total_frames`, if there are any."""

    def validate(self) -> None:
        """Values finite, episodes and tasks known. Raises DatasetError."""
        for key in (STATE_KEY, ACTION_KEY):
            validate_values(self.root, key, self.columns[key])
        self.validate_references()

    def validate_references(self) -> None:
        """Raises DatasetError."""
        tasks = [int(index) for index in self.metadata.tasks["task_index"]]
        validate_references(self.root, self.columns, len(self.metadata.episodes), tasks)


def read_rows(root: Path) -> Rows:
    """Read metadata and columns of a v3 data set; values are not judged.

    Raises:
        DatasetError: a file or column is missing or damaged.
    """
    metadata = _read_metadata(root)
    columns, rows = _read_columns(root, metadata)
    for key in (STATE_KEY, ACTION_KEY):
        try:
            columns[key] = np.stack(columns[key]).astype(np.float32)
        except ValueError as error:
            raise DatasetError(
                f"data set {root} is damaged: {key} has no frames, or not the same number of "
                "values in each; fetch or record it again"
            ) from error
    return Rows(root, metadata, columns, describe_doubling(root, rows, int(metadata.total_frames)))


def _read_metadata(root: Path) -> Any:
    import pyarrow as pa
    from lerobot.datasets.dataset_metadata import LeRobotDatasetMetadata

    for part in ("tasks.parquet", "stats.json", "episodes"):
        if not (root / "meta" / part).exists():
            raise DatasetError(
                f"data set {root} is damaged: meta/{part} is missing; fetch or record it again"
            )
    try:
        return LeRobotDatasetMetadata(repo_id=f"local/{root.name}", root=root)
    except (pa.ArrowException, ValueError, KeyError, OSError, TypeError) as error:
        raise DatasetError(
            f"data set {root} is damaged: its meta folder is unreadable; fetch or record it again"
        ) from error


def _read_columns(root: Path, metadata: Any) -> tuple[dict[str, Any], int]:
    """Columns of all parquet files, cut to the frames that count, and how many rows there were."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = sorted((root / "data").glob("*/*.parquet"))
    if not files:
        raise DatasetError(f"data set {root} is damaged: no parquet file under data; fetch again")
    columns = [STATE_KEY, ACTION_KEY, "index", "episode_index", "task_index", "timestamp"]
    columns += list(metadata.image_keys)
    try:
        table = pa.concat_tables([pq.read_table(file, columns=columns) for file in files])
    except (pa.ArrowException, OSError) as error:
        raise DatasetError(
            f"data set {root} is damaged: {len(files)} parquet file(s) under data, one is "
            "unreadable; fetch or record it again"
        ) from error
    index = table.column("index").to_numpy()
    usable = count_usable_rows(root, index, int(metadata.total_frames))
    cut = {
        name: table.column(name).slice(0, usable).to_numpy(zero_copy_only=False)
        for name in table.column_names
    }
    return cut, len(index)
