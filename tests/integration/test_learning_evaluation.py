"""Scores in the robot's units, and model folders that LeRobot alone can run."""

from __future__ import annotations

import dataclasses
import json
import resource
import shutil
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from coordinator.bootstrap import make_recorder
from coordinator.recording_options import RecordingOptions, RecordingPlan
from zk0.cli import cli
from zk0.errors import CheckpointError, ConfigError, DatasetError, StorageError
from zk0.evaluate import Assessment, format_assessment, load_model
from zk0.learning.action_error import compute_action_mse, predict_actions
from zk0.learning.datasets import read_frames
from zk0.learning.evaluator import (
    EVALUATION_SEED,
    EvaluationSet,
    PolicyEvaluator,
    gather_sets,
    load_unseen_sets,
)
from zk0.learning.examination import PoolExaminer
from zk0.learning.export import export_policy
from zk0.learning.frames import Frames, build_batch
from zk0.learning.genesis import GENESIS_FILE
from zk0.learning.normalization import load_statistics
from zk0.learning.policy import MODELS, Policy, load_policy
from zk0.learning.pool import EMBEDDED_POOL, load_pool
from zk0.learning.robot import SO101
from zk0.learning.sources import EMBEDDED
from zk0.scoring import RolloutResult, Score


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy("tiny", "all")


@pytest.fixture(scope="module")
def touch() -> Frames:
    return read_frames(EMBEDDED / "pool" / "touch")


@pytest.fixture(scope="module")
def evaluator(policy: Policy, touch: Frames) -> PolicyEvaluator:
    unseen = EvaluationSet("stack", True, touch.select_episodes([0]))
    return PolicyEvaluator(policy, {"touch": EvaluationSet("touch", False, touch), "new": unseen})


class Motionless:
    """In place of LeRobot's policy: predicts zero, which is the mean once un-normalised."""

    def __init__(self, config: Any) -> None:
        self.config = config

    def predict_action_chunk(self, batch: dict[str, Any], noise: Any) -> torch.Tensor:
        return torch.zeros(len(noise), self.config.chunk_size, 6)

    def reset(self) -> None:
        pass


def test_the_action_error_is_in_the_units_of_the_data_set(policy: Policy, touch: Frames) -> None:
    still = dataclasses.replace(policy, module=Motionless(policy.module.config))
    statistics, _ = load_statistics(MODELS / "tiny" / "statistics.json")
    mean = statistics["action"]["mean"].astype(np.float64)
    found = compute_action_mse(still, touch, [0], "touch", EVALUATION_SEED)
    expected = ((touch.action[:8] - mean) ** 2).mean(axis=0)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_actions_beyond_the_end_of_an_episode_do_not_count(policy: Policy, touch: Frames) -> None:
    still = dataclasses.replace(policy, module=Motionless(policy.module.config))
    last = int(np.flatnonzero(touch.episode == touch.episode[0])[-1])
    statistics, _ = load_statistics(MODELS / "tiny" / "statistics.json")
    mean = statistics["action"]["mean"].astype(np.float64)
    found = compute_action_mse(still, touch, [last - 1, 0], "touch", EVALUATION_SEED)
    rows = np.concatenate([touch.action[last - 1 : last + 1], touch.action[:8]])
    np.testing.assert_allclose(found, ((rows - mean) ** 2).mean(axis=0), rtol=1e-5)


def test_the_same_model_has_the_same_score_twice(evaluator: PolicyEvaluator) -> None:
    parameters = evaluator._policy.get_parameters()
    torch.manual_seed(1)
    first = evaluator.evaluate(parameters, ["touch"])
    torch.manual_seed(2)
    assert evaluator.evaluate(parameters, ["touch"]) == first


def test_scores_name_joints_units_and_what_is_unseen(evaluator: PolicyEvaluator) -> None:
    scores = evaluator.evaluate(evaluator._policy.get_parameters())
    assert list(scores) == ["new", "touch"]
    assert (scores["new"].task, scores["new"].unseen, scores["new"].episodes) == ("stack", True, 1)
    assert not scores["touch"].unseen
    assert list(scores["touch"].action_mse)[::5] == [
        "shoulder_pan.pos_deg2",
        "gripper.pos_percent2",
    ]
    errors = scores["touch"].action_mse.values()
    assert scores["touch"].mean_action_mse == pytest.approx(sum(errors) / 6)


def test_another_model_has_another_score(evaluator: PolicyEvaluator) -> None:
    parameters = evaluator._policy.get_parameters()
    changed = {name: tensor * np.float32(1.1) for name, tensor in parameters.items()}
    first, second = (evaluator.evaluate(p, ["touch"])["touch"] for p in (parameters, changed))
    assert first.loss != second.loss
    assert first.action_mse != second.action_mse


def test_foreign_parameters_are_refused(evaluator: PolicyEvaluator) -> None:
    with pytest.raises(CheckpointError, match="expected the 113 tensors"):
        evaluator.evaluate({"w": np.zeros(1, np.float32)})


def test_unseen_sets_are_held_out_episodes_under_their_own_name() -> None:
    (name, entry), *rest = load_unseen_sets(["stack"]).items()
    assert (name, entry.task, entry.unseen, rest) == ("stack", "stack", True, [])
    assert entry.frames.episodes == [16, 17, 18, 19]


def test_a_federations_own_evaluation_sets_are_used_whole(tmp_path: Path) -> None:
    file = tmp_path / "federation.toml"
    file.write_text(
        '[tool.zk0.datasets]\nclients = [{ name = "touch", address = "touch" }]\n'
        'evaluation = [{ name = "piles", address = "stack", episodes = [3, 6] }]\n'
    )
    (name, entry), *rest = load_unseen_sets([str(file)]).items()
    assert (name, entry.task, entry.unseen, rest) == ("piles", "piles", True, [])
    assert entry.frames.episodes == [3, 4, 5]


def test_a_federation_without_evaluation_sets_is_named(tmp_path: Path) -> None:
    file = tmp_path / "federation.toml"
    file.write_text('[tool.zk0.datasets]\nclients = [{ name = "touch", address = "touch" }]\n')
    with pytest.raises(ConfigError, match=r"federation.toml: expected .*evaluation"):
        load_unseen_sets([str(file)])


def test_an_unseen_set_is_neither_named_like_a_task_of_the_pool_nor_in_it(tmp_path: Path) -> None:
    pool = load_pool(EMBEDDED_POOL)
    with pytest.raises(ConfigError, match="called 'touch' like a task of the pool"):
        gather_sets(pool, ["touch"])
    (copy := tmp_path / "unseen").symlink_to(EMBEDDED_POOL / "lift")
    with pytest.raises(DatasetError, match=r"pool task lift to be episode .* of data set unseen"):
        gather_sets(pool, [f"local:{copy}"])
    assert [name for name, entry in gather_sets(pool, ["stack"]).items() if entry.unseen] == [
        "stack"
    ]


def test_unseen_sets_must_fit_the_networks_policy(policy: Policy, tmp_path: Path) -> None:
    """The pool is loaded for the manifest's model, and so are they."""
    tools: Any = SimpleNamespace(
        examiner=PoolExaminer(policy, load_pool(EMBEDDED_POOL)),
        manifest=SimpleNamespace(model="lerobot/smolvla_base"),
    )
    options = RecordingOptions(tmp_path / "outputs", RecordingPlan(), unseen=("stack",))
    with pytest.raises(DatasetError, match="camera1"):
        make_recorder(tools, options)
    assert not (tmp_path / "outputs").exists()


def test_lerobot_alone_loads_an_exported_folder_and_acts_like_the_original(
    policy: Policy, touch: Frames, tmp_path: Path
) -> None:
    from lerobot.policies.factory import make_pre_post_processors
    from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy

    changed = {n: t + np.float32(0.01) for n, t in policy.get_parameters().items()}
    policy.set_parameters(changed)
    staging, folder = tmp_path / "staging", tmp_path / "round_1"
    staging.mkdir()
    export_policy(policy, staging, folder)
    staging.rename(folder)

    loaded = SmolVLAPolicy.from_pretrained(folder)
    preprocess, postprocess = make_pre_post_processors(loaded.config, pretrained_path=str(folder))
    batch = build_batch(touch, [3], policy.chunk_size)
    noise = torch.randn(1, 16, 32, generator=torch.Generator().manual_seed(0))
    action = postprocess(loaded.select_action(preprocess(dict(batch)), noise=noise))
    own = policy.module.predict_action_chunk(policy.preprocess(dict(batch)), noise=noise)
    assert action.shape == (1, 6)
    assert torch.equal(action, policy.postprocess(own[:, 0]))
    assert torch.isfinite(action).all()


def test_an_exported_folder_that_was_moved_is_loaded_by_zk0(
    policy: Policy, touch: Frames, tmp_path: Path
) -> None:
    (tmp_path / "model").mkdir()
    export_policy(policy, tmp_path / "model")
    shutil.move(tmp_path / "model", tmp_path / "elsewhere")
    again = load_policy(str(tmp_path / "elsewhere"), "all")
    assert again.statistics_digest == policy.statistics_digest
    expected = predict_actions(policy, touch, [0], "touch", EVALUATION_SEED)
    assert np.array_equal(predict_actions(again, touch, [0], "touch", EVALUATION_SEED), expected)


def test_a_model_folder_that_cannot_be_written_is_one_sentence(
    policy: Policy, tmp_path: Path
) -> None:
    (tmp_path / "backbone").mkdir()
    with pytest.raises(StorageError, match="cannot write the model folder"):
        export_policy(policy, tmp_path)


def test_a_full_disk_while_a_model_is_saved_is_one_sentence(policy: Policy, tmp_path: Path) -> None:
    """A file-size limit stands in for a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(StorageError, match="free some space"):
            export_policy(policy, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def test_the_command_scores_a_checkpoint_file(tmp_path: Path) -> None:
    (tmp_path / "touch").symlink_to(EMBEDDED / "pool" / "touch")
    arguments = ["evaluate", str(GENESIS_FILE), "--pool", str(tmp_path), "--json"]
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    found = json.loads(result.stdout)
    assert list(found["sets"]) == ["touch"]
    assert found["sets"]["touch"]["action_mse"].keys() == {
        *(f"{joint}_deg2" for joint in SO101.joints[:5]),
        "gripper.pos_percent2",
    }
    assert found["rollouts"] == []


def test_a_table_names_sets_joints_and_success_rates() -> None:
    score = Score("touch", True, 4, 64, 0.5, {"wrist_roll.pos_deg2": 12.0})
    result = RolloutResult("touch", 0, (True,) * 19 + (False,), (False,) * 20, 1.0)
    table = format_assessment(Assessment({"touch": score}, [result]))
    assert "touch (unseen, 64 frames): loss 0.5000" in table
    assert "wrist_roll.pos_deg2" in table
    assert "touch: 19 of 20 episodes succeeded (95%, 95 % interval 76%-99%)" in table
    assert "blind control: 0 of 20" in table


def test_a_damaged_checkpoint_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"\x08")
    with pytest.raises(CheckpointError):
        load_model(str(tmp_path / "model.safetensors"))
