"""A whole round on the real contracts with real proofs: admitted, below threshold, missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest

from circuits.catalog import get_circuit
from circuits.prover import EzklProver
from zk0.chain.deploy import NetworkPlan, deploy_network
from zk0.chain.devnet import Devnet, DevnetOptions, start_devnet
from zk0.chain.history import build_history, list_transactions
from zk0.chain.ledger import ChainLedger, connect
from zk0.chain.refusals import (
    AlreadyProvenError,
    InvalidProofError,
    NotAvailableError,
    SampleMismatchError,
)
from zk0.chain.transactions import SendPolicy
from zk0.chain.wallet import open_wallet
from zk0.ports import Cid, ProofResult, PublishedChallenge
from zk0.protocol.challenge import Directions, pack_directions
from zk0.protocol.contribution import MissingReason, Outcome, compute_share_nano
from zk0.protocol.round import Finalization, Parameters, Phase
from zk0.protocol.statement import (
    Digest,
    Direction,
    compute_alignment_bps,
    compute_context,
    is_admitted,
)

PARAMETERS = Parameters(
    min_commit_window_s=50, commit_window_s=900, collect_window_s=900, seal_window_s=900,
    challenge_window_s=900, proving_window_s=900, finalize_window_s=900, quorum=3, max_nodes=8,
    min_exponent=-20, max_exponent=-6, max_weight_share_bps=4000, z_min=4,
    max_regression_nano=1000, parameter_count=10_000, frames_per_task=8,
)  # fmt: skip
TASKS = ("lift", "reach")
CIRCUIT = get_circuit("alignment-960")
PROVER = EzklProver(CIRCUIT, chain_id=31337)
UNIT = 5 << 50
BASE_LOSS, CANDIDATE_LOSS, FINAL_LOSS = 700_000_000, 650_000_000, 640_000_000
CANDIDATE, CHECKPOINT, REPORT = (Digest(bytes([i]) * 32) for i in (7, 8, 9))
GAS_LIMITS = {"commit": 130_000, "sample": 90_000, "prove": 780_000}


def draw_arrays() -> tuple[Direction, dict[str, Direction], list[Direction]]:
    """Directions, and the samples of an honest node, of noise, and of another honest node."""
    rng = np.random.default_rng(1)
    descent = rng.standard_normal(960)
    common = np.clip(np.round(40 * descent), -127, 127).astype(np.int8)
    own = {task: 0.6 * descent + 0.8 * rng.standard_normal(960) for task in TASKS}
    tasks = {task: np.sign(values).astype(np.int8) for task, values in own.items()}
    noise = np.round(25 * rng.standard_normal(960))
    mixed = [np.round(12 * own[task] + 20 * rng.standard_normal(960)) for task in TASKS]
    samples = [np.clip(d, -127, 127).astype(np.int8) for d in (mixed[0], noise, mixed[0])]
    return common, tasks, samples


COMMON, DIRECTIONS, SAMPLES = draw_arrays()


@dataclass(frozen=True, slots=True)
class Played:
    """The finished round, its proofs, and how to look at it."""

    boss: ChainLedger
    nodes: list[ChainLedger]
    proofs: list[ProofResult]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    plan = NetworkPlan(
        circuit="alignment-960", circuit_id=CIRCUIT.circuit_id, sample_size=960, devnet_srs=True,
        owner=open_wallet("dev:0", 31337).address,
        coordinator=open_wallet("dev:1", 31337).address, tasks=TASKS, parameters=PARAMETERS,
        genesis=Digest(b"\x22" * 32), genesis_cid=Cid("bafkgenesis"),
        manifest=Digest(b"\x33" * 32), manifest_cid=Cid("bafkmanifest"),
    )  # fmt: skip
    with start_devnet(None, DevnetOptions(block_time_s=None)) as devnet:
        folder = tmp_path_factory.mktemp("deployments")
        deployment = deploy_network(devnet.rpc_url, plan, folder)
        boss, *nodes = (
            connect(
                devnet.rpc_url, deployment, open_wallet(f"dev:{i}", 31337), SendPolicy(poll_s=0.01)
            )
            for i in range(1, 5)
        )
        run_to_proving(devnet, boss, nodes)
        yield Played(boss, nodes, prove_all(boss, nodes))


def run_to_proving(devnet: Devnet, boss: ChainLedger, nodes: list[ChainLedger]) -> None:
    for position, node in enumerate(nodes):
        node.join(task=position % 2, dataset_size=1000, node_key=b"k" * 120, bond_wei=10**15)
    devnet.advance(1)
    boss.open_round(b"\x04" * 32)
    for position, node in enumerate(nodes):
        node.commit_update(1, Digest(bytes([position + 1]) * 32), 200 + position, -10 - position)
    boss.close_commits(1)
    boss.draw_sample(1)
    seed = boss.get_round(1).sample_seed
    for node, sample in zip(nodes, SAMPLES, strict=True):
        node.commit_sample(1, seed, PROVER.compute_commitment(sample))
    missing = [MissingReason.NONE, MissingReason.NONE, MissingReason.NEAR_COPY]
    boss.seal_round(1, CANDIDATE, [2, 0, 0], missing)
    boss.draw_challenge(1)
    packed = pack_directions(Directions(COMMON, DIRECTIONS, UNIT), TASKS)
    keys = tuple(PROVER.compute_commitment(DIRECTIONS[task]) for task in TASKS)
    boss.publish_challenge(
        PublishedChallenge(
            1, Digest(b"\x06" * 32), Cid("bafkchallenge"), UNIT, BASE_LOSS, CANDIDATE_LOSS,
            PROVER.compute_commitment(COMMON), keys, packed,
        )
    )  # fmt: skip


def in_place_of(proof: bytes, own: bytes) -> bytes:
    """Another's proof under one's own task direction: only the sample still tells them apart."""
    return proof[:64] + own[64:128] + proof[128:]


def prove_all(boss: ChainLedger, nodes: list[ChainLedger]) -> list[ProofResult]:
    """The first two nodes prove; then the round is finalized without the second."""
    network = boss.network
    proofs = []
    for position, node in enumerate(nodes[:2]):
        context = compute_context(network.chain_id, network.registry, 1, node.account)
        task = DIRECTIONS[TASKS[position]]
        proofs.append(PROVER.prove(COMMON, task, SAMPLES[position], context))
    first, second = proofs
    altered = replace(first.agreement, common=first.agreement.common + 1)
    with pytest.raises(InvalidProofError):
        nodes[0].prove_contribution(1, altered, first.proof)
    with pytest.raises(SampleMismatchError):
        nodes[0].prove_contribution(1, second.agreement, in_place_of(second.proof, first.proof))
    nodes[0].prove_contribution(1, first.agreement, first.proof)
    nodes[1].prove_contribution(1, second.agreement, second.proof)
    with pytest.raises(AlreadyProvenError):
        nodes[0].prove_contribution(1, first.agreement, first.proof)
    with pytest.raises(NotAvailableError):
        nodes[2].prove_contribution(1, first.agreement, first.proof)
    boss.finalize_round(
        1, Finalization(CHECKPOINT, "bafknew", REPORT, "bafkreport", FINAL_LOSS, FINAL_LOSS)
    )
    return proofs


def test_the_contract_judges_as_the_rules_do(played: Played) -> None:
    found = played.boss.get_round(1)
    honest, noise, missing = found.contributions
    assert found.phase is Phase.FINALIZED
    assert (honest.outcome, noise.outcome) == (Outcome.ACCEPTED, Outcome.BELOW_THRESHOLD)
    assert (missing.outcome, missing.missing) == (Outcome.MISSING, MissingReason.NEAR_COPY)
    agreements = [proof.agreement for proof in played.proofs]
    assert [is_admitted(a, PARAMETERS.z_min) for a in agreements] == [True, False]
    for entry, agreement in zip((honest, noise), agreements, strict=True):
        assert entry.alignment_bps == compute_alignment_bps(agreement, 960)
    # Examples 200 and 201 of 401: nobody weighs more than 40 %.
    assert (honest.weight, noise.weight, found.total_weight) == (160, 160, 320)
    share = compute_share_nano(agreements[0].common, 160, 320, UNIT, -10 - 2)
    assert honest.share_nano == share > 0
    assert noise.share_nano == 0


def test_the_new_checkpoint_is_the_head_and_the_next_rounds_base(played: Played) -> None:
    assert played.boss.get_head() == CHECKPOINT
    assert played.boss.get_checkpoint_cid(CHECKPOINT) == "bafknew"


def test_history_from_events_equals_the_views_and_keeps_to_the_gas_limits(
    played: Played,
) -> None:
    events = played.boss.get_events()
    wanted = list_transactions(build_history(events))
    gas = {transaction: played.boss.get_gas(transaction) for transaction in wanted}
    (row,) = build_history(events, gas)
    found = played.boss.get_round(1)
    for entry, seen in zip(row.contributions, found.contributions, strict=True):
        assert (entry.node, entry.weight, entry.clip_shift) == (
            seen.node, seen.weight, seen.clip_shift
        )  # fmt: skip
        assert (entry.outcome, entry.reason) == (seen.outcome, seen.missing)
        assert (entry.share_nano or 0, entry.alignment_bps or 0) == (
            seen.share_nano, seen.alignment_bps
        )  # fmt: skip
        for name, transaction in entry.transactions.items():
            assert gas[transaction] <= GAS_LIMITS[name], name
    first = row.contributions[0]
    agreement = played.proofs[0].agreement
    proven = (first.common, first.task_agreement, first.square, first.absolute)
    assert proven == (agreement.common, agreement.task, agreement.square, agreement.absolute)
    assert first.gas == sum(gas[t] for t in first.transactions.values())
    assert (row.checkpoint, row.final_loss_nano) == (found.checkpoint, found.final_loss_nano)
    assert row.sum_of_shares_nano == found.contributions[0].share_nano
