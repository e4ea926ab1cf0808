"""A chain that goes back to an earlier state, with other blocks after it: the round goes on."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from tests.doubles.world import STAGES, World, make_honest
from zk0.protocol.contribution import Outcome
from zk0.protocol.round import Phase
from zk0.testing.chain import MemoryChain

TASKS = ("lift", "touch")
FIXED = ("network", "verify", "exit_delay_s", "lock")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, make_honest(*TASKS))


def save(chain: MemoryChain) -> dict[str, Any]:
    """The chain's state: its containers copied, the values in them are frozen."""
    return {name: copy.copy(v) for name, v in vars(chain).items() if name not in FIXED}


def take_back(chain: MemoryChain, saved: dict[str, Any]) -> None:
    """The chain as it was, and then a block that was not there before."""
    vars(chain).update(saved)
    chain.advance(3)


@pytest.mark.parametrize(
    ("kept", "undone"),
    [
        pytest.param(None, "seal", id="the whole round"),
        pytest.param("open", "collect_commits", id="commitments"),
        pytest.param("open", "challenge", id="commitments and both draws"),
        pytest.param("draw_sample", "collect_updates", id="samples, the seed stays"),
        pytest.param("collect_updates", "challenge", id="the seal"),
        pytest.param("challenge", "collect_proofs", id="proofs"),
    ],
)
def test_a_round_goes_on_from_where_the_chain_went_back_to(
    world: World, kept: str | None, undone: str
) -> None:
    pipeline, runner = world.coordinator()
    saved = save(world.chain) if kept is None else None
    round_id = pipeline.open()
    if kept == "open":
        saved = save(world.chain)
    for stage in STAGES[: STAGES.index(undone) + 1]:
        getattr(pipeline, stage)(round_id)
        if stage == kept:
            saved = save(world.chain)
    before = world.chain.get_round(round_id)
    assert saved is not None
    take_back(world.chain, saved)
    summary = runner.run_round()
    after = world.chain.get_round(round_id)
    assert summary.round_id == round_id
    assert after.phase is Phase.FINALIZED
    assert [c.outcome for c in after.contributions] == [Outcome.ACCEPTED] * len(TASKS)
    if undone == "challenge":
        assert after.challenge_seed != before.challenge_seed
    if kept == "open" and undone == "challenge":
        assert after.sample_seed != before.sample_seed
