"""Laws of credits and payouts, for any shares, pots and orders of claims."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from zk0.protocol.credits import settle_share
from zk0.protocol.payout import (
    Purse,
    Settlement,
    compute_due_wei,
    compute_part_wei,
    pay_round,
)

SHARES = st.integers(-(2**127) + 1, 2**127 - 1)


@given(st.lists(SHARES, max_size=20))
def test_a_node_earns_what_it_added_less_what_it_took_and_never_before_it_paid(
    shares: list[int],
) -> None:
    debt = earned = 0
    for share in shares:
        credit, after = settle_share(share, debt)
        assert credit == 0 or after == 0
        assert credit + debt - after == share
        earned, debt = earned + credit, after
    assert debt >= 0
    assert earned >= 0


@given(
    st.lists(st.integers(1, 2**64 - 1), min_size=1, max_size=12),
    st.integers(0, 2**96),
    st.integers(1, 10**18),
    st.integers(0, 2**64 - 1),
    st.randoms(use_true_random=False),
)
def test_claims_in_any_order_add_up_to_the_payout_and_each_is_within_a_round_of_its_part(
    credits_nano: list[int], pot: int, rate: int, drop: int, order: object
) -> None:
    total = sum(credits_nano)
    purse, payout = pay_round(Purse(pot), 0, compute_due_wei(rate, total, drop))
    assert purse.pot_wei == pot - payout >= 0
    settled = Settlement(1, payout, payout, total, opens_at=1)
    waiting = list(range(len(credits_nano)))
    order.shuffle(waiting)  # type: ignore[attr-defined]
    paid = 0
    while waiting:
        node = waiting.pop()
        amount = compute_part_wei(settled, credits_nano[node], is_last=not waiting)
        exact = payout * credits_nano[node] // total
        assert exact <= amount < exact + len(credits_nano) + (not waiting)
        settled = replace(settled, unpaid_wei=settled.unpaid_wei - amount)
        paid += amount
    assert paid == payout
    assert settled.unpaid_wei == 0


@given(st.integers(0, 2**96), st.integers(1, 10**18), st.integers(0, 2**64 - 1))
def test_a_round_without_credits_pays_nothing(pot: int, rate: int, drop: int) -> None:
    due = compute_due_wei(rate, 0, drop)
    assert pay_round(Purse(pot), 5, due) == (Purse(pot, 5), 0)


@given(
    st.lists(st.tuples(st.integers(0, 2**64), st.sampled_from((0, 0, 2**40, 2**70))), max_size=12)
)
def test_no_round_pays_more_than_pot_stream_and_a_sixteenth_of_what_is_held(
    rounds: list[tuple[int, int]],
) -> None:
    purse, paid = Purse(), 0
    for stream, due in rounds:
        before = purse
        purse, payout = pay_round(purse, stream, due)
        assert payout <= min(due, before.pot_wei + stream + (before.held_wei + 15) // 16)
        paid += payout
    assert purse.pot_wei + purse.held_wei + paid == sum(stream for stream, _ in rounds)


@given(st.integers(0, 2**96), st.lists(st.integers(0, 2**96), max_size=8), st.integers(1, 2**64))
def test_no_funding_changes_how_much_of_what_is_held_comes_back(
    held: int, streams: list[int], due: int
) -> None:
    left = [held, held]
    for stream in streams:
        left = [
            pay_round(Purse(0, kept), funded, due)[0].held_wei
            for kept, funded in zip(left, (0, stream), strict=True)
        ]
    assert left[0] == left[1]


@given(st.integers(1, 2**64))
def test_whatever_is_held_comes_back_in_the_end(held: int) -> None:
    purse, rounds = Purse(0, held), 0
    while purse.held_wei:
        before = purse.held_wei
        purse, _ = pay_round(purse, 0, 1)
        assert 16 * purse.held_wei <= 15 * before
        rounds += 1
    assert rounds < 750
