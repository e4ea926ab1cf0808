"""Whole rounds over doubles: what the pipelines do, also when things go wrong."""

import json
import resource
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.doubles.world import COORDINATOR, SHAPE, STAGES, TASKS, World, make_honest, make_noise
from zk0.errors import ChallengeError, CheckpointError, RoundError, StorageError, UpdateError
from zk0.messages import UploadReply
from zk0.ports import Parcel
from zk0.protocol.challenge import read_challenge
from zk0.protocol.checkpoint import read_checkpoint
from zk0.protocol.contribution import MissingReason, Outcome
from zk0.protocol.round import Phase
from zk0.protocol.statement import Digest
from zk0.protocol.tensorfile import parse_tensor_file
from zk0.testing.learning import LinearExaminer
from zk0.testing.ledger import MemoryLedger
from zk0.testing.noise import NoiseLearner


def get_round(world: World, round_id: int):
    return MemoryLedger(world.chain, COORDINATOR).get_round(round_id)


def get_report(world: World, round_id: int) -> dict:
    return json.loads(world.tools().home.report_file(round_id).read_bytes())


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, make_honest(*TASKS))


def test_three_honest_nodes_are_accepted_and_the_loss_falls(world: World) -> None:
    losses = []
    for expected in (1, 2, 3):
        assert world.run_round() == expected
        round_ = get_round(world, expected)
        assert round_.phase is Phase.FINALIZED
        assert [c.outcome for c in round_.contributions] == [Outcome.ACCEPTED] * 3
        assert round_.checkpoint == round_.candidate
        losses += [round_.base_loss_nano, round_.final_loss_nano]
    assert losses[5] < losses[1] < losses[0]


def test_exact_shares_add_up_to_the_drop_and_proven_ones_are_near(world: World) -> None:
    world.run_round()
    report = get_report(world, 1)
    completeness = report["completeness"]
    drop = completeness["drop_nano"]
    assert abs(completeness["sum_of_shares_nano"] - drop) < 0.05 * drop
    for c in report["contributions"]:
        assert abs(c["share_nano"] - c["exact_share_nano"]) <= 3 * c["share_error_nano"]


def test_a_freeloader_is_recorded_below_the_threshold_and_not_aggregated(tmp_path: Path) -> None:
    world = World(tmp_path, make_honest(*TASKS) | {"lazy": ("lift", make_noise(1))})
    for round_id in (1, 2, 3):
        world.run_round()
        round_ = get_round(world, round_id)
        lazy = round_.contribution_of(world.members["lazy"].address)
        assert lazy.outcome is Outcome.BELOW_THRESHOLD
        assert lazy.share_nano == 0
        assert lazy.sample_key is not None
        assert round_.checkpoint not in (round_.candidate, round_.base)


def test_the_same_wallet_with_an_honest_update_is_accepted(tmp_path: Path) -> None:
    world = World(tmp_path, make_honest(*TASKS) | {"lazy": ("lift", make_noise(1))})
    world.run_round()
    lazy = world.members["lazy"]
    lazy.learner = make_honest("lift")["lift"][1]
    world.restart("lazy")
    world.members["lift"].learner = make_noise(2)  # else both send the same update
    world.restart("lift")
    world.run_round()
    round_ = get_round(world, 2)
    assert round_.contribution_of(lazy.address).outcome is Outcome.ACCEPTED
    below = round_.contribution_of(world.members["lift"].address)
    assert below.outcome is Outcome.BELOW_THRESHOLD


def test_the_checkpoint_is_the_aggregate_that_plain_numpy_gives(tmp_path: Path) -> None:
    world = World(tmp_path, make_honest(*TASKS) | {"lazy": ("lift", make_noise(1))})
    world.run_round()
    report, home = get_report(world, 1), world.tools().home
    base = read_checkpoint(world.root / "genesis.safetensors").tensors
    accepted = [c for c in report["contributions"] if c["outcome"] == "Accepted"]
    files = {}
    for c in accepted:
        to = tmp_path / c["node"]
        world.store.get(c["cid"], to)
        files[c["node"]] = parse_tensor_file(to.read_bytes()).tensors
    lowest = min(c["exponent"] - c["clip_shift"] for c in accepted)
    found = read_checkpoint(home.checkpoint_file(1)).tensors
    for name, theta in base.items():
        total = np.zeros(theta.shape, dtype=np.int64)
        for c in accepted:
            shift = c["exponent"] - c["clip_shift"] - lowest
            total += c["weight"] * files[c["node"]][name].astype(np.int64) << shift
        weight = sum(c["weight"] for c in accepted)
        step = np.ldexp(total.astype(np.float64) / weight, lowest)
        assert np.array_equal(found[name], (theta.astype(np.float64) + step).astype(np.float32))


def test_no_frame_is_drawn_twice_while_others_are_left(world: World) -> None:
    drawn: dict[str, list[int]] = {task: [] for task in TASKS}
    for round_id in (1, 2, 3):
        world.run_round()
        path = world.tools().home.challenge_file(round_id)
        for task, frames in parse_tensor_file(path.read_bytes()).metadata["frames"].items():
            drawn[task] += frames
    assert all(len(set(frames)) == len(frames) == 96 for frames in drawn.values())


def test_a_node_down_after_its_commit_is_missing_and_the_round_goes_on(world: World) -> None:
    place = world.members["place"]

    def silent(kind, parcel, honest):
        return honest() if kind == "train" else Parcel({"error": "gone", "error_type": "X"})

    world.intercept("place", silent)
    world.run_round()
    entry = get_round(world, 1).contribution_of(place.address)
    assert (entry.outcome, entry.missing) == (Outcome.MISSING, MissingReason.NO_SAMPLE)
    assert get_round(world, 1).phase is Phase.FINALIZED


def tamper(change):
    """Answer uploads with `change` applied to the honest parcel."""

    def handle(kind, parcel, honest):
        answer = honest()
        return change(answer) if kind == "upload" and "error" not in answer.fields else answer

    return handle


def with_metadata(**changes):
    def change(answer: Parcel) -> Parcel:
        meta = json.loads(answer.fields["metadata"]) | changes
        return Parcel({**answer.fields, "metadata": json.dumps(meta)}, answer.tensors)

    return change


def with_tensors(edit):
    def change(answer: Parcel) -> Parcel:
        reply = UploadReply.from_parcel(answer)
        tensors = {n: t.copy() for n, t in reply.tensors.items()}
        edit(tensors)
        if len({t.dtype for t in tensors.values()}) > 1:
            tensors = {n: t.astype(np.float32) for n, t in tensors.items()}
        return replace(reply, tensors=tensors).to_parcel()

    return change


def flip_one(tensors):
    flat = tensors["head.weight"].reshape(-1)
    flat[0] = 5 if flat[0] != 5 else 6


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (with_tensors(flip_one), MissingReason.DIGEST_MISMATCH),
        (with_tensors(lambda t: t.pop("head.bias")), MissingReason.WRONG_SHAPE),
        (
            with_tensors(lambda t: t.update(extra=np.ones(3, np.int8))),
            MissingReason.WRONG_SHAPE,
        ),
        (
            with_tensors(lambda t: t.update({"head.bias": t["head.bias"].astype(np.float32)})),
            MissingReason.WRONG_SHAPE,
        ),
        (with_metadata(num_examples=255), MissingReason.WRONG_METADATA),
        (with_metadata(exponent=-20), MissingReason.WRONG_METADATA),
        (with_metadata(base="00" * 32), MissingReason.WRONG_METADATA),
        (with_metadata(exponent=float("nan")), MissingReason.WRONG_METADATA),
        (
            lambda a: Parcel({**a.fields, "signature": bytes(65)}, a.tensors),
            MissingReason.BAD_SIGNATURE,
        ),
    ],
)
def test_a_tampered_upload_is_missing_with_its_reason(world: World, change, reason) -> None:
    world.intercept("touch", tamper(change))
    world.run_round()
    entry = get_round(world, 1).contribution_of(world.members["touch"].address)
    assert (entry.outcome, entry.missing) == (Outcome.MISSING, reason)


def test_another_nodes_update_is_refused(world: World) -> None:
    """The update of `lift`, sent in the name of `touch`."""
    lift = world.members["lift"]
    world.intercept("touch", tamper(lambda _a: lift.runner.handle("upload", Parcel({"round": 1}))))
    world.run_round()
    entry = get_round(world, 1).contribution_of(world.members["touch"].address)
    assert entry.missing is MissingReason.WRONG_METADATA


def test_a_sample_that_is_not_the_files_is_refused(world: World) -> None:
    """C_d on chain is of other values than the uploaded file's."""
    touch = world.members["touch"]
    honest = touch.pipeline.prover.compute_commitment

    class Liar:
        def __getattr__(self, name):
            return getattr(touch.pipeline._make_prover(), name)

        def compute_commitment(self, values):
            return honest(np.roll(values, 1))

    touch.pipeline._prover = Liar()
    world.run_round()
    entry = get_round(world, 1).contribution_of(touch.address)
    assert entry.missing is MissingReason.SAMPLE_MISMATCH


def test_a_near_copy_of_another_nodes_update_is_refused(tmp_path: Path) -> None:
    """Two wallets with the same data and seed: the later commitment goes."""
    world = World(tmp_path, make_honest(*TASKS))
    world.add("copy", "touch", world.members["touch"].learner, 9)
    copy = world.members["copy"]
    copy.pipeline.training.compute_seed = world.members["touch"].pipeline.training.compute_seed
    world.run_round()
    round_ = get_round(world, 1)
    entries = [round_.contribution_of(world.members[n].address) for n in ("touch", "copy")]
    later = max(entries, key=round_.contributions.index)
    first = min(entries, key=round_.contributions.index)
    assert later.missing is MissingReason.NEAR_COPY
    assert first.outcome is Outcome.ACCEPTED


def test_an_outsized_tensor_is_refused(world: World) -> None:
    class OneTensor(NoiseLearner):
        def train(self, base, seed, rate_share=1.0):
            result = super().train(base, seed)
            result.parameters["head.weight"][:] += np.float32(0.45)
            return result

    world.manifest = world.manifest.model_copy(update={"tensor_factor": 2})
    world.members["touch"].learner = OneTensor(3, 0.001, SHAPE.frames)
    world.restart("touch")
    world.run_round()
    entry = get_round(world, 1).contribution_of(world.members["touch"].address)
    assert entry.missing is MissingReason.TENSOR_NORM


def test_the_update_stays_on_the_node_until_commits_are_closed(world: World) -> None:
    pipeline, _ = world.coordinator()
    round_id = pipeline.open()
    touch = world.members["touch"]
    base, digest = world.get_base(round_id)
    touch.pipeline.commit(round_id, touch.pipeline.train(round_id, base, digest))
    with pytest.raises(RoundError, match="commits are not closed"):
        touch.pipeline.upload(round_id)


def test_a_stale_base_is_refused_by_the_node(world: World) -> None:
    pipeline, _ = world.coordinator()
    round_id = pipeline.open()
    base, _ = world.get_base(round_id)
    with pytest.raises(Exception, match="stale base"):
        world.members["touch"].pipeline.train(round_id, base, bytes(32))


def test_proving_with_a_foreign_or_damaged_update_file_is_refused(world: World) -> None:
    pipeline, _ = world.coordinator()
    round_id = world.run_until(pipeline, "challenge")
    touch, lift = world.members["touch"], world.members["lift"]
    path = touch.home.update_file(round_id)
    good = path.read_bytes()
    for bad in (lift.home.update_file(round_id).read_bytes(), good[:-3], b"pickle"):
        path.write_bytes(bad)
        with pytest.raises(UpdateError, match="restore the file that was committed"):
            touch.pipeline.prove(round_id)
    path.unlink()
    with pytest.raises(UpdateError, match="is missing"):
        touch.pipeline.prove(round_id)
    path.write_bytes(good)
    assert touch.pipeline.prove(round_id) is not None
    assert touch.pipeline.prove(round_id) is None
    assert get_round(world, round_id).contribution_of(touch.address).outcome is Outcome.ACCEPTED


def test_a_challenge_file_or_commitment_that_differs_is_refused(world: World, tmp_path) -> None:
    from zk0.protocol.statement import Commitment

    pipeline, _ = world.coordinator()
    round_id = world.run_until(pipeline, "challenge")
    touch = world.members["touch"]
    path = tmp_path / "challenge.safetensors"
    path.write_bytes(world.tools().home.challenge_file(round_id).read_bytes() + b"x")
    with pytest.raises(ChallengeError, match="the chain fixed digest"):
        touch.pipeline.prove(round_id, path)
    published = touch.ledger.get_published_challenge(round_id)
    other = replace(published, common=Commitment(bytes(64)))
    touch.ledger.get_published_challenge = lambda _round_id: other
    with pytest.raises(ChallengeError, match="C_v on chain is 0000"):
        touch.pipeline.prove(round_id)


def test_a_challenge_file_with_other_directions_than_the_event_is_refused(
    world: World, tmp_path: Path
) -> None:
    """The coordinator fixed the digest of a file that is not what it published to prove from."""
    pipeline, _ = world.coordinator()
    round_id = world.run_until(pipeline, "challenge")
    touch = world.members["touch"]
    published = touch.ledger.get_published_challenge(round_id)
    honest = read_challenge(world.tools().home.challenge_file(round_id), published.digest)
    turned = replace(honest.directions, common=-honest.directions.common)
    path = tmp_path / "challenge.safetensors"
    digest = replace(honest, directions=turned).write(path)
    other = replace(published, digest=digest)
    touch.ledger.get_published_challenge = lambda _round_id: other
    with pytest.raises(ChallengeError, match="directions differ from those on chain"):
        touch.pipeline.prove(round_id, path)


def test_a_second_training_does_not_replace_what_is_committed(world: World) -> None:
    pipeline, _ = world.coordinator()
    round_id = pipeline.open()
    touch = world.members["touch"]
    base, digest = world.get_base(round_id)
    trained = touch.pipeline.train(round_id, base, digest)
    assert touch.pipeline.commit(round_id, trained) is not None
    assert touch.pipeline.commit(round_id, trained) is None
    other = replace(trained, digest=Digest(bytes(32)))
    with pytest.raises(RoundError, match="restore the file that was committed"):
        touch.pipeline.commit(round_id, other)


def test_an_update_that_the_seal_counts_must_still_be_there(world: World) -> None:
    pipeline, _ = world.coordinator()
    round_id = world.run_until(pipeline, "seal")
    touch = world.members["touch"]
    path = world.tools().home.update_file(round_id, touch.address)
    kept = path.read_bytes()
    path.unlink()
    with pytest.raises(StorageError, match=f"update of {touch.address}, counted by the seal"):
        world.run_round()
    path.write_bytes(kept)
    world.run_round()
    assert get_round(world, round_id).phase is Phase.FINALIZED


def test_a_base_that_is_not_the_policys_is_refused(world: World) -> None:
    pipeline, _ = world.coordinator()
    round_id = pipeline.open()
    world.examiner = LinearExaminer(TASKS, replace(SHAPE, inputs=64))
    with pytest.raises(CheckpointError, match="the base checkpoint has 2064 parameters"):
        world.get_base(round_id)


@pytest.mark.parametrize("killed_after", range(len(STAGES) + 1))
def test_a_coordinator_killed_between_any_two_stages_continues(
    world: World, killed_after: int
) -> None:
    pipeline, _ = world.coordinator()
    round_id = pipeline.open()
    for stage in STAGES[:killed_after]:
        getattr(pipeline, stage)(round_id)
    world.run_round()
    round_ = get_round(world, round_id)
    assert MemoryLedger(world.chain, COORDINATOR).get_round_count() == 1
    assert round_.phase is Phase.FINALIZED
    assert [c.outcome for c in round_.contributions] == [Outcome.ACCEPTED] * 3


class OtherMachine(LinearExaminer):
    """Computes a slightly different gradient from the same examples."""

    def compute_path_gradient(self, base, candidate, frames, seed):
        honest = super().compute_path_gradient(base, candidate, frames, seed)
        moved = {task: g + np.float32(0.1) * np.roll(g, 1) for task, g in honest.gradients.items()}
        return replace(honest, gradients=moved)


def test_a_challenge_that_comes_out_differently_after_a_restart_is_not_settled(
    world: World,
) -> None:
    """The shares on chain are of the published gradient; exact ones of another would not fit."""
    pipeline, _ = world.coordinator()
    world.run_until(pipeline, "collect_proofs")
    honest = world.examiner
    world.examiner = OtherMachine(TASKS, SHAPE)
    with pytest.raises(ChallengeError, match="recomputing the challenge gives"):
        world.run_round()
    assert get_round(world, 1).phase is Phase.PROVING
    world.examiner = honest
    world.run_round()
    assert get_round(world, 1).phase is Phase.FINALIZED


def test_a_full_disk_on_the_node_records_nothing_and_the_same_command_goes_on(
    world: World,
) -> None:
    pipeline, _ = world.coordinator()
    round_id = pipeline.open()
    touch = world.members["touch"]
    base, digest = world.get_base(round_id)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(StorageError, match="make room and start again"):
            touch.pipeline.train(round_id, base, digest)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(touch.home.round_folder(round_id).iterdir())
    assert not touch.home.journal_file.exists()
    trained = touch.pipeline.train(round_id, base, digest)
    assert touch.pipeline.commit(round_id, trained) is not None


@pytest.mark.parametrize("kind", ["train", "upload", "prove"])
def test_a_node_killed_before_or_after_any_stage_continues(world: World, kind: str) -> None:
    """Its answer is lost and its process is new; the repeated message is answered again."""
    lost = []

    def kill(asked, parcel, honest):
        answer = honest()
        if asked == kind and len(lost) < 2:
            lost.append(asked)
            world.restart("touch")
            return Parcel({"error": "connection lost", "error_type": "TransportError"})
        return answer

    world.intercept("touch", kill)
    world.run_round()
    entry = get_round(world, 1).contribution_of(world.members["touch"].address)
    assert lost
    assert entry.outcome is Outcome.ACCEPTED


def test_a_node_that_missed_the_message_proves_from_the_chain(world: World) -> None:
    def deaf(kind, parcel, honest):
        if kind == "prove":
            world.members["touch"].runner.on_idle()
            return Parcel({"error": "never arrived", "error_type": "TransportError"})
        return honest()

    world.intercept("touch", deaf)
    world.run_round()
    entry = get_round(world, 1).contribution_of(world.members["touch"].address)
    assert entry.outcome is Outcome.ACCEPTED


def test_without_a_quorum_the_round_is_aborted_and_the_next_starts_from_the_same_base(
    world: World,
) -> None:
    world.fleet.down = {m.key for m in world.members.values()}
    with pytest.raises(RoundError, match="aborted"):
        world.run_round()
    assert get_round(world, 1).phase is Phase.ABORTED
    world.fleet.down = set()
    world.run_round()
    assert get_round(world, 2).base == world.genesis
    assert get_round(world, 2).phase is Phase.FINALIZED


def test_receipts_reach_the_nodes(world: World) -> None:
    world.run_round()
    receipt = json.loads(world.members["lift"].home.receipt_file(1).read_bytes())
    entry = get_round(world, 1).contribution_of(world.members["lift"].address)
    assert receipt["digest"] == entry.digest.hex()
    assert receipt["coordinator"] == COORDINATOR


def test_ones_own_earlier_update_is_refused_as_a_resubmission(tmp_path: Path) -> None:
    """The same digits again, under a new round's metadata."""

    class Repeat(NoiseLearner):
        def train(self, base, seed, rate_share=1.0):
            rng = np.random.default_rng(7)
            noisy = {n: t + np.float32(0.02) * self._fixed(rng, t) for n, t in base.items()}
            return replace(super().train(base, seed), parameters=noisy)

        def _fixed(self, rng, tensor):
            draw = rng.standard_normal(tensor.shape, np.float32)
            return draw if tensor.ndim == 2 else 0 * draw

    learners = make_honest(*TASKS) | {"lazy": ("lift", Repeat(1, 0.02, SHAPE.frames))}
    world = World(tmp_path, learners)
    world.run_round()
    world.run_round()
    address = world.members["lazy"].address
    assert get_round(world, 1).contribution_of(address).outcome is Outcome.BELOW_THRESHOLD
    assert get_round(world, 2).contribution_of(address).missing is MissingReason.NEAR_COPY
