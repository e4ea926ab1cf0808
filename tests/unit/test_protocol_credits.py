"""Credits and debts: what a finished round earns, and what it leaves to pay off."""

from __future__ import annotations

from dataclasses import replace

import pytest

from zk0.protocol.contribution import Contribution, Outcome
from zk0.protocol.credits import credit_round
from zk0.protocol.round import Phase, Round
from zk0.protocol.statement import Address, Digest

ALICE, BOB, CAROL = (Address(f"0x{i:040x}") for i in range(1, 4))
BASE, NEW = Digest(b"\x01" * 32), Digest(b"\x02" * 32)


def make_entry(node: Address, share: int, outcome: Outcome = Outcome.ACCEPTED) -> Contribution:
    return Contribution(
        node, Digest(node.encode()[:32]), 10, -8, 0, outcome=outcome, share_nano=share
    )


def make_round(*entries: Contribution) -> Round:
    return Round(
        1, Phase.FINALIZED, BASE, bytes(32), 0, 0, base_loss_nano=900, final_loss_nano=800,
        checkpoint=NEW, contributions=entries,
    )  # fmt: skip


def test_positive_shares_are_credits_and_negative_ones_are_debts() -> None:
    found = credit_round(make_round(make_entry(ALICE, 70), make_entry(BOB, -30)), {})
    assert found.credit_nano == (70, 0)
    assert found.debt_nano == {BOB: 30}
    assert (found.total_nano, found.drop_nano) == (70, 100)


def test_a_debt_is_carried_against_later_shares_until_it_is_paid_off() -> None:
    debts = {BOB: 30}
    earned = []
    for share in (20, -5, 40):
        found = credit_round(make_round(make_entry(BOB, share)), debts)
        debts = dict(found.debt_nano)
        earned.append((found.credit_nano[0], debts[BOB]))
    assert earned == [(0, 10), (0, 15), (25, 0)]


def test_a_debt_is_the_addresses_own_and_stays_while_it_is_away() -> None:
    found = credit_round(make_round(make_entry(ALICE, 70)), {BOB: 30})
    assert found.credit_nano == (70,)
    assert found.debt_nano == {BOB: 30}


@pytest.mark.parametrize(
    "outcome", [Outcome.HARMFUL, Outcome.BELOW_THRESHOLD, Outcome.NOT_PROVEN, Outcome.MISSING]
)
def test_only_what_the_checkpoint_is_made_of_counts(outcome: Outcome) -> None:
    for share in (70, -70):
        entries = (make_entry(ALICE, share, outcome), make_entry(BOB, 5))
        found = credit_round(make_round(*entries), {})
        assert found.credit_nano == (0, 5)
        assert found.debt_nano == {}


def test_a_kept_base_and_an_abort_change_nothing() -> None:
    ended = make_round(make_entry(ALICE, 70), make_entry(BOB, -30))
    for changes in ({"checkpoint": BASE}, {"phase": Phase.ABORTED}):
        found = credit_round(replace(ended, **changes), {ALICE: 10})
        assert found.credit_nano == (0, 0)
        assert (found.total_nano, found.drop_nano) == (0, 0)
        assert found.debt_nano == {ALICE: 10}


def test_a_rise_in_loss_is_a_drop_of_zero() -> None:
    risen = replace(make_round(make_entry(ALICE, 70)), final_loss_nano=950)
    assert credit_round(risen, {}).drop_nano == 0


def test_a_running_round_has_no_credits() -> None:
    running = replace(make_round(), phase=Phase.PROVING)
    with pytest.raises(ValueError, match="over"):
        credit_round(running, {})
