"""Converts a v2.1 data set into a new folder with LeRobot's own converter."""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import sys
import tempfile
from pathlib import Path

from zk0.errors import DatasetError

log = logging.getLogger(__name__)


def convert_dataset(root: Path, target: Path) -> None:
    """Write the v2.1 data set of `root` to `target` as v3.0; `root` stays as it is.

    The converter works in place, so it gets a copy beside `target`, which needs the room of
    the data set twice while it runs.

    Raises:
        DatasetError: `root` is not v2.1, is damaged, or `target` exists.
    """
    if target.exists():
        raise DatasetError(f"expected a new folder to convert into, {target} exists already")
    version = _read_version(root)
    if version != "v2.1":
        raise DatasetError(f"expected a data set in format v2.1 in {root}, found {version}")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="converting-") as scratch:
        copy = Path(scratch) / target.name
        shutil.copytree(root, copy)
        _convert_in_place(copy)
        copy.rename(target)
    log.info("converted %s to %s", root, target)


def _read_version(root: Path) -> str:
    try:
        return str(json.loads((root / "meta" / "info.json").read_text())["codebase_version"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(
            f"expected a LeRobot data set in {root}, found no meta/info.json that can be read"
        ) from error


def _convert_in_place(folder: Path) -> None:
    import av
    import pyarrow as pa
    from lerobot.scripts.convert_dataset_v21_to_v30 import convert_dataset as convert

    try:
        with contextlib.redirect_stdout(sys.stderr):
            convert(repo_id=f"local/{folder.name}", root=folder, push_to_hub=False)
    except (OSError, ValueError, KeyError, pa.ArrowException, av.FFmpegError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DatasetError(
            f"LeRobot's converter refuses this data set ({reason}): fetch or record it again"
        ) from error
