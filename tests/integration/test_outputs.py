"""A run's folder: what is in it after rounds, after restarts, and on a full disk."""

import json
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from coordinator.recording import Recorder
from coordinator.recording_options import (
    RecordingPlan,
)
from coordinator.runner import CoordinatorRunner
from tests.doubles.world import SHAPE, TASKS, World, make_honest
from zk0.errors import RoundError, StorageError
from zk0.outputs.folder import OutputFolder
from zk0.outputs.history import read_history
from zk0.outputs.trackers import open_trackers
from zk0.ports import Tensors
from zk0.protocol.checkpoint import read_checkpoint
from zk0.protocol.tensorfile import read_tensor_file
from zk0.scoring import RolloutResult
from zk0.testing.evaluation import LinearEvaluator
from zk0.testing.hub import FolderHub

NOON = datetime(2026, 11, 24, 12, 0, 0)


class OddSimulator:
    """Every other episode is a success; the film is a file."""

    def roll_out(self, parameters: Tensors, task: str, films: Path | None) -> RolloutResult:
        if films:
            (films / f"{task}_0.mp4").write_bytes(b"film")
        return RolloutResult(task, 7, (True, False) * 10, (False,) * 20, 1.0)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "world", make_honest(*TASKS))


def open_recorder(
    world: World, root: Path, plan: RecordingPlan, now: datetime = NOON, **more: Any
) -> Recorder:
    tools = world.tools()
    folder = OutputFolder.open(root, now)
    evaluator = LinearEvaluator(TASKS, SHAPE)
    return Recorder(folder, tools.ledger, tools.home, evaluator, plan, OddSimulator(), **more)


def run(world: World, recorder: Recorder, rounds: int) -> None:
    pipeline, _ = world.coordinator()
    tools = world.tools()
    with recorder:
        for _ in range(rounds):
            CoordinatorRunner(pipeline, tools.ledger, tools.home, recorder=recorder).run_round()


def read(file: Path) -> dict:
    return json.loads(file.read_bytes())


@contextmanager
def full_disk(size_bytes: int) -> Iterator[None]:
    """A file-size limit stands in for a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def test_a_run_leaves_the_documented_folder(world: World, tmp_path: Path) -> None:
    names = {member.address: name for name, member in world.members.items()}
    plan = RecordingPlan(roll_out=("touch",), names=names)
    run(world, open_recorder(world, tmp_path / "outputs", plan), 2)
    root = tmp_path / "outputs" / "2026-11-24_12-00-00"
    found = {str(file.relative_to(root)) for file in root.rglob("*") if file.is_file()}
    expected = {"eval_mse_chart.png", "eval_mse_history.json", "evaluate/round_0/evaluation.json"}
    for number in (1, 2):
        expected |= {
            f"server/round_{number}.json",
            f"server/report_{number}.json",
            f"models/round_{number}/model.safetensors",
            f"models/round_{number}/zk0.json",
            f"evaluate/round_{number}/evaluation.json",
            f"evaluate/round_{number}/rollouts.json",
            f"evaluate/round_{number}/touch_0.mp4",
        }
        expected |= {f"clients/{task}/round_{number}.json" for task in TASKS}
    assert found == expected
    assert (root / "eval_mse_chart.png").read_bytes().startswith(b"\x89PNG")


def test_the_saved_model_is_the_checkpoint_on_chain(world: World, tmp_path: Path) -> None:
    run(world, open_recorder(world, tmp_path, RecordingPlan()), 1)
    tools = world.tools()
    checkpoint = read_checkpoint(tools.home.checkpoint_file(1), tools.ledger.get_head())
    saved = read_tensor_file(tmp_path / "2026-11-24_12-00-00/models/round_1/model.safetensors")
    assert all(np.array_equal(saved.tensors[n], t) for n, t in checkpoint.tensors.items())
    origin = read(tmp_path / "2026-11-24_12-00-00/models/round_1/zk0.json")
    assert (origin["round"], origin["checkpoint"]) == (1, tools.ledger.get_head().hex())


def test_the_report_is_kept_byte_for_byte(world: World, tmp_path: Path) -> None:
    run(world, open_recorder(world, tmp_path, RecordingPlan()), 1)
    kept = tmp_path / "2026-11-24_12-00-00/server/report_1.json"
    assert kept.read_bytes() == world.tools().home.report_file(1).read_bytes()


def test_evaluation_tells_base_global_and_each_contribution(world: World, tmp_path: Path) -> None:
    run(world, open_recorder(world, tmp_path, RecordingPlan()), 1)
    root = tmp_path / "2026-11-24_12-00-00"
    before, after = (read(root / f"evaluate/round_{n}/evaluation.json") for n in (0, 1))
    for task, member in world.members.items():
        assert after["global"][task]["loss"] < before["global"][task]["loss"]
        assert list(after["global"][task]["action_mse"]) == ["joint_deg2"]
        own = after["nodes"][member.address]
        assert list(own) == [task]
        assert own[task]["loss"] < before["global"][task]["loss"]
        assert own[task]["loss"] != after["global"][task]["loss"]


def test_intervals_are_kept_and_the_end_is_always_recorded(world: World, tmp_path: Path) -> None:
    plan = RecordingPlan(evaluate_every=2, save_every=2)
    run(world, open_recorder(world, tmp_path, plan), 3)
    root = tmp_path / "2026-11-24_12-00-00"
    assert sorted(f.name for f in (root / "models").iterdir()) == ["round_2", "round_3"]
    rounds = [entry["round"] for entry in read(root / "eval_mse_history.json")["rounds"]]
    assert rounds == [1, 2, 3]  # the base of the first evaluated round, that round, the last


def test_the_last_model_is_saved_without_intervals_too(world: World, tmp_path: Path) -> None:
    run(world, open_recorder(world, tmp_path, RecordingPlan(0, 0)), 2)
    root = tmp_path / "2026-11-24_12-00-00"
    assert [f.name for f in (root / "models").iterdir()] == ["round_2"]
    assert not (root / "eval_mse_history.json").exists()


def test_an_interrupted_run_keeps_its_last_model(world: World, tmp_path: Path) -> None:
    recorder = open_recorder(world, tmp_path, RecordingPlan(0, 0))
    _, runner = world.coordinator()
    recorder.record(runner.run_round())
    with pytest.raises(KeyboardInterrupt), recorder:
        raise KeyboardInterrupt
    assert (tmp_path / "2026-11-24_12-00-00/models/round_1").is_dir()


def test_a_runs_own_folder_is_continued(world: World, tmp_path: Path) -> None:
    run(world, open_recorder(world, tmp_path, RecordingPlan()), 1)
    root = tmp_path / "2026-11-24_12-00-00"
    run(world, open_recorder(world, root, RecordingPlan(), datetime(2027, 1, 1)), 1)
    assert not (root / "2027-01-01_00-00-00").exists()
    assert [e["round"] for e in read(root / "eval_mse_history.json")["rounds"]] == [0, 1, 2]


def test_rollouts_stand_beside_their_blind_control(world: World, tmp_path: Path) -> None:
    run(world, open_recorder(world, tmp_path, RecordingPlan(roll_out=("touch",))), 1)
    (task,) = read(tmp_path / "2026-11-24_12-00-00/evaluate/round_1/rollouts.json")["tasks"]
    assert (task["policy"]["successes"], task["policy"]["episodes"]) == (10, 20)
    assert task["policy"]["success_rate"] == 0.5
    assert task["policy"]["failed_episodes"] == list(range(1, 20, 2))
    assert task["blind_control"]["successes"] == 0


def test_a_full_disk_leaves_no_half_written_model_and_no_lost_history(
    world: World, tmp_path: Path
) -> None:
    run(world, open_recorder(world, tmp_path, RecordingPlan()), 1)
    root = tmp_path / "2026-11-24_12-00-00"
    history = (root / "eval_mse_history.json").read_bytes()
    _, runner = world.coordinator()
    summary = runner.run_round()
    recorder = open_recorder(world, root, RecordingPlan())
    with full_disk(7_000), pytest.raises(StorageError, match="free some space"):
        recorder.record(summary)
    assert sorted(f.name for f in (root / "models").iterdir()) == ["round_1"]
    assert (root / "eval_mse_history.json").read_bytes() == history
    with recorder:
        recorder.record(summary)
    assert sorted(f.name for f in (root / "models").iterdir()) == ["round_1", "round_2"]
    assert [entry["round"] for entry in read_history(OutputFolder(root))] == [0, 1, 2]


def test_an_aborted_round_records_nothing(world: World, tmp_path: Path) -> None:
    recorder = open_recorder(world, tmp_path, RecordingPlan())
    pipeline, _ = world.coordinator()
    tools = world.tools()
    round_id = pipeline.open()
    tools.ledger.abort_round(round_id)
    with pytest.raises(RoundError), recorder:
        raise RoundError("aborted")
    assert not list((tmp_path / "2026-11-24_12-00-00" / "models").iterdir())


def test_the_last_model_is_pushed_once_at_the_end(world: World, tmp_path: Path) -> None:
    hub = FolderHub(tmp_path / "hub")
    plan = RecordingPlan(evaluate_every=0, push_to="team/robot")
    run(world, open_recorder(world, tmp_path, plan, hub=hub), 2)
    root = tmp_path / "2026-11-24_12-00-00"
    pushed = (tmp_path / "hub/team/robot/model.safetensors").read_bytes()
    assert pushed == (root / "models/round_2/model.safetensors").read_bytes()
    assert hub.messages == ["zk0 round 2"]


def test_a_hub_that_refuses_leaves_the_model_here(world: World, tmp_path: Path) -> None:
    hub = FolderHub(tmp_path / "hub", refuses=True)
    plan = RecordingPlan(evaluate_every=0, push_to="team/robot")
    with pytest.raises(StorageError, match="refused"):
        run(world, open_recorder(world, tmp_path, plan, hub=hub), 1)
    assert (tmp_path / "2026-11-24_12-00-00/models/round_1/model.safetensors").is_file()


def test_nothing_is_pushed_when_something_went_wrong(world: World, tmp_path: Path) -> None:
    hub = FolderHub(tmp_path / "hub")
    recorder = open_recorder(world, tmp_path, RecordingPlan(0, 0, push_to="team/robot"), hub=hub)
    _, runner = world.coordinator()
    recorder.record(runner.run_round())
    with pytest.raises(RoundError), recorder:
        raise RoundError("aborted")
    assert not hub.messages


class Writer:
    """In place of TensorBoard's SummaryWriter."""

    rows: list[tuple[str, float, int]] = []  # noqa: RUF012 - one list for the test to read
    closed = 0

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def add_scalar(self, name: str, value: float, step: int) -> None:
        Writer.rows.append((name, value, step))

    def flush(self) -> None:
        pass

    def close(self) -> None:
        Writer.closed += 1


def test_trackers_get_the_figures_of_every_evaluated_round(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = {"tensorboardX": SimpleNamespace(SummaryWriter=Writer)}
    monkeypatch.setattr("importlib.util.find_spec", lambda name: installed.get(name))
    monkeypatch.setattr("importlib.import_module", lambda name: installed[name])
    trackers = open_trackers(["tensorboard"], tmp_path)
    monkeypatch.undo()
    run(world, open_recorder(world, tmp_path, RecordingPlan(), trackers=trackers), 1)
    names = {name for name, _, step in Writer.rows if step == 1}
    assert {f"global/{task}/loss" for task in TASKS} < names
    assert "global/touch/action_mse/joint_deg2" in names
    assert f"{world.members['touch'].address}/touch/action_mse" in names
    assert Writer.closed == 1
