"""Addresses of data sets, and how each of them becomes a folder on this machine.

hf:OWNER/NAME[@REVISION]   from the Hugging Face hub, by LeRobot's own code
local:FOLDER               a folder in LeRobot's format
sim:TASK[@SEED]            the embedded recording of a simulator task; with a seed,
                           episodes of one's own, recorded by the simulator on first use
touch, lift …              short for sim:touch, sim:lift …
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from zk0.errors import DatasetError

EMBEDDED = Path(__file__).parent / "embedded"
SIMULATED_EPISODES = 20
"""What `sim:TASK@SEED` records."""
POOL_SEED = 100_000
"""Seeds from here on are the pool's (`scripts/record-datasets`)."""


@dataclass(frozen=True, slots=True)
class Source:
    """A parsed address."""

    scheme: Literal["hf", "local", "sim"]
    name: str
    """OWNER/NAME, folder or task."""
    revision: str | None = None
    """hf: branch, tag or commit; sim: the first seed."""

    def __str__(self) -> str:
        return f"{self.scheme}:{self.name}" + (f"@{self.revision}" if self.revision else "")

    @property
    def identity(self) -> str:
        """Equal for two addresses of the same data: a folder is resolved first."""
        if self.scheme == "local":
            return f"local:{Path(self.name).expanduser().resolve()}"
        return str(self)


def list_embedded() -> list[str]:
    """Names of the data sets that ship with zk0, sorted."""
    return sorted(folder.name for folder in (EMBEDDED / "datasets").iterdir())


def parse_source(address: str) -> Source:
    """Raises DatasetError for an address that no data set can have."""
    scheme, colon, rest = address.partition(":")
    if not colon and scheme in list_embedded():
        return Source("sim", scheme)
    if scheme == "local" and rest:
        return Source("local", rest)
    name, at, revision = rest.partition("@")
    if scheme == "hf" and name and bool(at) == bool(revision):
        return Source("hf", name, revision or None)
    if scheme == "sim" and name and (not at or (revision.isdecimal() and revision.isascii())):
        if at and int(revision) >= POOL_SEED:
            raise DatasetError(
                f"{address}: expected a seed below {POOL_SEED}, where the pools' episodes begin"
            )
        return Source("sim", name, revision or None)
    raise DatasetError(
        "expected a data set as local:<folder>, hf:<owner>/<name>[@<revision>], "
        f"sim:<task>[@<seed>] or one of {list_embedded()}, found {address!r}"
    )


def resolve_source(source: Source) -> Path:
    """The folder with the data set, downloaded or recorded into a cache if need be.

    Raises:
        DatasetError: it cannot be had; whether the folder holds a data set is not looked at.
    """
    if source.scheme == "local":
        return Path(source.name).expanduser()
    if source.scheme == "sim":
        return _resolve_simulated(source)
    from zk0.learning.hub import download_dataset

    return download_dataset(source.name, source.revision)


def _resolve_simulated(source: Source) -> Path:
    if source.revision is None and source.name in list_embedded():
        return EMBEDDED / "datasets" / source.name
    seed = int(source.revision or 0)
    folder = get_cache_folder() / "datasets" / f"sim-{source.name}-{seed}"
    if not folder.exists():
        _record(source, folder, seed)
    return folder


def get_cache_folder() -> Path:
    """Where recordings are kept: ZK0_CACHE_DIR, else the user's cache folder."""
    default = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "zk0"
    return Path(os.environ.get("ZK0_CACHE_DIR", default))


def _record(source: Source, folder: Path, seed: int) -> None:
    """Record into a folder beside `folder` and move it there when it is whole."""
    import tempfile

    try:
        from zk0.learning.simulator.environment import TASKS
        from zk0.learning.simulator.meshes import use_light_meshes
        from zk0.learning.simulator.recording import record_dataset
    except ImportError as error:
        raise DatasetError(
            f"{source} must be recorded, which needs the SO-101 simulator, and {error.name} is not "
            f"installed: `uv sync --group simulator`, or use one of {list_embedded()}"
        ) from error
    if source.name not in TASKS:
        raise DatasetError(f"{source}: expected a simulator task of {sorted(TASKS)}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="recording-") as scratch:
        use_light_meshes(Path(scratch) / "meshes")
        record_dataset(Path(scratch) / folder.name, source.name, SIMULATED_EPISODES, seed)
        (Path(scratch) / folder.name).rename(folder)
