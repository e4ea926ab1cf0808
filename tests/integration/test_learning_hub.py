"""Data sets from a hub: LeRobot's and the hub's real client code against a hub on loopback.

The Hugging Face hub itself was never asked by these tests.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.doubles.hub import TOKEN, Hub, Repository, open_hub
from zk0.errors import DatasetError
from zk0.learning.datasets import load_dataset
from zk0.learning.hub import download_dataset
from zk0.learning.sources import EMBEDDED

TOUCH = EMBEDDED / "pool" / "touch"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """The client pointed at the loopback hub, with an empty cache and no token."""
    old = tmp_path / "old"
    (old / "meta").mkdir(parents=True)
    info = json.loads((TOUCH / "meta" / "info.json").read_text())
    (old / "meta" / "info.json").write_text(json.dumps(info | {"codebase_version": "v2.1"}))
    repositories = {
        "team/touch": Repository(TOUCH),
        "team/private": Repository(TOUCH, private=True),
        "team/gated": Repository(TOUCH, gated=True),
        "team/old": Repository(old, tags=("v2.1",)),
        "team/older": Repository(old, tags=("v1.6",)),
        "team/untagged": Repository(TOUCH, tags=()),
    }
    cache = tmp_path / "cache"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("lerobot.utils.constants.HF_LEROBOT_HOME", cache)
    monkeypatch.setattr("lerobot.utils.constants.HF_LEROBOT_HUB_CACHE", cache / "hub")
    monkeypatch.setattr("lerobot.datasets.dataset_metadata.HF_LEROBOT_HOME", cache)
    monkeypatch.setattr("lerobot.datasets.dataset_metadata.HF_LEROBOT_HUB_CACHE", cache / "hub")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with open_hub(repositories) as hub:
        point_client_to(hub.url, monkeypatch)
        yield hub


def point_client_to(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As HF_ENDPOINT does when the client is imported."""
    template = url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", url)
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)


def test_data_set_of_the_hub_is_downloaded_once(hub: Hub) -> None:
    dataset = load_dataset("hf:team/touch")
    reference = load_dataset(f"local:{TOUCH}")
    assert np.array_equal(dataset.train.action, reference.train.action)
    for key, pixels in reference.train.images.items():
        assert np.array_equal(dataset.train.images[key], pixels)
    downloads = [r for r in hub.requests if r.startswith("GET /datasets/")]
    assert len(downloads) == len({*downloads}) == 7
    load_dataset("hf:team/touch@v3.0")
    assert [r for r in hub.requests if r.startswith("GET /datasets/")] == downloads


@pytest.mark.parametrize("revision", ["main", "v3.0"])
def test_revision_of_a_data_set_is_taken(hub: Hub, revision: str) -> None:
    folder = download_dataset("team/touch", revision)
    assert (folder / "meta" / "info.json").read_bytes() == (
        TOUCH / "meta" / "info.json"
    ).read_bytes()
    assert any(f"/revision/{revision}" in request for request in hub.requests)


def test_cached_data_set_is_used_without_a_connection(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = download_dataset("team/touch")
    point_client_to("http://127.0.0.1:1", monkeypatch)
    assert download_dataset("team/touch") == folder


@pytest.mark.usefixtures("hub")
def test_hub_out_of_reach_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    point_client_to("http://127.0.0.1:1", monkeypatch)
    with pytest.raises(DatasetError, match=r"hf:team/touch is not in the cache and the hub cannot"):
        load_dataset("hf:team/touch")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(DatasetError, match=r"check the connection and HF_HUB_OFFLINE"):
        load_dataset("hf:team/touch")


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("hf:team/nothing", "the hub has no such data set, or it is private: check the name"),
        ("hf:team/private", "set HF_TOKEN to a token that may read it"),
        ("hf:team/gated", r"is gated: ask for access on huggingface\.co/datasets/team/gated"),
        ("hf:team/touch@no-such-branch", "no such revision"),
        ("hf:team/old", r"found v2\.1: convert it with `.*v21_to_v30 --repo-id=team/old "),
        ("hf:team/old@main", r"found v2\.1: convert it"),
        ("hf:team/older", "one that this LeRobot cannot read"),
        ("hf:team/untagged", r"as in hf:team/untagged@main"),
        ("hf:no owner/name", "expected hf:<owner>/<name>"),
    ],
)
def test_what_the_hub_refuses_is_one_sentence(address: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message) as refused:
        load_dataset(address)
    assert "\n" not in str(refused.value)


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize("name", ["private", "gated"])
def test_token_opens_private_and_gated_data_sets(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert (download_dataset(f"team/{name}") / "data").is_dir()
    monkeypatch.setenv("HF_TOKEN", "hf_another")
    shutil.rmtree(download_dataset_cache())
    with pytest.raises(DatasetError, match="HF_TOKEN"):
        download_dataset(f"team/{name}")


def download_dataset_cache() -> Path:
    from lerobot.utils import constants

    return Path(constants.HF_LEROBOT_HUB_CACHE)
