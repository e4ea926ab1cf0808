"""Rules that change: the next round follows them on both sides, a running one does not notice."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from tests.doubles.world import PARAMETERS, STAGES, TASKS, World, make_honest
from zk0.chain import refusals
from zk0.errors import ChainError
from zk0.protocol.challenge import read_challenge
from zk0.protocol.contribution import Outcome
from zk0.protocol.round import Phase
from zk0.testing.ledger import MemoryLedger
from zk0.testing.prover import SampleProver

OTHERS = replace(
    PARAMETERS, min_commit_window_s=1, commit_window_s=500, quorum=3, max_nodes=3, min_exponent=-20,
    max_exponent=-12, max_weight_share_bps=3000, z_min=2, frames_per_task=16,
)  # fmt: skip
SMALL = SampleProver(480)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, make_honest(*TASKS))


def change(world: World) -> None:
    world.chain.set_parameters(OTHERS, circuit_id=SMALL.circuit_id, sample_size=480)


def get_report(world: World, round_id: int) -> dict:
    return json.loads(world.tools().home.report_file(round_id).read_bytes())


def get_frames(world: World, round_id: int) -> set[int]:
    round_ = MemoryLedger(world.chain, None).get_round(round_id)
    path = world.tools().home.challenge_file(round_id)
    challenge = read_challenge(path, round_.challenge)
    assert len(challenge.indices) == len(challenge.directions.common)
    return {len(challenge.indices), *(len(f) for f in challenge.frames.values())}


def assert_all_accepted(world: World, round_id: int) -> None:
    round_ = MemoryLedger(world.chain, None).get_round(round_id)
    assert round_.phase is Phase.FINALIZED
    assert [c.outcome for c in round_.contributions] == [Outcome.ACCEPTED] * 3


def test_both_sides_follow_a_change_in_the_next_round(world: World) -> None:
    world.run_round()
    change(world)
    world.run_round()
    assert_all_accepted(world, 2)
    assert get_frames(world, 1) == {960, 32}
    assert get_frames(world, 2) == {480, 16}
    first, second = get_report(world, 1), get_report(world, 2)
    assert (first["parameters_version"], second["parameters_version"]) == (1, 2)
    assert second["parameters"] == asdict(OTHERS)
    assert second["circuit_id"] == SMALL.circuit_id.hex() != first["circuit_id"]
    round_ = MemoryLedger(world.chain, None).get_round(2)
    assert all(-20 <= c.exponent <= -12 for c in round_.contributions)
    opened = [e for e in world.chain.events if e.name == "RoundOpened"]
    assert opened[1].args["commitDeadline"] - round_.opened_at == OTHERS.commit_window_s
    assert {c.weight for c in round_.contributions} == {230}


@pytest.mark.parametrize("stage", STAGES)
def test_a_running_round_does_not_notice_a_change(world: World, stage: str) -> None:
    pipeline, _ = world.coordinator()
    world.run_until(pipeline, stage)
    change(world)
    assert world.run_round() == 1
    assert_all_accepted(world, 1)
    assert get_frames(world, 1) == {960, 32}
    report = get_report(world, 1)
    assert report["parameters_version"] == 1
    assert report["parameters"] == asdict(PARAMETERS)
    assert MemoryLedger(world.chain, None).get_rules(1).parameters == PARAMETERS
    assert MemoryLedger(world.chain, None).get_next_rules().parameters == OTHERS


def test_a_node_quantises_by_the_rules_of_its_round(world: World) -> None:
    pipeline, _ = world.coordinator()
    pipeline.open()
    world.chain.set_parameters(replace(PARAMETERS, min_exponent=-8))
    pipeline.collect_commits(1)
    contributions = MemoryLedger(world.chain, None).get_round(1).contributions
    assert len(contributions) == 3
    assert [c.exponent for c in contributions] == [-9] * 3


def test_what_is_not_there_has_no_rules(world: World) -> None:
    with pytest.raises(ChainError, match="there is no round 1"):
        MemoryLedger(world.chain, None).get_rules(1)


def test_the_number_of_parameters_never_changes(world: World) -> None:
    with pytest.raises(refusals.ParameterCountFixedError):
        world.chain.set_parameters(replace(PARAMETERS, parameter_count=5000))
