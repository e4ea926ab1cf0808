"""The tiny SmolVLA, its genesis, and loading through LeRobot's own folders."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from zk0.errors import CheckpointError, ConfigError
from zk0.learning.datasets import load_dataset
from zk0.learning.devices import choose_device
from zk0.learning.evaluation import compute_held_out_loss
from zk0.learning.export import export_policy
from zk0.learning.frames import build_batch
from zk0.learning.genesis import GENESIS_FILE, write_genesis
from zk0.learning.policy import MODELS, _find_statistics, load_policy
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


def test_embedded_backbone_is_what_the_builder_writes(tmp_path: Path) -> None:
    from zk0.learning.tiny import TINY, build_backbone

    build_backbone(tmp_path / "backbone", TINY)
    written = {path.name: path.read_bytes() for path in (tmp_path / "backbone").iterdir()}
    shipped = MODELS / "tiny" / "backbone"
    assert written == {path.name: path.read_bytes() for path in shipped.iterdir()}


def test_moved_folder_loads_with_its_own_statistics(tmp_path: Path) -> None:
    shutil.copytree(MODELS / "tiny", tmp_path / "moved")
    file = tmp_path / "moved" / "statistics.json"
    file.write_text(file.read_text() + "\n")
    moved = load_policy(str(tmp_path / "moved"), "all")
    assert moved.statistics_digest != load_policy("tiny", "all").statistics_digest
    (tmp_path / "exported").mkdir()
    export_policy(moved, tmp_path / "exported")
    exported = load_policy(str(tmp_path / "exported"), "all")
    assert exported.statistics_digest == moved.statistics_digest


def test_unknown_scope_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected scope expert or all"):
        load_policy("tiny", "head")


def test_folder_without_a_policy_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a policy in"):
        load_policy(str(tmp_path), "all")


def test_hub_model_without_the_hub_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ConfigError, match="expected a policy in nobody/nothing"):
        load_policy("nobody/nothing", "all")


def test_policy_that_describes_no_features_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"type": "act"}))
    with pytest.raises(ConfigError, match=r"no config\.json that describes its features"):
        load_policy(str(tmp_path), "all")


def test_policy_of_another_arm_is_refused(tmp_path: Path) -> None:
    shutil.copytree(MODELS / "tiny", tmp_path / "other")
    file = tmp_path / "other" / "config.json"
    config = json.loads(file.read_text())
    config["output_features"]["action"]["shape"] = [7]
    file.write_text(json.dumps(config))
    with pytest.raises(ConfigError, match="has 7 action dimensions"):
        load_policy(str(tmp_path / "other"), "all")


def test_hub_model_without_statistics_is_refused() -> None:
    with pytest.raises(ConfigError, match="comes without normalisation statistics"):
        _find_statistics("lerobot/smolvla_base")


def test_device_is_chosen_and_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ZK0_DEVICE", raising=False)
    assert choose_device() in ("cpu", "mps", "cuda")
    monkeypatch.setenv("ZK0_DEVICE", "cpu")
    assert choose_device() == "cpu"
    for wrong in ("tpu", "cuda:99x", "cpu:x"):
        with pytest.raises(ConfigError, match="expected a device of this machine"):
            choose_device(wrong)
    monkeypatch.setenv("ZK0_DEVICE", "tpu")
    with pytest.raises(ConfigError, match="found 'tpu'"):
        load_policy("tiny", "all")


def test_bfloat16_is_for_training_only() -> None:
    exact = load_policy("tiny", "expert", device="cpu")
    rough = dataclasses.replace(exact, bfloat16=True)
    frames = load_dataset("touch").held_out
    assert compute_held_out_loss(rough, frames) == compute_held_out_loss(exact, frames)
    noise = np.zeros((2, exact.chunk_size, exact.max_action_dim), np.float32)
    time = np.full(2, 0.5, np.float32)
    exact.module.train()
    batches = [build_batch(frames, [0, 9], exact.chunk_size) for _ in range(2)]
    expected = exact.compute_frame_losses(batches[0], noise, time)
    found = rough.compute_frame_losses(batches[1], noise, time)
    assert found.dtype == expected.dtype
    assert not torch.equal(found, expected)
    assert torch.allclose(found, expected, rtol=0.05)


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
