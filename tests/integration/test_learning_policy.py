"""The tiny SmolVLA, its genesis, and loading through LeRobot's own folders."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zk0.errors import CheckpointError, ConfigError
from zk0.learning.datasets import load_dataset
from zk0.learning.evaluation import compute_held_out_loss
from zk0.learning.genesis import GENESIS_FILE, write_genesis
from zk0.learning.policy import MODELS, load_policy
from zk0.protocol.checkpoint import read_checkpoint
from zk0.protocol.parameters import ParameterLayout

GENESIS_DIGEST = "253a2248530b6e567c7880d85b1d007a5c930326bc33244622d320e961a32fa5"


def test_scopes_of_the_tiny_model_have_the_documented_sizes() -> None:
    whole, expert = load_policy("tiny", "all"), load_policy("tiny", "expert")
    assert sum(p.numel() for p in whole.module.parameters()) == 840_768
    assert whole.layout.parameter_count == 711_456
    assert expert.layout.parameter_count == 314_016
    assert set(expert.trainable) < set(whole.trainable)


def test_genesis_is_the_model_as_shipped(tmp_path: Path) -> None:
    policy = load_policy("tiny", "all")
    assert write_genesis(policy, "tiny", tmp_path / "g").hex() == GENESIS_DIGEST
    checkpoint = read_checkpoint(GENESIS_FILE)
    assert GENESIS_FILE.read_bytes() == (tmp_path / "g").read_bytes()
    assert checkpoint.metadata.round_id == 0
    assert checkpoint.metadata.parent == bytes(32)
    assert (checkpoint.metadata.model, checkpoint.metadata.scope) == ("tiny", "all")
    assert checkpoint.layout == policy.layout == ParameterLayout.of(policy.get_parameters())


def test_genesis_of_scope_expert_is_a_subset(tmp_path: Path) -> None:
    write_genesis(load_policy("tiny", "expert"), "tiny", tmp_path / "g")
    part, whole = read_checkpoint(tmp_path / "g"), read_checkpoint(GENESIS_FILE)
    assert part.metadata.scope == "expert"
    assert all(np.array_equal(whole.tensors[n], t) for n, t in part.tensors.items())


def test_parameters_survive_a_round_trip() -> None:
    policy = load_policy("tiny", "all")
    changed = {n: t + np.float32(0.5) for n, t in policy.get_parameters().items()}
    policy.set_parameters(changed)
    assert all(np.array_equal(changed[n], t) for n, t in policy.get_parameters().items())


def test_parameters_handed_out_are_copies() -> None:
    policy = load_policy("tiny", "expert")
    handed = policy.get_parameters()
    before = {n: t.copy() for n, t in handed.items()}
    policy.set_parameters({n: t + np.float32(1) for n, t in before.items()})
    assert all(np.array_equal(before[n], t) for n, t in handed.items())


def test_parameters_that_do_not_fit_are_refused() -> None:
    policy = load_policy("tiny", "expert")
    good = policy.get_parameters()
    name = next(iter(good))
    bads: list[dict[str, Any]] = [
        {**good, "foreign": good[name]},
        {n: t for n, t in good.items() if n != name},
        {**good, name: good[name][:1]},
        {**good, name: good[name].astype(np.float64)},
        {**good, name: np.full_like(good[name], np.nan)},
    ]
    for bad in bads:
        with pytest.raises(CheckpointError):
            policy.set_parameters(bad)
    assert all(np.array_equal(good[n], t) for n, t in policy.get_parameters().items())


def test_folder_saved_by_lerobot_loads_with_the_same_loss(tmp_path: Path) -> None:
    """The way of `lerobot/smolvla_base`, without a hub: absolute backbone, own config."""
    tiny = load_policy("tiny", "expert")
    tiny.module.save_pretrained(tmp_path / "saved")
    config = json.loads((tmp_path / "saved" / "config.json").read_text())
    assert Path(config["vlm_model_name"]).is_absolute()
    again = load_policy(str(tmp_path / "saved"), "expert")
    held_out = load_dataset("touch").held_out
    assert compute_held_out_loss(again, held_out) == compute_held_out_loss(tiny, held_out)
    assert again.statistics_digest == tiny.statistics_digest


def test_lerobot_loads_the_embedded_folder_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy

    monkeypatch.chdir(MODELS / "tiny")  # its backbone path is relative
    module = SmolVLAPolicy.from_pretrained(".", strict=True)
    assert sum(p.numel() for p in module.parameters()) == 840_768


def test_moved_folder_loads_with_its_own_statistics(tmp_path: Path) -> None:
    shutil.copytree(MODELS / "tiny", tmp_path / "moved")
    file = tmp_path / "moved" / "statistics.json"
    file.write_text(file.read_text() + "\n")
    moved = load_policy(str(tmp_path / "moved"), "all")
    assert moved.statistics_digest != load_policy("tiny", "all").statistics_digest


def test_unknown_scope_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected scope expert or all"):
        load_policy("tiny", "head")


def test_folder_without_a_policy_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a SmolVLA policy"):
        load_policy(str(tmp_path), "all")


def test_hub_model_without_the_hub_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ConfigError, match="expected a SmolVLA policy in nobody/nothing"):
        load_policy("nobody/nothing", "all")


def test_another_kind_of_policy_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"type": "act"}))
    with pytest.raises(ConfigError, match="found a act policy"):
        load_policy(str(tmp_path), "all")


@pytest.mark.parametrize("content", [None, b"", b"\x80\x04pickle"])
def test_damaged_parameters_are_refused(tmp_path: Path, content: bytes | None) -> None:
    shutil.copytree(MODELS / "tiny", tmp_path / "broken")
    file = tmp_path / "broken" / "model.safetensors"
    file.unlink() if content is None else file.write_bytes(content)
    with pytest.raises(ConfigError, match="cannot be loaded"):
        load_policy(str(tmp_path / "broken"), "all")


def test_missing_statistics_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="normalisation statistics"):
        load_policy("tiny", "all", statistics_file=tmp_path / "none.json")
