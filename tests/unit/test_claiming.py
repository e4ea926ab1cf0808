"""`zk0-node claim` and what status and history say, over the vault in memory."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from node import claiming
from node.claiming import ClaimResult, carry_out, describe_claim, format_claim, plan_claim
from node.status import describe_status, format_status
from tests.doubles.payouts import (
    COIN,
    DROP,
    RATE,
    RULING_S,
    WINDOW_S,
    Seat,
    World,
    build_memory_world,
    digest_of,
    end_round,
    end_with_a_freeloader,
    settle,
)
from zk0.chain import refusals
from zk0.chain.history import build_history
from zk0.chain.rows import to_json
from zk0.errors import ConfigError
from zk0.history import format_history
from zk0.ports import Cid, Receipt
from zk0.rewards import (
    RewardState,
    find_unsettled,
    parse_amount,
    settle_rounds,
    show_amount,
    show_time,
)


@pytest.fixture
def world() -> World:
    return build_memory_world()


def claim(seat: Seat, *rounds: int) -> ClaimResult:
    plan = plan_claim(seat.ledger, seat.rewards, rounds)
    return carry_out(plan, seat.ledger, seat.rewards, rounds)


def tell(seat: Seat, result: ClaimResult) -> str:
    return format_claim(result, seat.ledger, seat.rewards)


def run_rounds(world: World, count: int) -> list[int]:
    rounds = [end_round(world, 1000 + i, 1000, 1000) for i in range(count)]
    world.stranger.rewards.fund(1, count, COIN)
    return rounds


def test_all_open_rounds_are_claimed_in_one_transaction_and_to_the_wei(world: World) -> None:
    rounds = run_rounds(world, 3)
    settle_rounds(world.stranger.rewards, rounds)
    world.advance(WINDOW_S)
    paid = 0
    for seat in world.nodes:
        before = seat.ledger.get_balance_wei(seat.ledger.account)
        result = claim(seat)
        gained = seat.ledger.get_balance_wei(seat.ledger.account) - before
        assert len(result.transactions) == 1
        assert gained == sum(r.amount_wei for r in result.claimed)
        paid += gained
    assert paid == 3 * RATE * DROP


def test_a_claim_settles_what_is_over_and_says_when_claims_open(world: World) -> None:
    rounds = run_rounds(world, 2)
    node = world.nodes[0]
    assert find_unsettled(node.ledger, node.rewards) == rounds
    result = claim(node)
    assert (list(result.settled), list(result.claimed)) == (rounds, [])
    settled = node.rewards.get_settlement(1)
    assert settled is not None
    said = tell(node, result)
    assert f"owed, claims open at {show_time(settled.opens_at)}" in said
    world.advance(WINDOW_S)
    assert [r.round_id for r in claim(node).claimed] == rounds


def test_a_running_round_is_not_settled(world: World) -> None:
    end_round(world, 1000, 1000, 1000)
    world.coordinator.ledger.open_round(b"\x44" * 32)
    assert find_unsettled(world.reader.ledger, world.reader.rewards) == [1]


def test_a_round_that_somebody_else_settles_first_is_no_error(world: World) -> None:
    rounds = run_rounds(world, 2)
    world.stranger.rewards.settle(1)
    settle_rounds(world.nodes[0].rewards, rounds)
    assert world.reader.rewards.get_next_round() == 3
    with pytest.raises(refusals.NotOverError):
        settle_rounds(world.nodes[0].rewards, [3])


def test_nobody_pays_gas_to_settle_rounds_that_earned_him_nothing(world: World) -> None:
    end_with_a_freeloader(world)
    freeloader = world.nodes[2]
    plan = plan_claim(freeloader.ledger, freeloader.rewards)
    assert (list(plan.settle), list(plan.claim)) == ([], [])
    said = tell(freeloader, claim(freeloader))
    assert said == f"nothing is owed to {freeloader.ledger.account}"
    assert "round 1: nothing is owed" in tell(freeloader, claim(freeloader, 1))


def test_a_second_claim_finds_nothing_and_says_so(world: World) -> None:
    settle(world, end_round(world, 1000, 1000, 1000))
    world.advance(WINDOW_S)
    node = world.nodes[0]
    assert claim(node).claimed
    again = claim(node)
    assert (list(again.claimed), list(again.transactions)) == ([], [])
    assert "claimed before" in tell(node, again)


def test_only_the_rounds_asked_for_are_claimed(world: World) -> None:
    rounds = run_rounds(world, 3)
    settle_rounds(world.stranger.rewards, rounds)
    world.advance(WINDOW_S)
    node = world.nodes[1]
    assert [r.round_id for r in claim(node, 1, 3).claimed] == [1, 3]
    assert [r.round_id for r in claim(node).claimed] == [2]


def test_a_payout_under_objection_is_frozen_and_says_until_when(world: World) -> None:
    settle(world, end_round(world, 1000, 1000, 1000))
    world.stranger.rewards.object_to(1, digest_of(5), Cid("bafkproof"))
    world.advance(WINDOW_S)
    node = world.nodes[0]
    result = claim(node)
    assert [r.state for r in result.others] == [RewardState.FROZEN]
    settled = node.rewards.get_settlement(1)
    assert settled is not None
    assert f"at the latest until {show_time(settled.ruling_deadline)}" in tell(node, result)
    assert "objection, to be ruled on until" in format_history(
        build_history(node.ledger.get_events())
    )
    world.advance(RULING_S + 1)
    assert [r.round_id for r in claim(node).claimed] == [1]


def test_a_round_without_money_says_that_it_pays_nothing(world: World) -> None:
    end_round(world, 1000, 1000, 1000)
    result = claim(world.nodes[0])
    assert [r.state for r in result.others] == [RewardState.UNPAID]
    assert "pays nothing" in tell(world.nodes[0], result)


def test_many_rounds_are_claimed_page_by_page(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claiming, "PAGE", 2)
    rounds = run_rounds(world, 5)
    settle_rounds(world.stranger.rewards, rounds)
    world.advance(WINDOW_S)
    seen: list[tuple[int, int]] = []
    node = world.nodes[0]
    plan = plan_claim(node.ledger, node.rewards)
    question = claiming.ask_to_claim(plan, node.ledger, node.rewards)
    assert "rounds 1, 2, 3, 4, 5, in 3 transactions of about 257,000 gas in all?" in question
    result = carry_out(
        plan, node.ledger, node.rewards, (), lambda done, total: seen.append((done, total))
    )
    assert seen == [(2, 5), (4, 5), (5, 5)]
    assert len(result.transactions) == 3
    assert [r.round_id for r in result.claimed] == rounds


def test_the_question_names_account_chain_amount_and_rounds(world: World) -> None:
    settle(world, end_round(world, 1000, 1000, 1000))
    world.advance(WINDOW_S)
    end_round(world, 1001, 1000, 1000)
    node = world.nodes[0]
    plan = plan_claim(node.ledger, node.rewards)
    question = claiming.ask_to_claim(plan, node.ledger, node.rewards)
    owed = show_amount(node.rewards.get_owed_wei(1, node.ledger.account), None)
    for said in (
        node.ledger.account, "chain 31337", "settle round 2", f"claim {owed} for round 1",
        "2 transactions of about 236,000 gas",
    ):  # fmt: skip
        assert said in question


def test_the_json_says_the_same(world: World) -> None:
    settle(world, end_round(world, 1000, 1000, 1000))
    world.advance(WINDOW_S)
    end_round(world, 1001, 1000, 1000)
    node = world.nodes[0]
    owed = node.rewards.get_owed_wei(1, node.ledger.account)
    told = json.loads(json.dumps(describe_claim(claim(node), node.ledger, node.rewards)))
    assert told["paid_wei"] == owed
    assert told["claimed"] == [{"round": 1, "amount_wei": owed}]
    assert told["settled"] == [2]
    assert [(r["round"], r["state"]) for r in told["not_claimed"]] == [(2, "waiting")]


def test_a_claim_that_the_chain_does_not_show_is_an_error(world: World) -> None:
    class Forgetful:
        """A vault whose transactions are mined and then lost."""

        def __getattr__(self, name: str) -> object:
            return getattr(node.rewards, name)

        def claim(self, round_ids: Sequence[int]) -> Receipt:
            return Receipt(b"\x01" * 32, 1, b"\x02" * 32, gas=1, fee_wei=1)

    settle(world, end_round(world, 1000, 1000, 1000))
    world.advance(WINDOW_S)
    node = world.nodes[0]
    plan = plan_claim(node.ledger, node.rewards)
    with pytest.raises(claiming.TransactionError, match="was a block replaced"):
        carry_out(plan, node.ledger, Forgetful())  # type: ignore[arg-type]


def test_status_and_history_show_what_is_owed_and_what_was_got(world: World) -> None:
    rounds = run_rounds(world, 2)
    settle_rounds(world.stranger.rewards, rounds)
    node = world.nodes[0]
    owed = [node.rewards.get_owed_wei(r, node.ledger.account) for r in rounds]
    world.advance(WINDOW_S)
    claim(node, 1)
    found = describe_status(node.ledger, claiming.read_rewards(node.ledger))
    rewards = found["rewards"]
    assert (rewards["owed_wei"], rewards["claimable_wei"]) == (owed[1], owed[1])
    assert rewards["claimed_wei"] == owed[0]
    assert json.dumps(found)
    assert f"owed {owed[1]} wei" in format_status(found)
    assert f"claimed {owed[0]}" in format_status(found)
    rows = build_history(node.ledger.get_events())
    text = format_history(rows)
    assert f"got {owed[0]} wei" in text
    assert f"owed {owed[1]} wei" in text
    assert f"pays {RATE * DROP} wei" in text
    assert "objection" not in text
    told = to_json(rows)
    assert told[0]["settlement"]["payout_wei"] == RATE * DROP
    assert told[0]["contributions"][0]["claimed_wei"] == owed[0]


def test_status_without_a_vault_has_no_rewards(world: World) -> None:
    found = describe_status(world.nodes[0].ledger, None)
    assert found["rewards"] is None
    assert "owed" not in format_status(found)


@pytest.mark.parametrize(
    ("text", "wei"),
    [
        ("12", 12), ("12wei", 12), ("1.5gwei", 1_500_000_000), ("0.000000000000000001eth", 1),
        ("2 ETH", 2 * COIN),
    ],
)  # fmt: skip
def test_amounts_are_read_exactly(text: str, wei: int) -> None:
    assert parse_amount(text) == wei


@pytest.mark.parametrize(
    "text", ["", "-1", "1.5", "1.5wei", "0.0000000001gwei", "1e18", "x", "1btc"]
)
def test_what_is_no_whole_amount_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="amount like"):
        parse_amount(text)


def test_amounts_are_shown_exactly() -> None:
    assert show_amount(1, None) == "0.000000000000000001 ETH"
    assert show_amount(25 * COIN // 10, None) == "2.5 ETH"
    assert show_amount(10 * COIN, None) == "10 ETH"
    assert show_amount(0, None) == "0 ETH"
