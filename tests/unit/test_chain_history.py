"""History from events alone: rows, weights, gas, JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from zk0.chain.history import build_history, find_weight_cap, list_transactions
from zk0.chain.rows import to_json
from zk0.history import format_history
from zk0.ports import Cid, PublishedChallenge
from zk0.protocol.contribution import MissingReason, Outcome, compute_weights
from zk0.protocol.round import Finalization, Parameters, Phase
from zk0.protocol.statement import Address, Agreement, Commitment, Digest
from zk0.testing.chain import MemoryChain, make_network, make_rules
from zk0.testing.ledger import MemoryLedger

PARAMETERS = Parameters(
    min_commit_window_s=50, commit_window_s=100, collect_window_s=100, seal_window_s=100,
    challenge_window_s=100, proving_window_s=100, finalize_window_s=100, quorum=2, max_nodes=8,
    min_exponent=-20, max_exponent=-6, max_weight_share_bps=4000, z_min=4,
    max_regression_nano=1000, parameter_count=10_000, frames_per_task=8,
)  # fmt: skip
COORDINATOR = Address("0x" + "c0" * 20)
NODES = [Address(f"0x{i:040x}") for i in range(1, 5)]
CANDIDATE, REPORT = Digest(b"\x07" * 32), Digest(b"\x09" * 32)


def point_of(number: int) -> Commitment:
    return Commitment(bytes([number]) * 64)


@pytest.fixture
def chain() -> MemoryChain:
    """Two rounds: one with an accepted, a weak, an unproven and a missing node; one aborted."""
    network = make_network(PARAMETERS, ("lift", "reach"), COORDINATOR)
    chain = MemoryChain(
        network, make_rules(PARAMETERS), verify=lambda statement, proof: proof == b"right"
    )
    boss = MemoryLedger(chain, COORDINATOR)
    nodes = [MemoryLedger(chain, name) for name in NODES]
    for position, node in enumerate(nodes):
        node.join(task=position % 2, dataset_size=1000, node_key=b"k", bond_wei=10**15)
    boss.open_round(b"\x04" * 32)
    for position, node in enumerate(nodes):
        node.commit_update(1, Digest(bytes([position + 1]) * 32), 100 << position, -10)
    boss.close_commits(1)
    boss.draw_sample(1)
    seed = boss.get_round(1).sample_seed
    for position, node in enumerate(nodes):
        node.commit_sample(1, seed, point_of(position + 1))
    reasons = [*[MissingReason.NONE] * 3, MissingReason.NEAR_COPY]
    boss.seal_round(1, CANDIDATE, [0, 1, 0, 0], reasons)
    boss.draw_challenge(1)
    boss.publish_challenge(
        PublishedChallenge(
            1,
            Digest(b"\x08" * 32),
            Cid("bafkchallenge"),
            1 << 62,
            700,
            600,
            point_of(9),
            (point_of(10), point_of(11)),
            bytes(960 + 2 * 240),
        )
    )
    nodes[0].prove_contribution(1, Agreement(5000, 400, 900, 300), b"right")
    nodes[1].prove_contribution(1, Agreement(50, 3, 900, 300), b"right")
    chain.advance(500)
    boss.finalize_round(
        1, Finalization(Digest(b"\x0a" * 32), "bafknew", REPORT, "bafkreport", 650, 650)
    )
    boss.open_round(b"\x04" * 32)
    nodes[2].commit_update(2, Digest(b"\x0b" * 32), 10, -8)
    boss.abort_round(2)
    return chain


def test_rows_say_what_the_views_say(chain: MemoryChain) -> None:
    ledger = MemoryLedger(chain, None)
    rows = build_history(ledger.get_events())
    assert [row.round_id for row in rows] == [1, 2]
    for row in rows:
        view = ledger.get_round(row.round_id)
        assert (row.phase, row.base, row.pool_root) == (view.phase, view.base, view.pool_root)
        for entry, seen in zip(row.contributions, view.contributions, strict=True):
            assert (entry.node, entry.task, entry.digest) == (seen.node, seen.task, seen.digest)
            assert (entry.num_examples, entry.exponent) == (seen.num_examples, seen.exponent)
            assert (entry.weight or 0, entry.clip_shift) == (seen.weight, seen.clip_shift)
            assert (entry.outcome, entry.reason) == (seen.outcome, seen.missing)
            assert (entry.share_nano or 0) == seen.share_nano
            assert (entry.alignment_bps or 0) == seen.alignment_bps
    first, view = rows[0], ledger.get_round(1)
    assert first.total_weight == view.total_weight
    assert (first.unit, first.candidate) == (view.unit, view.candidate)
    assert (first.base_loss_nano, first.candidate_loss_nano) == (700, 600)
    assert (first.aggregate_loss_nano, first.final_loss_nano, first.base_kept) == (650, 650, False)
    assert (first.checkpoint, first.checkpoint_cid) == (b"\x0a" * 32, "bafknew")
    assert (first.parent, first.report) == (chain.network.genesis, REPORT)
    assert rows[1].base == b"\x0a" * 32


def test_each_contribution_tells_how_it_ended(chain: MemoryChain) -> None:
    row = build_history(chain.events)[0]
    outcomes = [c.outcome for c in row.contributions]
    assert outcomes == [
        Outcome.ACCEPTED,
        Outcome.BELOW_THRESHOLD,
        Outcome.NOT_PROVEN,
        Outcome.MISSING,
    ]
    accepted, weak, unproven, missing = row.contributions
    assert (accepted.common, accepted.task_agreement) == (5000, 400)
    assert accepted.share_nano is not None
    assert accepted.share_nano > 0
    assert row.sum_of_shares_nano == accepted.share_nano
    assert (weak.share_nano, weak.is_proven, weak.clip_shift) == (0, True, 1)
    assert (unproven.share_nano, unproven.is_proven) == (None, False)
    assert (missing.reason, missing.weight) == (MissingReason.NEAR_COPY, 0)
    assert [c.task_name for c in row.contributions] == ["lift", "reach", "lift", "reach"]


def test_gas_is_the_sum_over_a_contributions_own_transactions(chain: MemoryChain) -> None:
    transactions = list_transactions(build_history(chain.events))
    assert len(transactions) == len(set(transactions)) == 4 + 4 + 2 + 1
    gas = {t: 1000 + i for i, t in enumerate(transactions)}
    rows = build_history(chain.events, gas)
    total = sum(c.gas for row in rows for c in row.contributions)
    assert total == sum(gas.values())
    first = rows[0].contributions[0]
    assert list(first.transactions) == ["commit", "sample", "prove"]
    assert first.gas == sum(gas[t] for t in first.transactions.values())


def test_rows_can_be_of_one_round_or_one_node(chain: MemoryChain) -> None:
    assert [row.round_id for row in build_history(chain.events, round_id=2)] == [2]
    of_third = build_history(chain.events, node=NODES[2])
    assert [row.round_id for row in of_third] == [1, 2]
    assert {c.node for row in of_third for c in row.contributions} == {NODES[2]}
    of_first = build_history(chain.events, node=NODES[0])
    assert [row.round_id for row in of_first] == [1]
    assert of_first[0].contributions == build_history(chain.events)[0].contributions[:1]


def test_an_unfinished_round_shows_what_is_known(chain: MemoryChain) -> None:
    until = next(i for i, e in enumerate(chain.events) if e.name == "RoundSealed")
    (row,) = build_history(chain.events[:until])
    assert row.phase is Phase.COLLECTING
    assert row.candidate is None
    assert [c.weight for c in row.contributions] == [None] * 4


def test_json_holds_labels_and_hexadecimal(chain: MemoryChain) -> None:
    first, second = json.loads(json.dumps(to_json(build_history(chain.events))))
    assert (first["phase"], second["phase"]) == ("Finalized", "Aborted")
    assert first["candidate"] == "0x" + "07" * 32
    assert first["sum_of_shares_nano"] == first["contributions"][0]["share_nano"]
    assert first["contributions"][3]["reason"] == "NearCopy"
    assert first["contributions"][1]["outcome"] == "BelowThreshold"
    assert first["contributions"][0]["transactions"]["commit"].startswith("0x")
    assert second["checkpoint"] is None


def test_an_empty_network_has_no_history() -> None:
    chain = MemoryChain(make_network(PARAMETERS, ("lift",), COORDINATOR), make_rules(PARAMETERS))
    assert build_history(chain.events) == []


@pytest.mark.parametrize("bps", [1, 2500, 4000, 9999, 10_000])
def test_weights_are_found_from_their_total(bps: int) -> None:
    examples = [5, 900, 17, 300, 900, 1]
    weights = compute_weights(examples, bps)
    cap = find_weight_cap(examples, sum(weights))
    assert [min(n, cap) for n in examples] == weights


def test_a_total_that_no_cap_gives_is_refused() -> None:
    with pytest.raises(ValueError, match="no cap"):
        find_weight_cap([2, 2, 2], 5)


def test_a_change_of_the_rules_stands_at_the_first_round_that_follows_it() -> None:
    chain = MemoryChain(make_network(PARAMETERS, ("lift",), COORDINATOR), make_rules(PARAMETERS))
    boss = MemoryLedger(chain, COORDINATOR)
    boss.open_round(b"\x04" * 32)
    chain.set_parameters(replace(PARAMETERS, z_min=5))
    boss.abort_round(1)
    for round_id in (2, 3):
        boss.open_round(b"\x04" * 32)
        boss.abort_round(round_id)
    first, second, third = build_history(chain.events)
    assert [r.parameters_version for r in (first, second, third)] == [1, 2, 2]
    assert (first.changed_parameters, third.changed_parameters) == ({}, {})
    assert second.changed_parameters == {"zMin": 5}
    assert "rules 2: zMin 5" in format_history([first, second, third])
    assert build_history(chain.events, round_id=2)[0].changed_parameters == {"zMin": 5}
