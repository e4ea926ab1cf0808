"""Audits of whole rounds over doubles: honest ones, and each lie that a coordinator could tell."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auditor import examples
from auditor.audit import find_newest, run_audit
from auditor.findings import Audit, Verdict
from auditor.text import format_audit
from auditor.unmeasured import UnmeasuredExaminer
from coordinator import examination, pipeline, pool_tree, workspace
from coordinator.candidate import Weighted
from coordinator.home import CoordinatorHome
from coordinator.pool_tree import PoolTree
from coordinator.settlement import Settler
from tests.doubles.world import TASKS, World, make_honest, make_noise
from zk0.errors import RoundError
from zk0.ports import PublishedChallenge
from zk0.protocol.canonical import encode_canonical
from zk0.protocol.challenge import Challenge, Directions
from zk0.protocol.contribution import Outcome
from zk0.protocol.parameters import ParameterLayout
from zk0.testing.ledger import MemoryLedger

CHECKS = (
    "report", "frames", "base", "updates", "weights", "candidate", "checkpoint", "challenge",
    "examples", "measurement", "shares", "gate",
)  # fmt: skip


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, make_honest(*TASKS))


def audit(world: World, round_id: int = 1, *, measured: bool = True) -> Audit:
    """By somebody who has the store, the chain, and a folder of their own."""
    network = world.chain.network
    tools = replace(
        world.tools(),
        ledger=MemoryLedger(world.chain, None),
        home=CoordinatorHome.of(world.root / "auditor", network.chain_id, network.registry),
        examiner=UnmeasuredExaminer(ParameterLayout(()), {}),
        rewards=None,
    )
    return run_audit(tools, round_id, (lambda _: world.examiner) if measured else None)


def get(found: Audit, check: str) -> tuple[Verdict, str]:
    return next((f.verdict, f.detail) for f in found.findings if f.check == check)


def list_refuted(found: Audit) -> list[str]:
    return [f.check for f in found.findings if f.verdict is Verdict.REFUTED]


def alter_report(monkeypatch: pytest.MonkeyPatch, change: Callable[[dict[str, Any]], None]) -> None:
    """The coordinator publishes another report, under its own digest."""
    write = pipeline.write_report

    def altered(**what: Any) -> bytes:
        report = json.loads(write(**what))
        change(report)
        return encode_canonical(report)

    monkeypatch.setattr(pipeline, "write_report", altered)


def test_every_check_of_an_honest_round_is_confirmed(world: World) -> None:
    for round_id in (1, 2):
        world.run_round()
        found = audit(world, round_id)
        assert [f.check for f in found.findings] == list(CHECKS)
        assert {f.verdict for f in found.findings} == {Verdict.CONFIRMED}, format_audit(found)
        assert found.verdict is Verdict.CONFIRMED


def test_a_round_with_a_freeloader_and_one_that_the_gate_cut_are_confirmed(tmp_path: Path) -> None:
    world = World(tmp_path, make_honest(*TASKS) | {"lazy": ("lift", make_noise(1))})
    world.run_round()
    found = audit(world)
    assert found.verdict is Verdict.CONFIRMED, format_audit(found)
    assert "recomputed from 3 updates" in get(found, "checkpoint")[1]


def test_without_the_policy_everything_exact_is_still_checked(world: World) -> None:
    world.run_round()
    found = audit(world, measured=False)
    assert found.verdict is Verdict.UNCHECKED
    unchecked = [f.check for f in found.findings if f.verdict is Verdict.UNCHECKED]
    assert unchecked == ["measurement", "shares", "gate"]


def test_what_is_not_finalized_cannot_be_audited(world: World) -> None:
    coordinator, _ = world.coordinator()
    world.run_until(coordinator, "seal")
    with pytest.raises(RoundError, match="round 1 is Sealed"):
        audit(world)
    ledger = MemoryLedger(world.chain, None)
    with pytest.raises(RoundError, match="found none among 1"):
        find_newest([ledger.get_round(1)])


def test_an_update_that_cannot_be_had_leaves_what_needs_it_unchecked(world: World) -> None:
    world.run_round()
    report = json.loads(world.tools().home.report_file(1).read_bytes())
    world.store._path(report["contributions"][0]["cid"]).unlink()
    found = audit(world)
    assert get(found, "updates")[0] is Verdict.UNCHECKED
    assert get(found, "candidate") == (Verdict.UNCHECKED, "needs: updates")
    assert get(found, "challenge")[0] is Verdict.CONFIRMED
    assert list_refuted(found) == []


# --- lies -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda r: r["contributions"][0].update(weight=1), "weight of 0x"),
        (lambda r: r["contributions"][0].update(outcome="Harmful"), "outcome of 0x"),
        (lambda r: r["losses_nano"].update(final=1), "final loss"),
        (lambda r: r["checkpoint"].update(digest="00" * 32), "checkpoint"),
        (lambda r: r.pop("total_weight"), "cannot be read"),
        (lambda r: r["contributions"][0].pop("weight"), "cannot be read"),
    ],
)
def test_a_report_that_contradicts_the_chain_is_refuted(
    world: World, monkeypatch: pytest.MonkeyPatch, change: Callable[[dict[str, Any]], None],
    named: str,
) -> None:  # fmt: skip
    alter_report(monkeypatch, change)
    world.run_round()
    verdict, detail = get(audit(world), "report")
    assert verdict is Verdict.REFUTED
    assert named in detail


def test_made_up_exact_shares_are_refuted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def change(report: dict[str, Any]) -> None:
        report["contributions"][0]["exact_share_nano"] *= 2

    alter_report(monkeypatch, change)
    world.run_round()
    found = audit(world)
    assert list_refuted(found) == ["shares"]
    assert get(found, "gate") == (Verdict.UNCHECKED, "needs: shares")


def test_another_update_under_a_nodes_name_is_refuted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(report: dict[str, Any]) -> None:
        first, second = report["contributions"][:2]
        first["cid"] = second["cid"]

    alter_report(monkeypatch, change)
    world.run_round()
    verdict, detail = get(audit(world), "updates")
    assert verdict is Verdict.REFUTED
    assert "committed digest" in detail


def test_clip_shifts_that_do_not_follow_from_the_updates_are_refuted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    weigh = workspace.weigh

    def favour(*what: Any) -> list[Weighted]:
        first, *rest = weigh(*what)
        return [replace(first, clip_shift=first.clip_shift + 1), *rest]

    monkeypatch.setattr(workspace, "weigh", favour)
    world.run_round()
    found = audit(world)
    assert list_refuted(found) == ["weights"]
    assert "weight and clip shift" in get(found, "weights")[1]


def test_a_candidate_that_is_not_the_step_is_refuted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sealed, and kept by its author: the step over all updates but the last."""
    world = World(tmp_path, make_honest(*TASKS) | {"lazy": ("lift", make_noise(1))})
    write = workspace.Workspace._write_candidate

    def drop(self: workspace.Workspace, round_: Any, members: Any) -> Any:
        return write(self, round_, members[:-1])

    monkeypatch.setattr(workspace.Workspace, "_write_candidate", drop)
    world.run_round()
    monkeypatch.undo()
    verdict, detail = get(audit(world), "candidate")
    assert verdict is Verdict.REFUTED
    assert "digest" in detail


def test_a_checkpoint_that_is_not_the_step_over_the_accepted_is_refuted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, make_honest(*TASKS) | {"lazy": ("lift", make_noise(1))})
    aggregate = Settler._aggregate
    monkeypatch.setattr(Settler, "_aggregate", lambda self, members: aggregate(self, members[:-1]))
    world.run_round()
    monkeypatch.undo()
    found = audit(world)
    assert "checkpoint" in list_refuted(found)
    assert "gate" in list_refuted(found)


def test_directions_that_are_not_the_gradients_are_refuted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute = examination.compute_directions

    def favour(*what: Any) -> Directions:
        made = compute(*what)
        common = made.common.copy()
        common[0] = 100 if common[0] < 0 else -100
        return replace(made, common=common)

    monkeypatch.setattr(examination, "compute_directions", favour)
    world.run_round()
    monkeypatch.undo()
    found = audit(world)
    assert list_refuted(found) == ["measurement"]
    assert "common direction" in get(found, "measurement")[1]


def test_a_task_direction_with_a_turned_sign_is_refuted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute = examination.compute_directions

    def favour(gradients: Any, indices: Any, *what: Any) -> Directions:
        made = compute(gradients, indices, *what)
        steepest = int(np.abs(gradients["lift"][indices]).argmax())
        lift = made.tasks["lift"].copy()
        lift[steepest] = -lift[steepest]
        return replace(made, tasks={**made.tasks, "lift": lift})

    monkeypatch.setattr(examination, "compute_directions", favour)
    world.run_round()
    monkeypatch.undo()
    verdict, detail = get(audit(world), "measurement")
    assert verdict is Verdict.REFUTED
    assert "1 signs of the direction of lift" in detail


@pytest.mark.parametrize("end", ["base_loss", "candidate_loss"])
def test_a_made_up_loss_is_refuted(world: World, monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    examine = workspace.examine

    def lie(*what: Any) -> examination.Examination:
        made = examine(*what)
        losses = {t: n + 10**6 for t, n in getattr(made.challenge, f"{end}_nano").items()}
        return replace(made, challenge=replace(made.challenge, **{f"{end}_nano": losses}))

    monkeypatch.setattr(workspace, "examine", lie)
    world.run_round()
    monkeypatch.undo()
    verdict, detail = get(audit(world), "measurement")
    assert verdict is Verdict.REFUTED
    assert "recomputed" in detail


def test_a_made_up_unit_is_refuted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    compute = examination.compute_directions
    monkeypatch.setattr(
        examination,
        "compute_directions",
        lambda *what: replace(made := compute(*what), unit=made.unit * 2),
    )
    world.run_round()
    monkeypatch.undo()
    verdict, detail = get(audit(world), "measurement")
    assert verdict is Verdict.REFUTED
    assert "the unit is" in detail


def test_examples_that_the_seed_does_not_draw_are_refuted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        examination, "draw_frames", lambda _seed, _task, _times, count: list(range(count))
    )
    world.run_round()
    monkeypatch.undo()
    found = audit(world)
    assert list_refuted(found) == ["examples"]
    assert "not those that the seed draws" in get(found, "examples")[1]


def test_frames_that_are_not_in_the_pool_are_refuted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = PoolTree.write_frames

    def swap(self: PoolTree, path: Path, round_id: int, frames: Any) -> Any:
        get_bytes = self._examiner.get_frame_bytes
        monkeypatch.setattr(
            type(self._examiner), "get_frame_bytes", lambda _, task, index: get_bytes(task, 0)
        )
        return write(self, path, round_id, frames)

    monkeypatch.setattr(PoolTree, "write_frames", swap)
    world.run_round()
    monkeypatch.undo()
    found = audit(world)
    assert list_refuted(found) == ["frames"]
    assert "not in the pool" in get(found, "frames")[1]
    assert get(found, "candidate")[0] is Verdict.CONFIRMED


def test_a_challenge_file_with_other_directions_than_the_chains_is_refuted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proofs are made about the event's directions; the file is what people look at."""
    pack = pipeline.pack_directions

    def other(directions: Directions, tasks: Any) -> bytes:
        return pack(replace(directions, common=-directions.common), tasks)

    monkeypatch.setattr(pipeline, "pack_directions", other)
    coordinator, runner = world.coordinator()
    world.run_until(coordinator, "challenge")
    world.chain.advance(10_000)  # nobody can prove
    runner.run_round()
    monkeypatch.undo()
    verdict, detail = get(audit(world), "challenge")
    assert verdict is Verdict.REFUTED
    assert "directions" in detail


FILE_LIES: dict[str, Callable[[Challenge], dict[str, Any]]] = {
    "round and seeds": lambda c: {"challenge_seed": bytes(reversed(c.challenge_seed))},
    "base and candidate": lambda c: {"candidate": c.base},
    "pool": lambda c: {"pool_root": bytes(32)},
    "sample": lambda c: {"indices": c.indices[::-1]},
    "unit": lambda c: {"directions": replace(c.directions, unit=c.directions.unit + 1)},
    "losses": lambda c: {"base_loss_nano": dict.fromkeys(c.base_loss_nano, 10**10)},
}
CHAIN_LIES: dict[str, Callable[[PublishedChallenge], dict[str, Any]]] = {
    "directions": lambda p: {"directions": bytes(len(p.directions))},
    "common commitment": lambda p: {"common": p.tasks[0]},
    "task commitments": lambda p: {"tasks": p.tasks[::-1]},
}


@pytest.mark.parametrize("wrong", FILE_LIES)
def test_each_field_of_the_challenge_file_is_held_to_the_chain(
    world: World, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    world.run_round()
    read = examples.read_challenge

    def lie(path: Path, digest: bytes) -> Challenge:
        challenge = read(path, digest)
        return replace(challenge, **FILE_LIES[wrong](challenge))

    monkeypatch.setattr(examples, "read_challenge", lie)
    verdict, detail = get(audit(world), "challenge")
    assert (verdict, f"[{wrong!r}]" in detail) == (Verdict.REFUTED, True), detail


@pytest.mark.parametrize("wrong", CHAIN_LIES)
def test_directions_and_commitments_are_held_to_the_event(world: World, wrong: str) -> None:
    world.run_round()
    published = world.chain.challenges[1]
    world.chain.challenges[1] = replace(published, **CHAIN_LIES[wrong](published))
    verdict, detail = get(audit(world), "challenge")
    assert (verdict, f"[{wrong!r}]" in detail) == (Verdict.REFUTED, True), detail


def test_leaving_somebody_out_as_harmful_without_need_is_refuted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, make_honest(*TASKS) | {"lazy": ("lift", make_noise(1))})
    settle = Settler.settle

    def accuse(self: Settler) -> Any:
        accepted = (c for c in self.round_.contributions if c.outcome is Outcome.ACCEPTED)
        victim = next(accepted).node
        rest = tuple(
            replace(c, outcome=Outcome.NOT_PROVEN) if c.node == victim else c
            for c in self.round_.contributions
        )
        bound = self.round_.base_loss_nano + self.parameters.max_regression_nano
        ended = settle(replace(self, round_=replace(self.round_, contributions=rest)))
        return replace(ended, harmful=frozenset({victim}), aggregate_loss_nano=bound + 1)

    monkeypatch.setattr(Settler, "settle", accuse)
    world.run_round()
    monkeypatch.undo()
    found = audit(world)
    assert list_refuted(found) == ["gate"]
    assert "the gate's rule gives" in get(found, "gate")[1]


def test_a_report_without_what_audits_need_is_refuted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    alter_report(monkeypatch, lambda report: report["challenge"].pop("frames_cid"))
    world.run_round()
    verdict, detail = get(audit(world), "report")
    assert verdict is Verdict.REFUTED
    assert "frames_cid" in detail


@pytest.mark.parametrize("change", [-1, +1])
def test_another_size_of_the_pool_is_refuted(
    world: World, monkeypatch: pytest.MonkeyPatch, change: int
) -> None:
    """The draw depends on it, and a frame's path fits several sizes."""
    write = pool_tree.write_tensor_file

    def lie(path: Path, tensors: Any, metadata: dict[str, Any]) -> Any:
        counts = metadata["counts"]
        last = max(counts)
        return write(path, tensors, metadata | {"counts": counts | {last: counts[last] + change}})

    monkeypatch.setattr(pool_tree, "write_tensor_file", lie)
    world.run_round()
    verdict, detail = get(audit(world), "frames")
    assert verdict is Verdict.REFUTED
    assert "frames" in detail
