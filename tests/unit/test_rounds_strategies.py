"""Whole rounds under every strategy: shares, server state, restarts, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.doubles.world import COORDINATOR, MANIFEST, SHAPE, TASKS, World, make_honest, make_noise
from zk0.config import NetworkManifest
from zk0.errors import BlobMismatchError, CheckpointError, StorageError
from zk0.protocol.checkpoint import read_checkpoint
from zk0.protocol.contribution import Outcome
from zk0.protocol.strategies.combination import Terms
from zk0.protocol.tensorfile import FileTensors, compute_file_digest
from zk0.recipes import DecayRate, FedAdamRule, FedAvgMRule, FedYogiRule
from zk0.strategy_names import PRESETS, apply_preset
from zk0.testing.learning import LinearLearner
from zk0.testing.ledger import MemoryLedger

ADAPTIVE = {"learning_rate": "0.02", "beta1": "0.6", "beta2": "0.9", "tau": "0.02"}
RULES = {
    "fedavgm": FedAvgMRule(learning_rate="0.6", momentum="0.5"),
    "fedadam": FedAdamRule(**ADAPTIVE),
    "fedyogi": FedYogiRule(**ADAPTIVE),
}


def make_manifest(name: str) -> NetworkManifest:
    """The named strategy with values for the toy, whose updates are larger than SmolVLA's."""
    if name in RULES:
        return MANIFEST.model_copy(update={"server_rule": RULES[name]})
    return apply_preset(MANIFEST, name)


def make_world(root: Path, name: str, lazy: bool = False) -> World:
    noise = {"lazy": ("lift", make_noise(1))} if lazy else {}
    world = World(root, make_honest(*TASKS) | noise)
    world.manifest = make_manifest(name)
    return world


def get_round(world: World, round_id: int):
    return MemoryLedger(world.chain, COORDINATOR).get_round(round_id)


def get_report(world: World, round_id: int) -> dict:
    return json.loads(world.tools().home.report_file(round_id).read_bytes())


def get_state_path(world: World, round_id: int) -> Path:
    folder = world.tools().home.round_folder(round_id)
    return folder / "checkpoint-state.safetensors"


@pytest.mark.parametrize("name", ["fedavg", "fedavgm", "fedadam", "fedyogi"])
def test_shares_and_history_add_up_to_the_drop_and_proofs_measure_the_shares(
    tmp_path: Path, name: str
) -> None:
    """The scaled direction makes the proven share the exact one's estimate, whatever the rule."""
    world = make_world(tmp_path, name)
    losses = []
    for round_id in (1, 2, 3):
        world.run_round()
        report = get_report(world, round_id)
        assert [c["outcome"] for c in report["contributions"]] == ["Accepted"] * 3
        c = report["completeness"]
        total = c["sum_of_shares_nano"] + c["history_nano"]
        assert abs(total - c["drop_nano"]) < 0.001 * abs(c["drop_nano"])
        assert (c["history_nano"] != 0) is (name != "fedavg" and round_id > 1)
        for entry in report["contributions"]:
            error = abs(entry["share_nano"] - entry["exact_share_nano"])
            assert error <= 3.5 * entry["share_error_nano"]
        losses.append(report["pool_losses_nano"]["final"])
        assert report["strategy"]["server_rule"]["name"] == name
    assert losses[2] < losses[0]


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_the_checkpoint_is_what_the_strategy_makes_of_the_accepted_updates(
    tmp_path: Path, name: str
) -> None:
    """By anyone, from the report and the store alone, round after round."""
    world = make_world(tmp_path, name, lazy=True)
    strategy = world.manifest.strategy
    base = read_checkpoint(world.root / "genesis.safetensors")
    state = strategy.make_initial_state(base.layout)
    for round_id in (1, 2):
        world.run_round()
        report = get_report(world, round_id)
        accepted = [c for c in report["contributions"] if c["outcome"] == "Accepted"]
        assert 0 < len(accepted) < 4
        for c in accepted:
            world.store.get(c["cid"], tmp_path / c["digest"])
        terms = Terms(
            [FileTensors(tmp_path / c["digest"]) for c in accepted],
            [c["weight"] for c in accepted],
            [c["exponent"] - c["clip_shift"] for c in accepted],
        )
        tensors, state = strategy.advance(base.tensors, terms, state)
        world.store.get(report["checkpoint"]["cid"], tmp_path / "checkpoint")
        base = read_checkpoint(tmp_path / "checkpoint", get_round(world, round_id).checkpoint)
        for tensor, values in tensors.items():
            assert np.array_equal(base.tensors[tensor], values)
        stored = report["checkpoint"]["state"]
        assert (stored is not None) is strategy.has_state
        if stored:
            assert base.metadata.state is not None
            assert stored["digest"] == base.metadata.state.hex()
            world.store.get(stored["cid"], tmp_path / "state")
            assert compute_file_digest(tmp_path / "state") == base.metadata.state


def test_a_poisoned_update_moves_the_mean_more_than_the_robust_combinations(
    tmp_path: Path,
) -> None:
    world = make_world(tmp_path / "a", "median", lazy=True)
    world.run_round()
    c = get_report(world, 1)["completeness"]
    # A median is not linear: the shares of the mean do not add up to its drop.
    assert abs(c["sum_of_shares_nano"] - c["drop_nano"]) > 0.01 * abs(c["drop_nano"])
    assert get_report(world, 1)["strategy"]["combination"] == {"name": "median"}


def test_a_restarted_coordinator_goes_on_with_the_state_even_without_its_files(
    tmp_path: Path,
) -> None:
    """Every round is a fresh process here; round 3's has lost the state and has it fetched."""
    world, other = make_world(tmp_path / "a", "fedadam"), make_world(tmp_path / "b", "fedadam")
    for round_id in (1, 2, 3):
        for each in (world, other):
            if each is other and round_id > 1:
                get_state_path(each, round_id - 1).unlink()
            each.run_round()
    assert get_round(world, 3).checkpoint == get_round(other, 3).checkpoint
    for outcome in (c.outcome for c in get_round(world, 3).contributions):
        assert outcome is Outcome.ACCEPTED


def test_a_wrong_server_state_is_not_used(tmp_path: Path) -> None:
    """On this machine it is fetched again; where the store has another one, the round stops."""
    world = make_world(tmp_path, "fedavgm")
    world.run_round()
    world.run_round()
    good = get_state_path(world, 2).read_bytes()
    stale = get_state_path(world, 1).read_bytes()
    assert stale != good
    get_state_path(world, 2).write_bytes(stale)
    pipeline, _ = world.coordinator()
    world.run_until(pipeline, "seal")
    assert get_state_path(world, 2).read_bytes() == good

    for blob in (world.root / "blobs").rglob("*"):
        if blob.is_file() and blob.read_bytes() == good:
            blob.chmod(0o600)
            blob.write_bytes(stale)
    get_state_path(world, 2).write_bytes(stale)
    world.tools().home.candidate_file(3).unlink()
    with pytest.raises((BlobMismatchError, StorageError)):
        world.run_round()


def test_a_state_that_the_report_does_not_name_is_refused(tmp_path: Path) -> None:
    """The store answers, but with a report about another state than the checkpoint's."""
    world = make_world(tmp_path, "fedavgm")
    world.run_round()
    get_state_path(world, 1).unlink()
    file = world.tools().home.report_file(1)
    wrong = get_report(world, 1)
    wrong["checkpoint"]["state"]["digest"] = "11" * 32
    honest = world.store.get

    def lie(cid, to):
        honest(cid, to)
        if to == file:
            to.write_text(json.dumps(wrong))

    world.store.get = lie  # type: ignore[method-assign]
    with pytest.raises(CheckpointError, match="the report is wrong"):
        world.run_round()


@pytest.mark.parametrize(("first", "then"), [("fedavg", "fedadam"), ("fedavgm", "fedavg")])
def test_a_coordinator_with_another_strategy_than_the_base_was_made_by_is_refused(
    tmp_path: Path, first: str, then: str
) -> None:
    world = make_world(tmp_path, first)
    world.run_round()
    world.manifest = make_manifest(then)
    with pytest.raises(CheckpointError, match="use the manifest that belongs to it"):
        world.run_round()


def test_a_state_of_another_rule_than_the_manifests_is_refused(tmp_path: Path) -> None:
    world = make_world(tmp_path, "fedavgm")
    world.run_round()
    world.manifest = make_manifest("fedyogi")
    with pytest.raises(CheckpointError, match="made another state"):
        world.run_round()


def test_a_candidate_with_another_strategy_is_not_what_the_seal_says(tmp_path: Path) -> None:
    """A coordinator that changes its strategy between seal and settlement cannot go on."""
    world = make_world(tmp_path, "fedavg")
    pipeline, _ = world.coordinator()
    world.run_until(pipeline, "seal")
    world.manifest = make_manifest("median")
    world.tools().home.candidate_file(1).unlink()
    with pytest.raises(CheckpointError, match="expected digest"):
        world.run_round()


def test_nodes_train_at_the_rate_that_the_manifest_gives_the_round(tmp_path: Path) -> None:
    world = make_world(tmp_path, "fedavg")
    decay = DecayRate(factor="0.5")
    training = MANIFEST.training.model_copy(update={"round_rate": decay})
    world.manifest = MANIFEST.model_copy(update={"training": training})
    shares = []

    class Recorder(LinearLearner):
        def train(self, base, seed, rate_share=1.0):
            shares.append(rate_share)
            return super().train(base, seed, rate_share)

    world.members["lift"].learner = Recorder("lift", SHAPE)
    for name in TASKS:
        world.restart(name)
    world.run_round()
    world.run_round()
    assert shares == [1.0, 0.5]
