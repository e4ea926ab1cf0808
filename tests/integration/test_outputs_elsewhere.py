"""Models on a hub and figures in TensorBoard: the real clients, with nothing beyond loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doubles.model_hub import TOKEN, ModelHub, open_model_hub
from zk0.errors import StorageError
from zk0.outputs.hub import HuggingFaceHub
from zk0.outputs.trackers import list_figures, open_trackers
from zk0.scoring import Score


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelHub]:
    """The client pointed at the loopback hub, as HF_ENDPOINT does when it is imported."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with open_model_hub() as hub:
        monkeypatch.setattr("huggingface_hub.hf_api.constants.ENDPOINT", hub.url)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield hub


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "round_2"
    (folder / "backbone").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(bytes(range(256)))
    (folder / "backbone" / "config.json").write_text('{"size": 1}')
    return folder


def test_a_model_folder_arrives_whole(hub: ModelHub, model: Path) -> None:
    where = HuggingFaceHub().upload(model, "team/robot", "zk0 round 2")
    sent = {str(f.relative_to(model)): f.read_bytes() for f in model.rglob("*") if f.is_file()}
    assert hub.files == {"team/robot": sent}
    assert hub.messages == ["zk0 round 2"]
    assert where.startswith(f"{hub.url}/team/robot/commit/")


def test_a_token_that_may_not_write_is_one_sentence(
    hub: ModelHub, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_may-read")
    with pytest.raises(StorageError, match="stays in that folder; check the name, the") as refused:
        HuggingFaceHub().upload(model, "team/robot", "zk0 round 2")
    assert "\n" not in str(refused.value)
    assert "hf_may-read" not in str(refused.value)
    assert not hub.files


def test_a_hub_out_of_reach_is_one_sentence(
    hub: ModelHub, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.hf_api.constants.ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(StorageError, match=r"cannot push .* to the hub as team/robot"):
        HuggingFaceHub().upload(model, "team/robot", "zk0 round 2")
    assert model.is_dir()


def test_tensorboard_itself_reads_the_figures(tmp_path: Path) -> None:
    """Only where tensorboard is installed: it is no dependency."""
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (tracker,) = open_trackers(["tensorboard"], tmp_path)
    for number in (1, 2):
        score = Score("touch", False, 8, 8, 1.0 / number, {"gripper_percent2": 4.0 / number})
        tracker.log(number, list_figures({"touch": score}, {"0xab": {"touch": score}}))
    tracker.close()
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    found = [(e.step, e.value) for e in events.Scalars("global/touch/loss")]
    assert found == [(1, 1.0), (2, 0.5)]
    assert "0xab/touch/action_mse/gripper_percent2" in events.Tags()["scalars"]
