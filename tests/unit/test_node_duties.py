"""What a node does by itself when its coordinator keeps silent, and what it does not."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from coordinator.pipeline import CoordinatorPipeline
from node.drawing import DRAW_AFTER_BLOCKS, DRAW_STEP_BLOCKS, LAST_DRAW_BLOCKS, is_draw_due
from node.runner import NodeRunner
from tests.doubles.world import COORDINATOR, PARAMETERS, World, make_honest
from zk0.chain import refusals
from zk0.errors import InsufficientFundsError, RoundError
from zk0.journal import Journal
from zk0.protocol.contribution import Outcome
from zk0.protocol.faults import FaultHistory
from zk0.protocol.randomness import compute_seed
from zk0.protocol.round import Phase, Round
from zk0.testing.chain import KEPT_HASHES
from zk0.testing.ledger import MemoryLedger

TASKS = ("lift", "place", "touch")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, make_honest(*TASKS))


def get_round(world: World) -> Round:
    return world.chain.get_round(1)


def pass_blocks(world: World, count: int) -> None:
    """Many in one second, so that no deadline passes."""
    for _ in range(count):
        world.chain.advance(0)


def poll(world: World, *names: str) -> None:
    """One look at the chain by each of these nodes, or by all, in order of commitment."""
    by_address = {member.address: name for name, member in world.members.items()}
    order = [by_address[c.node] for c in get_round(world).contributions]
    for name in names or order:
        world.members[name].runner.on_idle()


def count_transactions(world: World) -> Counter[str]:
    """Events of the network, by name."""
    return Counter(event.name for event in world.chain.events)


def name_of(world: World, place: int) -> str:
    node = get_round(world).contributions[place].node
    return next(name for name, m in world.members.items() if m.address == node)


def close(world: World) -> CoordinatorPipeline:
    """All commit, commits are closed, and nobody has drawn."""
    pipeline, _ = world.coordinator()
    world.run_until(pipeline, "collect_commits")
    return pipeline


def test_a_silent_coordinators_nodes_draw_and_put_their_samples_on_chain(world: World) -> None:
    close(world)
    pass_blocks(world, DRAW_AFTER_BLOCKS)
    poll(world)
    poll(world)
    round_ = get_round(world)
    assert round_.phase is Phase.COLLECTING
    assert all(c.sample_key is not None for c in round_.contributions)
    assert count_transactions(world)["SampleDrawn"] == 1
    first = world.members[name_of(world, 0)]
    stages = [e.stage for e in Journal(first.home.journal_file)._entries]
    assert stages[-2:] == ["drawn", "sampled"]


def test_the_sample_goes_on_chain_without_being_asked_for_and_nothing_else_goes_anywhere(
    world: World,
) -> None:
    pipeline, _ = world.coordinator()
    world.run_until(pipeline, "draw_sample")
    poll(world)
    before = count_transactions(world)
    assert before["SampleCommitted"] == 3
    assert not list((world.root / "coordinator").rglob("update*"))
    poll(world)
    assert count_transactions(world) == before
    # What the coordinator asks for later is handed out as ever, and checked against the sample.
    world.run_round()
    assert get_round(world).phase is Phase.FINALIZED
    assert {c.outcome for c in get_round(world).contributions} == {Outcome.ACCEPTED}
    assert count_transactions(world)["SampleCommitted"] == 3


def test_a_coordinator_that_never_asks_costs_no_node_a_fault_and_pays_for_its_abort(
    world: World,
) -> None:
    """Three samples on chain: an abort is the coordinator's doing, so a new seed is not free."""
    pipeline, _ = world.coordinator()
    world.run_until(pipeline, "draw_sample")
    poll(world)
    world.chain.advance(PARAMETERS.collect_window_s + PARAMETERS.seal_window_s + 1)
    MemoryLedger(world.chain, COORDINATOR).abort_round(1)
    assert count_transactions(world)["CoordinatorPenalized"] == 1
    assert all(
        m.ledger.chain.nodes[m.address].faults == FaultHistory() for m in world.members.values()
    )


def test_nothing_is_sent_after_the_collect_deadline(world: World) -> None:
    pipeline, _ = world.coordinator()
    world.run_until(pipeline, "draw_sample")
    left = get_round(world).deadline - world.chain.blocks[-1].timestamp
    world.chain.advance(left)
    sent = refuse_to_send(world, "lift", "commit_sample")
    poll(world, "lift")
    assert sent == []
    assert count_transactions(world)["SampleCommitted"] == 0


def refuse_to_send(
    world: World, name: str, *calls: str, error: Exception | None = None
) -> list[str]:
    """Have a member's ledger refuse these calls; the names of those that were made anyway."""
    made: list[str] = []

    def make(call: str) -> Any:
        def refuse(*_args: Any) -> None:
            made.append(call)
            raise error or AssertionError(f"{call} was sent")

        return refuse

    for call in calls:
        setattr(world.members[name].ledger, call, make(call))
    return made


def test_nothing_leaves_a_node_before_commits_are_closed(world: World) -> None:
    pipeline, _ = world.coordinator()
    round_id = pipeline.open()
    base, digest = world.get_base(round_id)
    for member in world.members.values():
        member.pipeline.commit(round_id, member.pipeline.train(round_id, base, digest))
    pass_blocks(world, LAST_DRAW_BLOCKS)
    before = count_transactions(world)
    poll(world)
    assert count_transactions(world) == before
    with pytest.raises(RoundError, match="commits are not closed"):
        world.members["touch"].pipeline.commit_sample(round_id)
    assert world.members["touch"].pipeline.draw(round_id) is None
    assert count_transactions(world) == before


def test_nobody_draws_before_it_is_due_and_then_one_after_the_other(world: World) -> None:
    close(world)
    round_ = get_round(world)
    nodes = [c.node for c in round_.contributions]
    pass_blocks(world, DRAW_AFTER_BLOCKS - 1)
    poll(world)
    assert get_round(world).phase is Phase.SAMPLING
    due = [round_.closing_block + DRAW_AFTER_BLOCKS + i * DRAW_STEP_BLOCKS for i in range(3)]
    for node, block in zip(nodes, due, strict=True):
        assert not is_draw_due(round_, node, block - 1)
        assert is_draw_due(round_, node, block)
    # The first does not; the second one's turn comes.
    pass_blocks(world, 1)
    poll(world, name_of(world, 1))
    assert get_round(world).phase is Phase.SAMPLING
    pass_blocks(world, DRAW_STEP_BLOCKS)
    poll(world, name_of(world, 1))
    assert get_round(world).phase is Phase.COLLECTING


def test_every_node_of_a_large_round_draws_long_before_the_hash_expires(world: World) -> None:
    close(world)
    round_ = get_round(world)
    entry = round_.contributions[0]
    many = [f"0x{i:040x}" for i in range(256)]
    large = replace(round_, contributions=tuple(replace(entry, node=n) for n in many))
    assert all(is_draw_due(large, node, large.closing_block + LAST_DRAW_BLOCKS) for node in many)
    assert 2 * LAST_DRAW_BLOCKS <= KEPT_HASHES


def test_a_challenge_that_nobody_draws_is_drawn_by_a_node_too(world: World) -> None:
    pipeline, _ = world.coordinator()
    world.run_until(pipeline, "seal")
    pass_blocks(world, DRAW_AFTER_BLOCKS - 1)
    poll(world)
    assert get_round(world).challenge_seed == bytes(32)
    pass_blocks(world, 1)
    poll(world)
    drawn = get_round(world)
    assert drawn.challenge_seed != bytes(32)
    pass_blocks(world, LAST_DRAW_BLOCKS)
    poll(world)
    assert get_round(world) == drawn
    world.run_round()
    assert get_round(world).phase is Phase.FINALIZED


def test_waiting_for_a_hash_to_expire_brings_a_coordinator_no_other_seed(world: World) -> None:
    pipeline = close(world)
    closing = world.chain.blocks[get_round(world).closing_block]
    for _ in range(KEPT_HASHES // 16 + 1):
        pass_blocks(world, 16)
        poll(world)
    pipeline.draw_sample(1)
    network = world.chain.network
    seed = compute_seed("sample", closing.hash, network.chain_id, network.registry, 1)
    assert get_round(world).sample_seed == seed
    assert count_transactions(world)["SampleRearmed"] == 0


@pytest.mark.parametrize(
    "refusal",
    [
        refusals.WrongPhaseError(arguments={"expected": "Sampling", "actual": "Collecting"}),
        refusals.ChallengeAlreadyDrawnError(arguments={"challengeSeed": "0x12"}),
        refusals.BlockNotCompleteError(arguments={"needed": 9, "current": 9}),
    ],
)
def test_a_race_that_is_lost_is_no_error(
    world: World, caplog: pytest.LogCaptureFixture, refusal: Exception
) -> None:
    """The other draw is on its way: it is refused, and the chain does not show why yet."""
    close(world)
    pass_blocks(world, DRAW_AFTER_BLOCKS)
    first = name_of(world, 0)
    made = refuse_to_send(world, first, "draw_sample", error=refusal)
    caplog.clear()
    with caplog.at_level(logging.INFO):
        poll(world, first)
        poll(world, first)
    assert made == ["draw_sample"]
    assert caplog.records == []


@pytest.mark.parametrize(
    ("last", "call"), [("collect_commits", "draw_sample"), ("draw_sample", "commit_sample")]
)
def test_a_failure_is_said_once_and_tried_again_only_after_a_while(
    world: World, caplog: pytest.LogCaptureFixture, last: str, call: str
) -> None:
    pipeline, _ = world.coordinator()
    world.run_until(pipeline, last)
    pass_blocks(world, DRAW_AFTER_BLOCKS)
    first = name_of(world, 0)
    member = world.members[first]
    error = InsufficientFundsError("no money: fund the account")
    made = refuse_to_send(world, first, call, error=error)
    poll(world, first, first, first)
    assert made == [call]
    impatient = NodeRunner(member.pipeline, member.ledger, member.home.root, poll_s=0, retry_s=0)
    caplog.clear()
    for _ in range(3):
        impatient.on_idle()
    assert made == [call] * 4
    errors = [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR]
    assert len(errors) == 1
    assert "fund the account" in errors[0]
    # Funded, it goes on.
    delattr(member.ledger, call)
    impatient.on_idle()
    done = {"draw_sample": "SampleDrawn", "commit_sample": "SampleCommitted"}
    assert count_transactions(world)[done[call]] == 1


def test_a_round_that_is_not_its_own_costs_a_node_nothing(world: World) -> None:
    lift = world.members["lift"]
    world.fleet.down = {lift.key}
    close(world)
    assert get_round(world).contribution_of(lift.address) is None
    calls = ("draw_sample", "draw_challenge", "commit_sample", "prove_contribution")
    made = refuse_to_send(world, "lift", *calls)
    pass_blocks(world, LAST_DRAW_BLOCKS)
    poll(world, "lift")
    assert get_round(world).phase is Phase.SAMPLING
    poll(world)
    poll(world, "lift")
    assert get_round(world).phase is Phase.COLLECTING
    assert made == []


def test_a_node_that_is_called_missing_pays_for_no_draw(world: World) -> None:
    def deaf(kind: str, parcel: Any, honest: Any) -> Any:
        return honest() if kind == "train" else type(parcel)({"error": "gone", "error_type": "X"})

    world.intercept("touch", deaf)
    pipeline, _ = world.coordinator()
    world.run_until(pipeline, "seal")
    made = refuse_to_send(world, "touch", "draw_challenge")
    pass_blocks(world, LAST_DRAW_BLOCKS)
    poll(world, "touch")
    assert made == []
    poll(world)
    assert get_round(world).challenge_seed != bytes(32)


def test_a_sample_that_a_reorganisation_took_back_is_sent_again_at_once(
    world: World,
) -> None:
    close(world)
    saved = dict(vars(world.chain)) | {
        k: v.copy() for k, v in vars(world.chain).items() if isinstance(v, list | dict)
    }
    pass_blocks(world, DRAW_AFTER_BLOCKS)
    poll(world)
    poll(world)
    before = get_round(world)
    vars(world.chain).update(saved)
    world.chain.advance(3)
    MemoryLedger(world.chain, COORDINATOR).draw_sample(1)
    poll(world)
    after = get_round(world)
    assert all(c.sample_key is not None for c in after.contributions)
    assert before.phase is after.phase is Phase.COLLECTING
