"""The shipped recipes: from nothing to a policy that solves a simulator task on a CPU.

One machine, no federation: what the tiny SmolVLA can learn at all, with rollouts and the blind
control as the judge. `docs/models.md` has what came out.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from zk0.errors import DatasetError
from zk0.learning.datasets import Dataset, load_dataset
from zk0.learning.export import export_policy
from zk0.learning.policy import MODELS, STATISTICS_FILE, Policy, load_policy
from zk0.learning.rollouts import RolloutPlan, SimulatorRollouts, require_simulator
from zk0.learning.training import SmolVlaLearner, TrainingRecipe
from zk0.outputs.folder import OutputFolder
from zk0.ports import TrainingResult
from zk0.scoring import RolloutResult

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PolicyRecipe:
    """How one task is learnt."""

    task: str
    episodes: int
    """Expert demonstrations, the last fifth held out."""
    steps: int
    n_action_steps: int = 16
    """Actions executed before the policy looks again."""
    learning_rate: float = 1e-3
    turn_deg: float = 0.0
    """Training frames are turned about the base by up to this angle (`simulator/turning.py`)."""
    first_seed: int = 0
    """Of the demonstrations."""
    seed: int = 0
    """Of batches, noise and times."""


SHIPPED = {
    "touch": PolicyRecipe("touch", episodes=40, steps=1300, n_action_steps=8),
    "touch-wide": PolicyRecipe(
        "touch-wide", episodes=600, steps=2150, n_action_steps=8, turn_deg=25.0
    ),
    "reach": PolicyRecipe("reach", episodes=800, steps=2250, n_action_steps=8, turn_deg=25.0),
}


def run_recipe(recipe: PolicyRecipe, folder: OutputFolder, plan: RolloutPlan) -> dict[str, Any]:
    """Record, train, save to `models/round_1`, roll out; returns what `recipe.json` holds.

    Raises:
        ConfigError: no simulator. DatasetError, StorageError.
    """
    require_simulator(recipe.task)
    start = time.monotonic()
    dataset = record(recipe, folder.root / "dataset")
    recorded_s = time.monotonic() - start
    policy = prepare(recipe, folder.root / STATISTICS_FILE)
    if recipe.turn_deg:
        from zk0.learning.simulator.turning import build_turning

        dataset = replace(dataset, augment=build_turning(recipe.task, recipe.turn_deg))
    log.info("training for %d steps on %d frames", recipe.steps, len(dataset.train))
    training = TrainingRecipe(steps=recipe.steps, learning_rate=recipe.learning_rate)
    trained = SmolVlaLearner(policy, dataset, training).train(policy.get_parameters(), recipe.seed)
    log.info("held-out loss %.4f → %.4f", trained.loss_before, trained.loss_after)
    folder.write_model(1, lambda partial, final: export_policy(policy, partial, final))
    films = folder.get_evaluation_folder(1)
    rollouts = SimulatorRollouts(policy, plan).roll_out(trained.parameters, recipe.task, films)
    found = describe(recipe, dataset, trained, rollouts, recorded_s)
    folder.write_json(films / "rollouts.json", {"round": 1, "tasks": [rollouts.to_json()]})
    folder.write_json(folder.root / "recipe.json", found)
    return found


def record(recipe: PolicyRecipe, root: Path) -> Dataset:
    """The demonstrations, recorded into `root` unless they are there."""
    from zk0.learning.simulator.meshes import use_light_meshes
    from zk0.learning.simulator.recording import record_dataset

    if not root.exists():
        log.info("recording %d episodes of %s", recipe.episodes, recipe.task)
        try:
            with tempfile.TemporaryDirectory() as scratch:
                use_light_meshes(Path(scratch) / "so101")
                record_dataset(root, recipe.task, recipe.episodes, recipe.first_seed)
        except OSError as error:
            raise DatasetError(
                f"recording into {root} failed ({error}): free some space, remove the folder and "
                "start again"
            ) from error
    return load_dataset(f"local:{root}")


def prepare(recipe: PolicyRecipe, statistics_file: Path) -> Policy:
    """The untrained tiny model with the network's normalisation, also written to a file.

    Statistics of one task's own would divide by the spread of a joint that hardly moves.
    """
    shutil.copyfile(MODELS / "tiny" / STATISTICS_FILE, statistics_file)
    policy = load_policy("tiny", "all", statistics_file=statistics_file)
    policy.module.config.n_action_steps = recipe.n_action_steps
    return policy


def describe(
    recipe: PolicyRecipe,
    dataset: Dataset,
    trained: TrainingResult,
    rollouts: RolloutResult,
    recorded_s: float,
) -> dict[str, Any]:
    return {
        "recipe": {name: getattr(recipe, name) for name in recipe.__slots__},
        "frames": {"train": len(dataset.train), "held_out": len(dataset.held_out)},
        "loss": {"before": trained.loss_before, "after": trained.loss_after},
        "seconds": {
            "recording": round(recorded_s, 1),
            "training": round(trained.seconds, 1),
            "rollouts": round(rollouts.seconds, 1),
        },
        "rollouts": rollouts.to_json(),
    }
