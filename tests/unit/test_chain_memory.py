"""The chain in memory where the port suite needs a valid proof: proofs, the gate, the clock."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from zk0 import errors
from zk0.chain import refusals
from zk0.ports import Cid, ProofResult, PublishedChallenge
from zk0.protocol.challenge import Directions, pack_directions
from zk0.protocol.contribution import MissingReason, Outcome
from zk0.protocol.round import Finalization, Parameters, Phase
from zk0.protocol.statement import Address, Digest, Statement, compute_context
from zk0.testing.chain import MemoryChain, make_network, make_rules
from zk0.testing.ledger import MemoryLedger
from zk0.testing.prover import SampleProver, decode_sample_proof

PARAMETERS = Parameters(
    min_commit_window_s=50, commit_window_s=100, collect_window_s=100, seal_window_s=100,
    challenge_window_s=100, proving_window_s=100, finalize_window_s=100, quorum=2, max_nodes=8,
    min_exponent=-20, max_exponent=-6, max_weight_share_bps=10_000, z_min=4,
    max_regression_nano=50, parameter_count=10_000, frames_per_task=8,
)  # fmt: skip
COORDINATOR = Address("0x" + "c0" * 20)
NODES = [Address(f"0x{i:040x}") for i in range(1, 4)]
TASKS = ("lift", "reach")
BASE_LOSS, CANDIDATE_LOSS = 700, 600
CANDIDATE, OTHER, REPORT = Digest(b"\x07" * 32), Digest(b"\x0a" * 32), Digest(b"\x09" * 32)
PROVER = SampleProver(960)
RNG = np.random.default_rng(4)
COMMON = RNG.integers(-127, 128, 960, dtype=np.int8)
TASK_DIRECTIONS = {task: RNG.choice(np.array([-1, 1], np.int8), 960) for task in TASKS}
SAMPLES = {
    name: (3 * TASK_DIRECTIONS[TASKS[i % 2]]).astype(np.int8) for i, name in enumerate(NODES)
}


def verify(statement: Statement, proof: bytes) -> bool:
    try:
        return decode_sample_proof(proof) == statement
    except ValueError:
        return False


class Network:
    """Three honest nodes in a round that is being proven."""

    def __init__(self) -> None:
        network = make_network(PARAMETERS, TASKS, COORDINATOR)
        rules = make_rules(PARAMETERS, circuit_id=PROVER.circuit_id)
        self.chain = MemoryChain(network, rules, verify=verify)
        self.boss = MemoryLedger(self.chain, COORDINATOR)
        self.nodes = [MemoryLedger(self.chain, name) for name in NODES]
        for position, node in enumerate(self.nodes):
            node.join(task=position % 2, dataset_size=900, node_key=b"k", bond_wei=10**15)
        self.run_to_proving()

    def run_to_proving(self) -> None:
        self.boss.open_round(b"\x04" * 32)
        self.round_id = self.boss.get_round_count()
        for position, node in enumerate(self.nodes):
            digest = Digest(bytes([self.round_id, position + 1]) * 16)
            node.commit_update(self.round_id, digest, 300, -10)
        self.boss.close_commits(self.round_id)
        self.boss.draw_sample(self.round_id)
        seed = self.boss.get_round(self.round_id).sample_seed
        for node in self.nodes:
            commitment = PROVER.compute_commitment(SAMPLES[node.account])
            node.commit_sample(self.round_id, seed, commitment)
        candidate = CANDIDATE if self.round_id == 1 else Digest(bytes([self.round_id]) * 32)
        self.boss.seal_round(self.round_id, candidate, [0] * 3, [MissingReason.NONE] * 3)
        self.boss.draw_challenge(self.round_id)
        directions = Directions(COMMON, TASK_DIRECTIONS, 1 << 62)
        self.boss.publish_challenge(
            PublishedChallenge(
                self.round_id,
                Digest(b"\x08" * 32),
                Cid("bafkchallenge"),
                1 << 62,
                BASE_LOSS,
                CANDIDATE_LOSS,
                PROVER.compute_commitment(COMMON),
                tuple(PROVER.compute_commitment(TASK_DIRECTIONS[task]) for task in TASKS),
                pack_directions(directions, TASKS),
            )
        )

    def make_proof(self, node: MemoryLedger, as_node: MemoryLedger | None = None) -> ProofResult:
        net = self.chain.network
        name = (as_node or node).account
        context = compute_context(net.chain_id, net.registry, self.round_id, name)
        task = TASK_DIRECTIONS[TASKS[NODES.index(node.account) % 2]]
        return PROVER.prove(COMMON, task, SAMPLES[node.account], context)

    def prove(self, *nodes: MemoryLedger) -> None:
        for node in nodes:
            made = self.make_proof(node)
            node.prove_contribution(self.round_id, made.agreement, made.proof)


@pytest.fixture
def network() -> Network:
    return Network()


def end(**changes: object) -> Finalization:
    """The only right end when all three are accepted."""
    right = Finalization(CANDIDATE, "bafknew", REPORT, "bafkr", CANDIDATE_LOSS, CANDIDATE_LOSS)
    return replace(right, **changes)  # type: ignore[arg-type]


def test_proven_contributions_are_accepted_and_the_candidate_becomes_the_head(
    network: Network,
) -> None:
    network.prove(*network.nodes)
    network.boss.finalize_round(1, end())
    found = network.boss.get_round(1)
    assert found.phase is Phase.FINALIZED
    assert {c.outcome for c in found.contributions} == {Outcome.ACCEPTED}
    assert network.boss.get_head() == CANDIDATE
    assert network.boss.get_checkpoint_cid(CANDIDATE) == "bafknew"
    published = network.boss.get_events(round_id=1)[-2]
    assert (published.name, published.args["parent"]) == (
        "CheckpointPublished",
        network.chain.network.genesis,
    )


def test_a_proof_is_good_for_its_own_node_and_once(network: Network) -> None:
    first, second = network.nodes[:2]
    stolen = network.make_proof(first, as_node=second)
    with pytest.raises(refusals.InvalidProofError):
        first.prove_contribution(1, stolen.agreement, stolen.proof)
    mine = network.make_proof(first)
    wrong = replace(mine.agreement, common=mine.agreement.common + 1)
    with pytest.raises(refusals.InvalidProofError):
        first.prove_contribution(1, wrong, mine.proof)
    first.prove_contribution(1, mine.agreement, mine.proof)
    with pytest.raises(refusals.AlreadyProvenError):
        first.prove_contribution(1, mine.agreement, mine.proof)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"checkpoint": OTHER}, refusals.WrongCheckpointError),
        ({"aggregate_loss_nano": 1}, refusals.WrongLossError),
        ({"final_loss_nano": 1}, refusals.WrongLossError),
        ({"harmful": frozenset(NODES[:1])}, refusals.GateNotHitError),
        ({"report": Digest(bytes(32))}, refusals.ZeroDigestError),
        ({"checkpoint_cid": ""}, refusals.EmptyCidError),
    ],
)
def test_with_everybody_accepted_only_the_candidate_passes(
    network: Network, changes: dict[str, object], expected: type[errors.ChainError]
) -> None:
    network.prove(*network.nodes)
    with pytest.raises(expected):
        network.boss.finalize_round(1, end(**changes))
    assert network.boss.get_round(1).phase is Phase.PROVING


def test_the_base_is_not_kept_when_the_aggregate_passes(network: Network) -> None:
    network.prove(*network.nodes)
    base = network.chain.network.genesis
    with pytest.raises(refusals.BaseNotKeptError):
        network.boss.finalize_round(1, end(checkpoint=base))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, refusals.GateHitError),
        ({"harmful": frozenset(NODES[:2])}, refusals.NoneLeftError),
        ({"harmful": frozenset(NODES[2:])}, refusals.HarmfulNotAcceptedError),
        (
            {"harmful": frozenset(NODES[:1]), "final_loss_nano": 751},
            refusals.LossTooHighError,
        ),
    ],
)
def test_a_gate_that_was_hit_needs_somebody_left_out(
    network: Network, changes: dict[str, object], expected: type[errors.ChainError]
) -> None:
    network.prove(*network.nodes[:2])
    network.chain.advance(200)
    hit = {"checkpoint": OTHER, "aggregate_loss_nano": 751, "final_loss_nano": 740}
    with pytest.raises(expected):
        network.boss.finalize_round(1, end(**hit | changes))


def test_after_the_gate_the_harmful_are_named_and_the_rest_is_published(network: Network) -> None:
    network.prove(*network.nodes[:2])
    network.chain.advance(200)
    network.boss.finalize_round(
        1,
        end(
            checkpoint=OTHER, aggregate_loss_nano=751, final_loss_nano=740,
            harmful=frozenset(NODES[:1]),
        ),
    )  # fmt: skip
    outcomes = [c.outcome for c in network.boss.get_round(1).contributions]
    assert outcomes == [Outcome.HARMFUL, Outcome.ACCEPTED, Outcome.NOT_PROVEN]
    assert network.boss.get_head() == OTHER


def test_a_round_that_ends_well_credits_its_shares(network: Network) -> None:
    network.prove(*network.nodes)
    network.boss.finalize_round(1, end())
    events = network.boss.get_events(round_id=1)
    names = [event.name for event in events]
    told = events[: names.index("CheckpointPublished")]
    shares = {c.node: c.share_nano for c in network.boss.get_round(1).contributions}
    settled = [e for e in told if e.name == "ContributionSettled"]
    credited = {e.node: e.args["creditNano"] for e in settled if e.args["creditNano"]}
    owing = {e.node: e.args["currentNano"] for e in told if e.name == "DebtChanged"}
    assert credited == {node: share for node, share in shares.items() if share > 0}
    assert owing == {node: -share for node, share in shares.items() if share < 0}


def test_only_a_new_checkpoint_changes_credits_and_debts(network: Network) -> None:
    network.prove(*network.nodes[:2])
    network.chain.advance(200)
    kept = end(
        checkpoint=network.chain.network.genesis, aggregate_loss_nano=751,
        final_loss_nano=BASE_LOSS,
    )  # fmt: skip
    network.boss.finalize_round(1, kept)
    assert network.chain.credits[1].total_nano == network.chain.credits[1].drop_nano == 0
    assert not network.chain.debt_nano
    events = network.boss.get_events(round_id=1)
    assert "DebtChanged" not in {event.name for event in events}
    settled = [e.args["creditNano"] for e in events if e.name == "ContributionSettled"]
    assert settled == [0] * 3


def test_what_the_gate_refused_is_not_the_base_again(network: Network) -> None:
    network.prove(*network.nodes)
    network.boss.finalize_round(1, end())
    network.run_to_proving()
    network.prove(*network.nodes)
    with pytest.raises(refusals.BaseNotKeptError):
        network.boss.finalize_round(2, end())
    network.boss.abort_round(2)
    network.run_to_proving()
    network.prove(*network.nodes[:2])
    network.chain.advance(200)
    again = network.chain.network.genesis
    network.boss.finalize_round(3, end(checkpoint=again))
    assert network.boss.get_head() == again


def test_a_refused_transaction_leaves_no_block_and_no_event(network: Network) -> None:
    before = (network.boss.get_block(), len(network.boss.get_events()))
    with pytest.raises(refusals.WrongPhaseError):
        network.boss.close_commits(1)
    assert (network.boss.get_block(), len(network.boss.get_events())) == before


def test_the_clock_moves_when_told_to(network: Network) -> None:
    before = network.boss.get_block()
    network.chain.advance(77)
    after = network.boss.get_block()
    assert (after.number - before.number, after.timestamp - before.timestamp) == (1, 77)


def test_an_expired_block_hash_rearms_the_draw() -> None:
    alone = replace(PARAMETERS, quorum=1)
    chain = MemoryChain(make_network(alone, TASKS, COORDINATOR), make_rules(alone))
    boss, node = MemoryLedger(chain, COORDINATOR), MemoryLedger(chain, NODES[0])
    node.join(task=0, dataset_size=10, node_key=b"k", bond_wei=10**15)
    boss.open_round(b"\x04" * 32)
    node.commit_update(1, CANDIDATE, 10, -10)
    boss.close_commits(1)
    for _ in range(8192):
        chain.advance(0)
    rearmed = boss.draw_sample(1)
    assert boss.get_round(1).phase is Phase.SAMPLING
    assert boss.get_round(1).closing_block == rearmed.block
    assert boss.get_events(round_id=1)[-1].name == "SampleRearmed"
    boss.draw_sample(1)
    assert boss.get_round(1).phase is Phase.COLLECTING
