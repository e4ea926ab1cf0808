"""Rounds that end with any shares, and the vault that pays for them: for tests of rewards.

`build_memory_world` is the one in memory; `tests/ports/test_rewards.py` has one on Anvil.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from zk0.chain.deploy import NetworkPlan, VaultPlan
from zk0.chain.wallet import open_wallet
from zk0.ports import Cid, Ledger, PublishedChallenge, RewardLedger, VaultTerms
from zk0.protocol.contribution import MissingReason
from zk0.protocol.round import Finalization, Parameters
from zk0.protocol.statement import Agreement, CircuitId, Commitment, Digest
from zk0.testing.chain import MemoryChain, make_network, make_rules
from zk0.testing.ledger import MemoryLedger
from zk0.testing.rewards import DEFAULT_TERMS, MemoryRewards, MemoryVault

PARAMETERS = Parameters(
    min_commit_window_s=50, commit_window_s=100, collect_window_s=100, seal_window_s=100,
    challenge_window_s=100, proving_window_s=100, finalize_window_s=100, quorum=2, max_nodes=3,
    min_exponent=-20, max_exponent=-6, max_weight_share_bps=6000, z_min=4,
    max_regression_nano=1000, parameter_count=10_000, frames_per_task=8,
)  # fmt: skip
TASKS = ("lift", "reach", "touch")
RATE, WINDOW_S, RULING_S, BOND = 10**9, 1000, 3000, 10**17
PLAN = NetworkPlan(
    circuit="alignment-960", circuit_id=CircuitId(b"\x11" * 32), sample_size=960,
    devnet_srs=True, owner=open_wallet("dev:0", 31337).address,
    coordinator=open_wallet("dev:1", 31337).address, tasks=TASKS, parameters=PARAMETERS,
    genesis=Digest(b"\x22" * 32), genesis_cid=Cid("bafkgenesis"), manifest=Digest(b"\x33" * 32),
    manifest_cid=Cid("bafkmanifest"),
    vault=VaultPlan(
        rate_wei_per_nano=RATE, objection_window_s=WINDOW_S, ruling_window_s=RULING_S,
        objection_bond_wei=BOND, judge=open_wallet("dev:7", 31337).address,
    ),
)  # fmt: skip
BASE_LOSS, CANDIDATE_LOSS = 700_000_000, 600_000_001
DROP = BASE_LOSS - CANDIDATE_LOSS
COIN = 10**18


@dataclass(frozen=True, slots=True)
class Seat:
    """One account, and how it sees registry and vault."""

    ledger: Ledger
    rewards: RewardLedger


@dataclass(frozen=True, slots=True)
class World:
    """A network with three nodes, none of them registered yet."""

    coordinator: Seat
    nodes: tuple[Seat, ...]
    stranger: Seat
    reader: Seat
    judge: Seat
    """Rules on objections."""
    advance: Callable[[int], None]


def build_memory_world() -> World:
    network = replace(
        make_network(PARAMETERS, TASKS, PLAN.coordinator, genesis=PLAN.genesis),
        vault=DEFAULT_TERMS.vault,
    )
    rules = make_rules(PARAMETERS, circuit_id=PLAN.circuit_id)
    chain = MemoryChain(network, rules, verify=lambda _statement, _proof: True)
    terms = VaultTerms(DEFAULT_TERMS.vault, None, WINDOW_S, RULING_S, BOND)
    vault = MemoryVault(chain, terms, RATE, open_wallet("dev:7", 31337).address)

    def sit(number: int | None) -> Seat:
        account = None if number is None else open_wallet(f"dev:{number}", 31337).address
        return Seat(MemoryLedger(chain, account), MemoryRewards(vault, account))

    nodes = tuple(sit(i) for i in range(2, 5))
    return World(sit(1), nodes, sit(6), sit(None), sit(7), chain.advance)


def digest_of(*numbers: int) -> Digest:
    return Digest(bytes(numbers).rjust(32, b"\0"))


def join_all(world: World) -> None:
    for position, node in enumerate(world.nodes):
        node.ledger.join(task=position, dataset_size=1000, node_key=b"k", bond_wei=10**15)
    world.advance(1)


def prove_all(world: World, agreements: Mapping[int, int]) -> int:
    """A round up to its end; position → agreement with the common direction, None: no proof."""
    if not world.reader.ledger.get_active_nodes():
        join_all(world)
    boss = world.coordinator.ledger
    boss.open_round(b"\x44" * 32)
    round_id = boss.get_round_count()
    for position, node in enumerate(world.nodes):
        digest = digest_of(round_id, position, 1)
        node.ledger.commit_update(round_id, digest, 100 * (position + 1), -10)
    boss.close_commits(round_id)
    world.stranger.ledger.draw_sample(round_id)
    seed = boss.get_round(round_id).sample_seed
    for position, node in enumerate(world.nodes):
        point = Commitment(bytes([position + 1]) * 64)
        node.ledger.commit_sample(round_id, seed, point)
    missing = [MissingReason.NONE] * 3
    boss.seal_round(round_id, digest_of(round_id, 77), [0, 0, 0], missing)
    world.stranger.ledger.draw_challenge(round_id)
    boss.publish_challenge(
        PublishedChallenge(
            round_id, digest_of(88), Cid("bafkchallenge"), 1 << 60, BASE_LOSS, CANDIDATE_LOSS,
            Commitment(b"\x09" * 64), (Commitment(b"\x08" * 64),) * 3, bytes(240) * 7,
        )
    )  # fmt: skip
    for position, common in agreements.items():
        proven = Agreement(common=common, task=90, square=400, absolute=90)
        world.nodes[position].ledger.prove_contribution(round_id, proven, b"proof")
    return round_id


def end_round(world: World, *agreements: int) -> int:
    """A round that everybody's proofs end well, with these agreements."""
    round_id = prove_all(world, dict(enumerate(agreements)))
    world.coordinator.ledger.finalize_round(
        round_id,
        Finalization(
            digest_of(round_id, 77), "bafknew", digest_of(99), "bafkreport", CANDIDATE_LOSS,
            CANDIDATE_LOSS,
        ),
    )  # fmt: skip
    return round_id


def end_with_a_freeloader(world: World) -> int:
    """A round in which the third node proves an alignment below the threshold."""
    round_id = prove_all(world, {0: 1000, 1: 1000})
    weak = Agreement(common=1000, task=1, square=400, absolute=90)
    world.nodes[2].ledger.prove_contribution(round_id, weak, b"proof")
    world.coordinator.ledger.finalize_round(
        round_id,
        Finalization(
            digest_of(round_id, 78), "bafknew", digest_of(99), "bafkreport", CANDIDATE_LOSS,
            CANDIDATE_LOSS,
        ),
    )  # fmt: skip
    return round_id


def settle(world: World, round_id: int, *, amount: int = COIN) -> None:
    world.stranger.rewards.fund(round_id, 1, amount)
    world.stranger.rewards.settle(round_id)
