"""Rollouts in the simulator, films, and the expert that everything is recorded from.

Skipped where the simulator is not installed (`uv sync --group simulator`, EGL).
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zk0.errors import ConfigError, StorageError
from zk0.learning import rollouts as module
from zk0.learning.datasets import load_dataset
from zk0.learning.films import write_film
from zk0.learning.policy import MODELS, Policy, load_policy
from zk0.learning.rollouts import RolloutPlan, SimulatorRollouts, require_simulator
from zk0.outputs.folder import OutputFolder
from zk0.shipped import SHIPPED, PolicyRecipe, Takeovers, prepare, run_recipe

needs_simulator = pytest.mark.skipif(
    not module.is_simulator_installed(), reason="needs `uv sync --group simulator`"
)


def test_a_missing_simulator_is_one_sentence_that_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="uv sync --group simulator"):
        require_simulator("touch")


@needs_simulator
def test_an_episode_of_one_frame_is_not_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Arms start near their goal at times; LeRobot fails on the next episode's video then."""
    from zk0.learning.simulator import recording

    def act(_environment: Any, _task: str, seed: int, _lead: Any) -> Iterator[dict[str, Any]]:
        for _ in range(1 if seed == 1 else 4):
            row: dict[str, Any] = {"task": "Touch the green cube.", "success": True}
            row |= {k: np.full(6, seed, np.float32) for k in ("observation.state", "action")}
            row |= {
                f"observation.images.{camera}": np.full((64, 64, 3), seed, np.uint8)
                for camera in recording.CAMERAS
            }
            yield row

    monkeypatch.setattr(recording, "run_expert", act)
    monkeypatch.setattr(recording, "make_environment", lambda _task: io.StringIO())
    found = recording.record_dataset(tmp_path / "set", "touch", 3, first_seed=0)
    assert found.seeds_kept == (0, 2, 3)
    assert len(load_dataset(f"local:{tmp_path / 'set'}").train) == 8


@needs_simulator
def test_a_lossless_recording_keeps_every_pixel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from zk0.learning.simulator import recording

    drawn = np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3), dtype=np.uint8)

    def act(_environment: Any, _task: str, seed: int, _lead: Any) -> Iterator[dict[str, Any]]:
        for pixels in drawn:
            row: dict[str, Any] = {"task": "Touch the green cube.", "success": True}
            row |= {k: np.full(6, seed, np.float32) for k in ("observation.state", "action")}
            yield row | {f"observation.images.{camera}": pixels for camera in recording.CAMERAS}

    monkeypatch.setattr(recording, "run_expert", act)
    monkeypatch.setattr(recording, "make_environment", lambda _task: io.StringIO())
    recording.record_dataset(tmp_path / "set", "touch", 2, first_seed=0, lossless=True)
    found = load_dataset(f"local:{tmp_path / 'set'}").train.images["observation.images.wrist"]
    np.testing.assert_array_equal(found[:5], drawn.transpose(0, 3, 1, 2))


def test_a_film_has_every_frame(tmp_path: Path) -> None:
    import av

    frames = [np.full((64, 48, 3), 10 * number, np.uint8) for number in range(7)]
    write_film(tmp_path / "film.mp4", frames, 10)
    with av.open(str(tmp_path / "film.mp4")) as film:
        decoded = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert [frame.shape for frame in decoded] == [(64, 48, 3)] * 7
    assert all(abs(int(f.mean()) - 10 * n) < 4 for n, f in enumerate(decoded))
    assert [file.name for file in tmp_path.iterdir()] == ["film.mp4"]


def test_a_film_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot write"):
        write_film(tmp_path / "nowhere" / "film.mp4", [np.zeros((16, 16, 3), np.uint8)], 10)


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy("tiny", "all")


@needs_simulator
def test_an_unknown_task_is_refused(policy: Policy) -> None:
    simulator = SimulatorRollouts(policy, RolloutPlan(episodes=1))
    with pytest.raises(
        ConfigError, match=r"one of .*'lift', 'lift-anywhere', 'place', 'place-anywhere', 'reach'"
    ):
        simulator.roll_out(policy.get_parameters(), "juggle", None)


@needs_simulator
def test_rollouts_repeat_and_are_filmed(policy: Policy, tmp_path: Path) -> None:
    simulator = SimulatorRollouts(policy, RolloutPlan(episodes=2, filmed=1))
    first = simulator.roll_out(policy.get_parameters(), "reach", tmp_path)
    again = simulator.roll_out(policy.get_parameters(), "reach", None)
    assert (first.successes, first.blind) == (again.successes, again.blind)
    assert [file.name for file in tmp_path.iterdir()] == ["reach_0.mp4"]


@pytest.fixture(
    scope="module",
    params=["touch", "touch-wide", "reach", "lift", "lift-anywhere", "place-anywhere"],
)
def solved(request: pytest.FixtureRequest) -> Iterator[list[bool]]:
    """What the scripted expert reaches in five episodes."""
    from zk0.learning.simulator.experts import Expert

    with module.open_environment(request.param, film=False) as environment:
        yield [_solve(environment, request.param, seed, Expert) for seed in range(5)]


def _solve(environment: Any, task: str, seed: int, expert: Any) -> bool:
    environment.reset(seed=seed)
    low, high = environment.action_space.low, environment.action_space.high
    for target in expert(environment.unwrapped, task).plan():
        action = np.clip(target, low, high).astype(np.float32)
        _, _, terminated, truncated, info = environment.step(action)
        if terminated or truncated:
            return bool(info["success"])
    return False


@needs_simulator
def test_the_expert_solves_what_recipes_record(solved: list[bool]) -> None:
    assert solved == [True] * 5


@needs_simulator
def test_an_embedded_demonstration_is_still_what_the_simulator_records() -> None:
    from zk0.learning.simulator.recording import run_expert

    with module.open_environment("touch", film=False) as environment:
        rows = list(run_expert(environment, "touch", 0))
    embedded = load_dataset("touch").train.select_episodes([0])
    for key, found in (("observation.state", embedded.state), ("action", embedded.action)):
        np.testing.assert_array_equal(np.array([row[key] for row in rows]), found)


@needs_simulator
def test_a_demonstration_of_reach_starts_anywhere_and_ends_near_the_balls_middle() -> None:
    from zk0.learning.simulator.environment import TASKS
    from zk0.learning.simulator.recording import run_expert

    with module.open_environment("reach", film=False) as environment:
        episodes = [list(run_expert(environment, "reach", seed)) for seed in range(4)]
        simulator = environment.unwrapped
        away = np.linalg.norm(simulator._target_pos - simulator._get_tcp_pose()[:3])
    assert all(rows[-1]["success"] for rows in episodes)
    assert away < (TASKS["reach"].near_m or 0)
    starts = np.array([rows[0]["observation.state"] for rows in episodes])
    assert np.ptp(starts[:, 0]) > 30, "degrees of the pan"
    assert np.ptp(starts[:, 1]) > 15, "degrees of the shoulder"


@needs_simulator
def test_joint_units_go_back_and_forth() -> None:
    from zk0.learning.simulator.environment import to_dataset_row, to_joint_targets

    with module.open_environment("touch", film=False) as environment:
        simulator = environment.unwrapped
        middle = (simulator.action_space.low + simulator.action_space.high) / 2
        row = to_dataset_row(simulator, middle)
        np.testing.assert_allclose(to_joint_targets(simulator, row), middle, atol=1e-5)
        far = to_joint_targets(simulator, np.full(6, 1e4))
        np.testing.assert_array_equal(far, simulator.action_space.high)


@needs_simulator
def test_a_recipe_goes_from_nothing_to_a_judged_model(tmp_path: Path) -> None:
    recipe = PolicyRecipe("reach", episodes=2, steps=2, n_action_steps=8, judged=("touch",))
    folder = OutputFolder.open(tmp_path, datetime(2026, 11, 24))
    found = run_recipe(recipe, prepare(recipe), folder, RolloutPlan(episodes=1, filmed=1))
    model = folder.get_model_folder(1)
    assert load_policy(str(model), "all").module.config.n_action_steps == 8
    network = (MODELS / "tiny" / "statistics.json").read_bytes()
    assert (model / "statistics.json").read_bytes() == network
    assert (folder.root / "statistics.json").read_bytes() == network
    assert (folder.root / "evaluate/round_1/reach_0.mp4").is_file()
    written = json.loads((folder.root / "recipe.json").read_bytes())
    assert written["rollouts"][0]["blind_control"]["episodes"] == 1
    assert written == found
    assert found["takeovers"] == []
    assert [rollouts["task"] for rollouts in found["rollouts"]] == ["reach", "touch"]


@needs_simulator
def test_a_recipe_that_goes_on_from_another_says_where_its_model_comes_from() -> None:
    with pytest.raises(ConfigError, match="train 'lift' first and name its models/round_1"):
        prepare(SHIPPED["place"])


@needs_simulator
def test_an_expert_takes_over_from_the_policy_and_training_goes_on(tmp_path: Path) -> None:
    recipe = PolicyRecipe("reach", episodes=2, steps=1, takeovers=(Takeovers(2, 3, steps=1),))
    folder = OutputFolder.open(tmp_path, datetime(2026, 11, 26))
    found = run_recipe(
        recipe, prepare(recipe), folder, RolloutPlan(episodes=1, blind=False, filmed=0)
    )
    [takeovers] = found["takeovers"]
    assert takeovers["frames"]["train"] > 0
    assert takeovers["loss"]["before"] == found["training"]["loss"]["after"]
    assert (folder.root / "takeovers_1/meta/info.json").is_file()


@needs_simulator
def test_demonstrations_of_lifting_start_where_the_arm_wandered() -> None:
    from zk0.learning.simulator.recording import run_expert

    with module.open_environment("lift-anywhere", film=False) as environment:
        episodes = [list(run_expert(environment, "lift-anywhere", seed)) for seed in range(4)]
    starts = np.array([rows[0]["observation.state"] for rows in episodes if rows])
    assert len(starts) > 2
    assert np.ptp(starts[:, 1]) > 10, "degrees of the shoulder"
