"""The shipped recipes: from nothing to a policy that solves a simulator task on a CPU.

One machine, no federation: what the tiny SmolVLA can learn at all, with rollouts and the blind
control as the judge. `docs/models.md` has what came out.
"""

from __future__ import annotations

import logging
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zk0.errors import ConfigError, DatasetError
from zk0.learning.datasets import Dataset, load_dataset
from zk0.learning.export import export_policy
from zk0.learning.policy import MODELS, STATISTICS_FILE, Policy, load_policy
from zk0.learning.rollouts import RolloutPlan, SimulatorRollouts, require_simulator
from zk0.learning.training import SmolVlaLearner, TrainingRecipe
from zk0.outputs.folder import OutputFolder
from zk0.ports import Tensors, TrainingResult

if TYPE_CHECKING:
    from zk0.learning.simulator.leads import Lead

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Takeovers:
    """The policy acts, then the expert takes over, and only the expert's part is recorded."""

    episodes: int
    """Recorded, the last fifth held out."""
    most_steps: int
    """The expert's turn comes after a random number of steps, at most this."""
    steps: int
    """Of training, from what was learnt so far."""
    learning_rate: float = 5e-4


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
    takeovers: tuple[Takeovers, ...] = ()
    """Rounds of more demonstrations, from where the policy gets to, and more training."""
    after: str | None = None
    """The recipe whose model this one starts from, in place of an untrained one."""
    model: str | None = None
    """What training starts from: `tiny`, or the model folder that the recipe `after` left."""
    judged: tuple[str, ...] = ()
    """Tasks that the policy is judged on beside its own."""
    first_seed: int = 0
    """Of the demonstrations."""
    seed: int = 0
    """Of batches, noise and times."""


SEEDS_APART = 200_000
"""How far the seeds of a round of takeovers are from those before."""
SHIPPED = {
    "touch-quick": PolicyRecipe("touch", episodes=40, steps=1300, n_action_steps=8),
    "touch": PolicyRecipe(
        "touch-wide",
        after="reach",
        judged=("touch",),
        episodes=540,
        steps=1400,
        n_action_steps=4,
        learning_rate=7e-4,
        turn_deg=25.0,
        takeovers=(
            Takeovers(episodes=125, most_steps=12, steps=800, learning_rate=6e-4),
            Takeovers(episodes=125, most_steps=12, steps=900, learning_rate=5e-4),
        ),
    ),
    "reach": PolicyRecipe("reach", episodes=800, steps=2250, n_action_steps=8, turn_deg=25.0),
    "lift": PolicyRecipe(
        "lift-anywhere",
        episodes=250,
        steps=2000,
        n_action_steps=4,
        turn_deg=15.0,
        takeovers=(
            Takeovers(episodes=145, most_steps=25, steps=2000, learning_rate=7e-4),
            Takeovers(episodes=100, most_steps=25, steps=1100, learning_rate=6e-4),
            Takeovers(episodes=150, most_steps=35, steps=1500, learning_rate=5e-4),
        ),
    ),
    "place": PolicyRecipe(
        "place-anywhere",
        after="lift",
        episodes=250,
        steps=1600,
        n_action_steps=4,
        learning_rate=7e-4,
        turn_deg=15.0,
        takeovers=(
            Takeovers(episodes=150, most_steps=30, steps=1300, learning_rate=6e-4),
            Takeovers(episodes=150, most_steps=40, steps=1300, learning_rate=6e-4),
            Takeovers(episodes=100, most_steps=50, steps=1000, learning_rate=5e-4),
            Takeovers(episodes=150, most_steps=45, steps=1500, learning_rate=5e-4),
        ),
    ),
}


def run_recipe(
    recipe: PolicyRecipe, policy: Policy, folder: OutputFolder, plan: RolloutPlan
) -> dict[str, Any]:
    """Record, train, save to `models/round_1`, roll out; returns what `recipe.json` holds.

    `policy` is what `prepare` returned for the recipe.

    Raises:
        DatasetError, StorageError.
    """
    dataset, recorded_s = record(
        recipe, folder.root / "dataset", recipe.episodes, recipe.first_seed
    )
    (folder.root / STATISTICS_FILE).write_bytes(policy.statistics)
    found: dict[str, Any] = {
        "recipe": asdict(recipe)
        | {
            "takeovers": [asdict(part) for part in recipe.takeovers],
            "judged": list(recipe.judged),
        },
        "demonstrations": describe(dataset, recorded_s),
    }
    training = TrainingRecipe(steps=recipe.steps, learning_rate=recipe.learning_rate)
    trained = train(policy, dataset, training, policy.get_parameters(), recipe.seed)
    found["training"] = describe_training(trained)
    found["takeovers"] = []
    for number, takeovers in enumerate(recipe.takeovers, start=1):
        policy.set_parameters(trained.parameters)
        more, recorded_s = record_takeovers(number, recipe, policy, folder.root)
        dataset = replace(dataset, train=dataset.train.join(more.train))
        training = replace(training, steps=takeovers.steps, learning_rate=takeovers.learning_rate)
        trained = train(policy, dataset, training, trained.parameters, recipe.seed + number)
        found["takeovers"].append(describe(more, recorded_s) | describe_training(trained))
    folder.write_model(1, lambda partial, final: export_policy(policy, partial, final))
    films = folder.get_evaluation_folder(1)
    simulator = SimulatorRollouts(policy, plan)
    found["rollouts"] = [
        simulator.roll_out(trained.parameters, task, films).to_json()
        for task in (recipe.task, *recipe.judged)
    ]
    folder.write_json(films / "rollouts.json", {"round": 1, "tasks": found["rollouts"]})
    folder.write_json(folder.root / "recipe.json", found)
    return found


def record(
    recipe: PolicyRecipe, root: Path, episodes: int, first_seed: int, lead: Lead | None = None
) -> tuple[Dataset, float]:
    """Demonstrations, recorded into `root` unless they are there, and the seconds it took."""
    from zk0.learning.simulator.meshes import use_light_meshes
    from zk0.learning.simulator.recording import record_dataset

    start = time.monotonic()
    if not root.exists():
        log.info("recording %d episodes of %s", episodes, recipe.task)
        try:
            with tempfile.TemporaryDirectory() as scratch:
                use_light_meshes(Path(scratch) / "so101")
                record_dataset(root, recipe.task, episodes, first_seed, lead, lossless=True)
        except OSError as error:
            raise DatasetError(
                f"recording into {root} failed ({error}): free some space, remove the folder and "
                "start again"
            ) from error
    dataset = load_dataset(f"local:{root}")
    if recipe.turn_deg:
        from zk0.learning.simulator.turning import build_turning

        dataset = replace(dataset, augment=build_turning(recipe.task, recipe.turn_deg))
    return dataset, time.monotonic() - start


def record_takeovers(
    number: int, recipe: PolicyRecipe, policy: Policy, root: Path
) -> tuple[Dataset, float]:
    """Of the recipe's round `number`, from 1 on."""
    from zk0.learning.simulator.leads import Takeover

    takeovers, first_seed = recipe.takeovers[number - 1], recipe.first_seed + number * SEEDS_APART
    lead = Takeover(policy, takeovers.most_steps)
    return record(recipe, root / f"takeovers_{number}", takeovers.episodes, first_seed, lead)


def train(
    policy: Policy, dataset: Dataset, recipe: TrainingRecipe, base: Tensors, seed: int
) -> TrainingResult:
    log.info("training for %d steps on %d frames", recipe.steps, len(dataset.train))
    trained = SmolVlaLearner(policy, dataset, recipe).train(base, seed)
    log.info("held-out loss %.4f → %.4f", trained.loss_before, trained.loss_after)
    return trained


def prepare(recipe: PolicyRecipe) -> Policy:
    """The model to start from with the network's normalisation.

    Statistics of one task's own would divide by the spread of a joint that hardly moves.

    Raises:
        ConfigError: no simulator, or no model to start from. CheckpointError.
    """
    for task in (recipe.task, *recipe.judged):
        require_simulator(task)
    if recipe.after and recipe.model is None:
        raise ConfigError(
            f"the recipe for {recipe.task} goes on from the model of {recipe.after!r}: expected "
            f"--model, found none; train {recipe.after!r} first and name its models/round_1 (or "
            "`tiny`, to start from nothing)"
        )
    statistics = MODELS / "tiny" / STATISTICS_FILE
    policy = load_policy(recipe.model or "tiny", "all", statistics_file=statistics)
    policy.module.config.n_action_steps = recipe.n_action_steps
    return policy


def describe(dataset: Dataset, seconds: float) -> dict[str, Any]:
    frames = {"train": len(dataset.train), "held_out": len(dataset.held_out)}
    return {"frames": frames, "seconds": round(seconds, 1)}


def describe_training(trained: TrainingResult) -> dict[str, Any]:
    loss = {"before": trained.loss_before, "after": trained.loss_after}
    return {"loss": loss, "training_seconds": round(trained.seconds, 1)}
