"""Bonds, the largest data set and idle rounds, as the registry of nodes has them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from zk0.protocol.contribution import MAX_TOTAL_WEIGHT, Contribution
from zk0.protocol.nodes import (
    MAX_DATASET_SIZE,
    compute_max_dataset_size,
    compute_required_bond,
    count_idle_rounds,
)
from zk0.protocol.round import Phase, Round
from zk0.protocol.statement import Address, Digest

NODE = Address("0x" + "11" * 20)
OTHER = Address("0x" + "22" * 20)
ZERO = Digest(bytes(32))


def make_round(number: int, phase: Phase = Phase.FINALIZED, *nodes: Address) -> Round:
    """Opened at ten times its number."""
    entries = tuple(
        Contribution(node=node, digest=ZERO, num_examples=1, exponent=-8, task=0) for node in nodes
    )
    return replace(
        Round(number, phase, ZERO, bytes(32), opened_at=10 * number, deadline=0),
        checkpoint=Digest(bytes([number]) * 32),
        contributions=entries,
    )


def count(*rounds: Round, since: int = 0, limit: int = 20, max_nodes: int = 8) -> int:
    newest_first = ((round_, max_nodes) for round_ in reversed(rounds))
    return count_idle_rounds(newest_first, NODE, since, limit)


def test_a_bond_is_for_every_example_and_at_least_the_price_of_a_seat() -> None:
    assert compute_required_bond(1, 10, 100) == 100
    assert compute_required_bond(10, 10, 100) == 100
    assert compute_required_bond(11, 10, 100) == 110


@pytest.mark.parametrize("max_nodes", [1, 63, 64, 65, 256])
def test_the_largest_data_set_is_the_largest_that_keeps_a_full_round_exact(max_nodes: int) -> None:
    largest = compute_max_dataset_size(max_nodes)
    assert max_nodes * largest < MAX_TOTAL_WEIGHT
    assert largest == MAX_DATASET_SIZE or max_nodes * (largest + 1) >= MAX_TOTAL_WEIGHT


def test_finalized_rounds_since_the_last_commitment_are_idle() -> None:
    first = make_round(1, Phase.FINALIZED, NODE, OTHER)
    later = [make_round(i, Phase.FINALIZED, OTHER) for i in (2, 3)]
    assert count() == 0
    assert count(first) == 0
    assert count(first, *later) == 2
    assert count(*later, make_round(4, Phase.ABORTED, NODE)) == 0


def test_rounds_that_lapse_are_idle() -> None:
    lapsed = replace(make_round(2, Phase.ABORTED, OTHER), lapsed=True)
    assert count(make_round(1), lapsed) == 2


def test_full_rounds_and_those_with_a_kept_base_are_not_idle() -> None:
    full = make_round(1, Phase.FINALIZED, OTHER)
    assert count(full, max_nodes=2) == 1
    assert count(full, max_nodes=1) == 0
    assert count(replace(make_round(1), checkpoint=ZERO)) == 0


def test_aborted_and_running_rounds_are_not_idle() -> None:
    passed = [make_round(i) for i in (1, 3)]
    assert (
        count(passed[0], make_round(2, Phase.ABORTED), passed[1], make_round(4, Phase.PROVING)) == 2
    )


def test_rounds_that_a_node_could_not_commit_to_are_not_idle() -> None:
    rounds = [make_round(i) for i in (1, 2, 3)]
    assert count(*rounds, since=19) == 2
    assert count(*rounds, since=20) == 1


def test_counting_ends_at_the_limit() -> None:
    assert count(*(make_round(i) for i in range(1, 9)), limit=3) == 3
