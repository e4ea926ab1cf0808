"""What a run's folder needs apart from rounds: options, names, intervals, hub, trackers."""

from datetime import datetime
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from coordinator.recording_options import (
    RecordingOptions,
    RecordingPlan,
    parse_names,
    recording_options,
)
from zk0.console import NetworkOptions, network_options
from zk0.errors import ConfigError, StorageError
from zk0.outputs.folder import CHART_FILE, HISTORY_FILE, PARTS, OutputFolder
from zk0.outputs.history import EvaluatedRound, add_to_history
from zk0.outputs.hub import HuggingFaceHub, validate_repository
from zk0.outputs.trackers import open_trackers
from zk0.scoring import Score, compute_wilson_interval

NOON = datetime(2026, 11, 24, 12, 0, 0)


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(0, 20, 0.0, 0.1611), (19, 20, 0.7639, 0.9911), (10, 20, 0.2993, 0.7007), (0, 0, 0, 1)],
)
def test_intervals_are_wilsons(successes: int, trials: int, low: float, high: float) -> None:
    """Figures from statsmodels' proportion_confint(method="wilson")."""
    assert compute_wilson_interval(successes, trials) == pytest.approx((low, high), abs=1e-4)


def test_a_damaged_history_is_named_and_stays(tmp_path: Path) -> None:
    folder = OutputFolder.open(tmp_path, NOON)
    file = folder.root / "eval_mse_history.json"
    file.write_text("{}")
    score = Score("touch", False, 1, 1, 0.5, {"joint_deg2": 1.0})
    with pytest.raises(StorageError, match="is not an evaluation history"):
        add_to_history(folder, EvaluatedRound(1, {"touch": score}, {}))
    assert file.read_text() == "{}"


def test_node_names_are_folder_names() -> None:
    assert parse_names(("0xAB=touch",)) == {"0xab": "touch"}
    for bad in ("0xAB", "0xAB=", "0xAB=../x", "0xAB=a/b"):
        with pytest.raises(ConfigError, match="expected --node-name"):
            parse_names((bad,))


def test_the_options_of_run_round_arrive_together() -> None:
    received = []

    @click.command()
    @network_options
    @recording_options
    def command(options: NetworkOptions, recording: RecordingOptions | None) -> None:
        received.append(recording)

    arguments = ["--outputs", "out", "--evaluate-every", "3", "--unseen", "stack"]
    arguments += ["--roll-out", "touch", "--episodes", "5", "--node-name", "0xA=b"]
    CliRunner().invoke(command, arguments, catch_exceptions=False)
    CliRunner().invoke(command, [], catch_exceptions=False)
    plan = RecordingPlan(evaluate_every=3, roll_out=("touch",), names={"0xa": "b"})
    assert received == [RecordingOptions(Path("out"), plan, ("stack",), 5), None]


def test_the_researchers_page_names_every_option_and_file() -> None:
    page = (Path(__file__).parents[2] / "docs" / "experiments.md").read_text()

    @click.command()
    @recording_options
    def command(recording: RecordingOptions | None) -> None:
        pass

    options = {name for parameter in command.params for name in parameter.opts}
    assert len(options) > 9
    files = {f"`{part}/" for part in PARTS} | {HISTORY_FILE, CHART_FILE}
    assert not {name for name in options | files if name not in page}


def test_the_hub_has_the_name_that_users_know() -> None:
    received = []

    @click.command()
    @recording_options
    def command(recording: RecordingOptions) -> None:
        received.append(recording.plan.push_to)

    arguments = ["--outputs", "out", "--hf-repo-id", "team/robot"]
    CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert received == ["team/robot"]


def test_the_hub_wants_a_token_and_a_whole_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with pytest.raises(ConfigError, match="HF_TOKEN"):
        HuggingFaceHub()
    assert validate_repository("team/robot-1.0") == "team/robot-1.0"
    for bad in ("robot", "/robot", "team/", "a/b/c", "team/rob ot"):
        with pytest.raises(ConfigError, match="OWNER/NAME"):
            validate_repository(bad)


@pytest.mark.parametrize("name", ["tensorboard", "wandb"])
def test_a_tracker_that_is_not_installed_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _package: None)
    with pytest.raises(ConfigError, match=f"--track {name} needs the package {name}"):
        open_trackers([name], tmp_path)
