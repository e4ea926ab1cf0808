"""Laws of credits and payouts, for any shares, pots and orders of claims."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from zk0.protocol.credits import MAX_CREDIT_NANO, settle_share
from zk0.protocol.payout import Settlement, compute_part_wei, compute_payout_wei

SHARES = st.integers(-(2**127) + 1, 2**127 - 1)


@given(st.lists(SHARES, max_size=20))
def test_a_node_earns_what_it_added_less_what_it_took_and_never_before_it_paid(
    shares: list[int],
) -> None:
    debt = earned = 0
    for share in shares:
        credit, after = settle_share(share, debt)
        assert credit == 0 or after == 0
        if 0 < credit < MAX_CREDIT_NANO or share <= 0:
            assert credit + debt - after == share
        earned, debt = earned + credit, after
    assert debt >= 0
    assert earned >= 0


@given(
    st.lists(st.integers(1, MAX_CREDIT_NANO), min_size=1, max_size=12),
    st.integers(0, 2**96),
    st.integers(1, 10**18),
    st.integers(0, 2**64 - 1),
    st.randoms(use_true_random=False),
)
def test_claims_in_any_order_add_up_to_the_payout_and_each_is_within_a_round_of_its_part(
    credits_nano: list[int], pot: int, rate: int, drop: int, order: object
) -> None:
    total = sum(credits_nano)
    payout = compute_payout_wei(pot, rate, total, drop)
    assert payout <= pot
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
    assert compute_payout_wei(pot, rate, 0, drop) == 0
