"""Addresses of data sets."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from zk0.errors import DatasetError
from zk0.learning.sources import EMBEDDED, Source, list_embedded, parse_source, resolve_source


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("touch", Source("sim", "touch")),
        ("sim:touch", Source("sim", "touch")),
        ("sim:touch@99999", Source("sim", "touch", "99999")),
        ("local:/data/a@b", Source("local", "/data/a@b")),
        ("hf:team/name", Source("hf", "team/name")),
        ("hf:team/name@v3.0", Source("hf", "team/name", "v3.0")),
    ],
)
def test_address_is_parsed(address: str, source: Source) -> None:
    assert parse_source(address) == source
    assert parse_source(str(source)) == source


@pytest.mark.parametrize(
    "address",
    ["", "juggle", "local:", "hf:", "hf:@x", "hf:a/b@", "sim:", "sim:touch@", "sim:touch@x",
     "sim:touch@-1", "sim:touch@²", "ftp:x", "touch:x", " touch"],
)  # fmt: skip
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(DatasetError, match=r"expected a data set as local:<folder>.*'touch'\]"):
        parse_source(address)


def test_seed_of_the_pool_is_refused() -> None:
    with pytest.raises(DatasetError, match="seed below 100000"):
        parse_source("sim:touch@100000")


def test_folders_are_one_data_set_however_they_are_written(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    plain, roundabout = Source("local", f"{tmp_path}"), Source("local", f"{tmp_path}/a/..")
    assert plain.identity == roundabout.identity
    assert plain.identity != Source("local", f"{tmp_path}/a").identity
    assert parse_source("touch").identity == parse_source("sim:touch").identity


def test_simulated_task_is_the_embedded_recording() -> None:
    for name in list_embedded():
        assert resolve_source(parse_source(f"sim:{name}")) == EMBEDDED / "datasets" / name


def test_recording_without_the_simulator_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZK0_CACHE_DIR", str(tmp_path))
    for name in [n for n in sys.modules if n.startswith("zk0.learning.simulator.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    with pytest.raises(DatasetError, match=r"gymnasium is not installed: `uv sync --group sim"):
        resolve_source(parse_source("sim:touch@7"))
    assert not list(tmp_path.iterdir())


def test_recording_is_kept_and_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZK0_CACHE_DIR", str(tmp_path))
    kept = tmp_path / "datasets" / "sim-touch-7"
    kept.mkdir(parents=True)
    assert resolve_source(parse_source("sim:touch@7")) == kept
