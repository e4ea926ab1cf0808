"""Which data sets a federation consists of: `[tool.zk0.datasets]` in a TOML file.

    [tool.zk0.datasets]
    model = "tiny"                       # whose cameras, joints and rate they must have
    eval_episodes = 4                    # hold out the last 4 of every client's episodes

    [[tool.zk0.datasets.clients]]
    name = "lift"
    address = "sim:lift"

    [[tool.zk0.datasets.evaluation]]     # unseen: evaluated on, never trained on
    name = "stack"
    address = "sim:stack"

Every contradiction is found while it is read and named by its key's path.
"""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from zk0.errors import ConfigError, DatasetError
from zk0.learning.sources import Source, parse_source

TABLE = "tool.zk0.datasets"
SHARED = ("eval_episodes", "tolerance_s", "rename", "delta_timestamps", "image_transforms")
"""Keys of the table itself that hold for every data set that does not set them."""
EVALUATION_SHARED = ("tolerance_s", "rename", "delta_timestamps")


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class TransformSettings(_Strict):
    """One of LeRobot's image transforms (`ImageTransformConfig`)."""

    type: str
    """A class of torchvision.transforms.v2, or one of LeRobot's own."""
    weight: Annotated[float, Field(gt=0)] = 1.0
    """How often it is drawn, relative to the others."""
    kwargs: dict[str, Any] = {}
    """Its arguments, as in `{ brightness = [0.8, 1.2] }`."""


class ImageTransforms(_Strict):
    """Random changes of training pictures, drawn anew for every batch."""

    max_num_transforms: Annotated[int, Field(ge=1)] = 3
    """How many are drawn at a time."""
    random_order: bool = False
    tfs: dict[str, TransformSettings] | None = None
    """By default LeRobot's own: brightness, contrast, saturation, hue, sharpness, affine."""


class DatasetSettings(_Strict):
    """One data set and how it is used."""

    address: str
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")] = "dataset"
    """Short name for tables, files and messages."""
    description: str = ""
    """For people."""
    eval_episodes: Annotated[int, Field(ge=1)] | None = None
    """Hold out the last N episodes; by default one in five, at least one."""
    episodes: (
        Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=2, max_length=2)] | None
    ) = None
    """[first, last + 1]: use only these; by default all."""
    tolerance_s: Annotated[float, Field(gt=0)] | None = None
    """How far a frame's time may be off, in seconds; by default 1/fps."""
    rename: dict[str, str] = {}
    """The data set's camera → the policy's, as in `{ top = "camera1" }`."""
    delta_timestamps: dict[str, Annotated[list[float], Field(min_length=1)]] = {}
    """Feature → seconds from the frame; by default the frame, and a chunk of actions from it."""
    image_transforms: ImageTransforms | None = None

    @field_validator("address")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        try:
            parse_source(value)
        except DatasetError as error:
            raise ValueError(str(error)) from error
        return value

    @model_validator(mode="after")
    def _has_something_left(self) -> DatasetSettings:
        if self.episodes is None:
            return self
        count = self.episodes[1] - self.episodes[0]
        if count < 1:
            raise ValueError(f"episodes: expected [first, last + 1], found {self.episodes}")
        if self.eval_episodes is not None and self.eval_episodes >= count:
            raise ValueError(
                f"eval_episodes: {self.eval_episodes} of {count} episodes are held out, which "
                "leaves none to train on"
            )
        return self

    @property
    def source(self) -> Source:
        return parse_source(self.address)

    def overlaps(self, other: DatasetSettings) -> bool:
        """Whether both name the same episodes of the same data set."""
        if self.source.identity != other.source.identity:
            return False
        if self.episodes is None or other.episodes is None:
            return True
        return max(self.episodes[0], other.episodes[0]) < min(self.episodes[1], other.episodes[1])


class Federation(_Strict):
    """All data sets of an experiment or a network."""

    model: str | None = None
    """The policy that they are checked against: `tiny`, a folder or a hub id."""
    clients: Annotated[list[DatasetSettings], Field(min_length=1)]
    """Each trains one node."""
    evaluation: list[DatasetSettings] = []
    """Unseen data sets: nobody trains on them."""

    def get_client(self, name: str) -> DatasetSettings:
        """Raises ConfigError for a name that no client has."""
        for client in self.clients:
            if client.name == name:
                return client
        names = [client.name for client in self.clients]
        raise ConfigError(f"expected a client of the federation {names}, found {name!r}")


def load_federation(file: Path) -> Federation:
    """Read `[tool.zk0.datasets]` of a TOML file.

    Raises:
        ConfigError: missing, not TOML, unknown keys or contradictions, with the key's path.
    """
    try:
        document = tomllib.loads(file.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(
            f"expected a TOML file with [{TABLE}] in {file}, it cannot be read: {error}"
        ) from error
    table: Any = document
    for key in TABLE.split("."):
        table = table.get(key) if isinstance(table, dict) else None
    if not isinstance(table, dict):
        raise ConfigError(f"expected [{TABLE}] in {file}, found none")
    return parse_federation(table, str(file))


def parse_federation(table: Mapping[str, Any], where: str = "the federation") -> Federation:
    """As `load_federation`, from the table itself. Raises ConfigError."""
    plain = {key: value for key, value in table.items() if key not in SHARED}
    for kind, shared in (("clients", SHARED), ("evaluation", EVALUATION_SHARED)):
        defaults = {key: table[key] for key in shared if key in table}
        entries = table.get(kind)
        if isinstance(entries, list):
            plain[kind] = [
                defaults | entry if isinstance(entry, dict) else entry for entry in entries
            ]
    try:
        federation = Federation.model_validate(plain)
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(
            f"{where}: {_format_path(first['loc'])}: {first['msg'].removeprefix('Value error, ')}"
            + (f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else "")
        ) from error
    _refuse_contradictions(federation, where)
    return federation


def _format_path(location: Sequence[str | int]) -> str:
    keys = (f"[{key}]" if isinstance(key, int) else f".{key}" for key in location)
    return TABLE + "".join(keys)


def _refuse_contradictions(federation: Federation, where: str) -> None:
    entries = [(f"{TABLE}.clients[{i}]", e) for i, e in enumerate(federation.clients)]
    entries += [(f"{TABLE}.evaluation[{i}]", e) for i, e in enumerate(federation.evaluation)]
    for path, entry in entries:
        if "name" not in entry.model_fields_set:
            raise ConfigError(f"{where}: {path}.name: expected a name, found none")
        if ".evaluation" in path and (entry.eval_episodes or entry.image_transforms):
            raise ConfigError(
                f"{where}: {path}: eval_episodes and image_transforms are for clients; all of an "
                "evaluation set is evaluated on, as it is"
            )
    for (path, entry), (other_path, other) in itertools.combinations(entries, 2):
        if entry.name == other.name:
            raise ConfigError(
                f"{where}: {other_path}.name: expected a name of its own, found {other.name!r}, "
                f"which is {path}'s"
            )
        if entry.overlaps(other):
            raise ConfigError(
                f"{where}: {other_path}.address: expected episodes that no other data set has, "
                f"found those of {path} ({entry.source}): split them with `episodes`"
            )
