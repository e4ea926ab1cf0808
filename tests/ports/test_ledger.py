"""The Ledger port: one suite for the chain in memory and for the real contracts on Anvil."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from zk0 import errors
from zk0.chain import refusals
from zk0.chain.deploy import NetworkPlan, compute_longest_round_s, deploy_network
from zk0.chain.deployments import Deployment
from zk0.chain.devnet import Devnet, DevnetOptions, start_devnet
from zk0.chain.interfaces import CONTRACTS, load_abi
from zk0.chain.ledger import connect
from zk0.chain.transactions import SendPolicy
from zk0.chain.wallet import open_wallet
from zk0.ports import Cid, Ledger, PublishedChallenge
from zk0.protocol.contribution import MissingReason, Outcome
from zk0.protocol.coordinators import Coordinators, Seat
from zk0.protocol.randomness import compute_seed
from zk0.protocol.round import Finalization, Parameters, Phase, Rules
from zk0.protocol.statement import Address, Agreement, CircuitId, Commitment, Digest
from zk0.testing.chain import START_S, MemoryChain, make_network, make_rules
from zk0.testing.ledger import MemoryLedger

PARAMETERS = Parameters(
    min_commit_window_s=50, commit_window_s=100, collect_window_s=100, seal_window_s=100,
    challenge_window_s=100, proving_window_s=100, finalize_window_s=100, quorum=2, max_nodes=3,
    min_exponent=-20, max_exponent=-6, max_weight_share_bps=6000, z_min=4,
    max_regression_nano=1000, parameter_count=10_000, frames_per_task=8,
)  # fmt: skip
TASKS = ("lift", "reach", "touch")
BOND_PER_EXAMPLE_WEI = 10**12
MIN_BOND_WEI = 10**14
IDLE_ROUNDS = 2
PLAN = NetworkPlan(
    circuit="alignment-960", circuit_id=CircuitId(b"\x11" * 32), sample_size=960,
    devnet_srs=True, owner=open_wallet("dev:0", 31337).address,
    coordinator=open_wallet("dev:1", 31337).address,
    standbys=(open_wallet("dev:7", 31337).address,), tasks=TASKS, parameters=PARAMETERS,
    genesis=Digest(b"\x22" * 32), genesis_cid=Cid("bafkgenesis"), manifest=Digest(b"\x33" * 32),
    manifest_cid=Cid("bafkmanifest"), bond_per_example_wei=BOND_PER_EXAMPLE_WEI,
    min_bond_wei=MIN_BOND_WEI, idle_rounds=IDLE_ROUNDS,
)  # fmt: skip
POOL = b"\x44" * 32
KEY = b"\x30node key"
SIZE = 1000
LATE = 500
EXIT_DELAY_S = compute_longest_round_s(PARAMETERS)


@dataclass(frozen=True, slots=True)
class World:
    """A network seen by its coordinator, by four nodes (none registered), and by others."""

    coordinator: Ledger
    nodes: tuple[Ledger, ...]
    standby: Ledger
    stranger: Ledger
    reader: Ledger
    advance: Callable[[int], None]


@pytest.fixture(scope="module")
def anvil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Devnet, World]]:
    with start_devnet(None, DevnetOptions(block_time_s=None)) as running:
        folder = tmp_path_factory.mktemp("deployments")
        deployment = deploy_network(running.rpc_url, PLAN, folder)
        yield running, build_chain_world(running, deployment)


def build_memory_world() -> World:
    network = make_network(
        PARAMETERS, TASKS, PLAN.coordinator, genesis=PLAN.genesis,
        genesis_cid=PLAN.genesis_cid, bond_per_example_wei=BOND_PER_EXAMPLE_WEI,
        min_bond_wei=MIN_BOND_WEI, idle_rounds=IDLE_ROUNDS,
    )  # fmt: skip
    network = replace(network, manifest=PLAN.manifest, manifest_cid=PLAN.manifest_cid)
    rules = make_rules(PARAMETERS, circuit_id=PLAN.circuit_id)
    seats = (Seat(PLAN.coordinator, PLAN.coordinator_bond_wei), Seat(PLAN.standbys[0]))
    coordinators = Coordinators(PLAN.coordinator_rules, seats, PLAN.coordinator, START_S)
    chain = MemoryChain(network, rules, exit_delay_s=EXIT_DELAY_S, seats=coordinators)
    names = [Address(f"0x{i:040x}") for i in range(0xA0, 0xA5)]
    ledgers = [MemoryLedger(chain, name) for name in names]
    coordinator = MemoryLedger(chain, PLAN.coordinator)
    standby = MemoryLedger(chain, PLAN.standbys[0])
    return World(
        coordinator, tuple(ledgers[:4]), standby, ledgers[4], MemoryLedger(chain, None),
        chain.advance,
    )  # fmt: skip


def build_chain_world(devnet: Devnet, deployment: Deployment) -> World:
    policy = SendPolicy(poll_s=0.01)

    def open_ledger(name: str) -> Ledger:
        return connect(devnet.rpc_url, deployment, open_wallet(name, 31337), policy)

    return World(
        coordinator=open_ledger("dev:1"),
        nodes=tuple(open_ledger(f"dev:{i}") for i in range(2, 6)),
        standby=open_ledger("dev:7"),
        stranger=open_ledger("dev:6"),
        reader=connect(devnet.rpc_url, deployment),
        advance=devnet.advance,
    )


@pytest.fixture(params=["memory", "anvil"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "memory":
        yield build_memory_world()
        return
    running, shared = request.getfixturevalue("anvil")
    snapshot = running.request("evm_snapshot")
    yield shared
    assert running.request("evm_revert", snapshot) is True


# ---------------------------------------------------------------------- how tests get to a phase


def digest_of(number: int) -> Digest:
    return Digest(number.to_bytes(32, "big"))


def point_of(number: int) -> Commitment:
    return Commitment(bytes([number]) * 64)


def join(node: Ledger, *, task: int = 0, size: int = SIZE) -> None:
    bond = size * BOND_PER_EXAMPLE_WEI
    node.join(task=task, dataset_size=size, node_key=KEY, bond_wei=bond)


def open_round(world: World, members: int = 3) -> int:
    for position, node in enumerate(world.nodes[:members]):
        join(node, task=position % 3)
    world.advance(1)
    world.coordinator.open_round(POOL)
    return world.coordinator.get_round_count()


def commit_all(world: World, members: int = 3) -> int:
    round_id = open_round(world, members)
    for position, node in enumerate(world.nodes[:members]):
        node.commit_update(round_id, digest_of(position + 1), 100 * (position + 1), -10 - position)
    return round_id


def draw_sample(world: World, members: int = 3) -> int:
    round_id = commit_all(world, members)
    world.coordinator.close_commits(round_id)
    world.stranger.draw_sample(round_id)
    return round_id


def sample_all(world: World) -> int:
    round_id = draw_sample(world)
    seed = world.reader.get_round(round_id).sample_seed
    for position, node in enumerate(world.nodes[:3]):
        node.commit_sample(round_id, seed, point_of(position + 1))
    return round_id


def seal(world: World) -> int:
    round_id = sample_all(world)
    world.coordinator.seal_round(round_id, digest_of(77), [0, 1, 2], [MissingReason.NONE] * 3)
    return round_id


def make_challenge(round_id: int) -> PublishedChallenge:
    return PublishedChallenge(
        round_id=round_id,
        digest=digest_of(88),
        cid=Cid("bafkchallenge"),
        unit=3 << 60,
        base_loss_nano=700_000_000,
        candidate_loss_nano=600_000_000,
        common=point_of(11),
        tasks=(point_of(12), point_of(13), point_of(14)),
        directions=bytes(range(240)) * 7,
    )


def publish(world: World) -> int:
    round_id = seal(world)
    world.stranger.draw_challenge(round_id)
    world.coordinator.publish_challenge(make_challenge(round_id))
    return round_id


def end_with_base() -> Finalization:
    return Finalization(
        checkpoint=PLAN.genesis, checkpoint_cid="", report=digest_of(99), report_cid="bafkreport",
        aggregate_loss_nano=700_000_000, final_loss_nano=700_000_000,
    )  # fmt: skip


# ---------------------------------------------------------------------- network and accounts


def test_the_network_is_what_was_deployed(world: World) -> None:
    network = world.reader.network
    assert network.chain_id == 31337
    assert world.reader.get_next_rules() == Rules(1, PARAMETERS, PLAN.circuit_id, 960)
    assert network.parameter_count == PARAMETERS.parameter_count
    assert network.tasks == TASKS
    assert network.coordinator == world.coordinator.account == PLAN.coordinator
    assert (network.genesis, network.genesis_cid) == (PLAN.genesis, PLAN.genesis_cid)
    assert (network.manifest, network.manifest_cid) == (PLAN.manifest, PLAN.manifest_cid)
    assert network.bond_per_example_wei == BOND_PER_EXAMPLE_WEI
    assert (network.min_bond_wei, network.idle_rounds) == (MIN_BOND_WEI, IDLE_ROUNDS)
    assert network.max_dataset_size == 1 << 24
    assert network.compute_bond_wei(1) == network.compute_bond_wei(100) == MIN_BOND_WEI
    assert network.compute_bond_wei(101) == 101 * BOND_PER_EXAMPLE_WEI
    assert network.registry == network.registry.lower()
    assert world.reader.get_head() == PLAN.genesis
    assert world.reader.get_checkpoint_cid(PLAN.genesis) == PLAN.genesis_cid
    assert world.reader.get_round_count() == 0


def test_an_unknown_checkpoint_is_an_error(world: World) -> None:
    with pytest.raises(errors.ChainError, match="never published"):
        world.reader.get_checkpoint_cid(digest_of(5))


def test_a_ledger_without_wallet_reads_and_does_not_write(world: World) -> None:
    with pytest.raises(errors.WalletError):
        _ = world.reader.account
    with pytest.raises(errors.WalletError):
        world.reader.sign(bytes(32))
    with pytest.raises(errors.WalletError):
        world.reader.draw_sample(1)


def test_a_signature_names_its_signer_and_nothing_else(world: World) -> None:
    message, signer = b"\x07" * 32, world.nodes[0]
    signature = signer.sign(message)
    assert len(signature) == 65
    assert signer.sign(message) == signature
    assert world.reader.recover(message, signature) == signer.account
    assert world.reader.recover(b"\x08" * 32, signature) != signer.account
    for position in (0, 40):
        altered = bytearray(signature)
        altered[position] ^= 1
        assert world.reader.recover(message, bytes(altered)) != signer.account
    for malformed in (b"", signature[:64], signature + b"\0", signature[:64] + b"\x05"):
        assert world.reader.recover(message, malformed) is None
    with pytest.raises(errors.WalletError):
        signer.sign(b"short")


def test_a_receipt_says_where_the_transaction_is(world: World) -> None:
    before = world.reader.get_block()
    join(world.nodes[0])
    receipt = world.nodes[0].request_exit()
    block = world.reader.get_block()
    assert (receipt.block, receipt.block_hash) == (block.number, block.hash)
    assert block.number == before.number + 2
    assert block.timestamp >= before.timestamp
    assert len(receipt.transaction) == len(block.hash) == 32
    assert receipt.gas >= 0
    assert receipt.fee_wei >= 0


# ---------------------------------------------------------------------- nodes


def test_joining_puts_the_bond_and_the_key_on_chain(world: World) -> None:
    node = world.nodes[0]
    assert world.reader.get_registration(node.account) is None
    before = world.reader.get_balance_wei(node.account)
    bond = SIZE * BOND_PER_EXAMPLE_WEI + 5
    receipt = node.join(task=1, dataset_size=SIZE, node_key=KEY, bond_wei=bond)
    assert world.reader.get_balance_wei(node.account) == before - bond - receipt.fee_wei
    found = world.reader.get_registration(node.account)
    assert found is not None
    assert (found.node, found.task, found.dataset_size) == (node.account, 1, SIZE)
    assert (found.bond_wei, found.node_key, found.is_active) == (bond, KEY, True)
    assert found.exit_at == 0
    assert list(world.reader.get_active_nodes()) == [found]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"bond_wei": SIZE * BOND_PER_EXAMPLE_WEI - 1}, refusals.InsufficientBondError),
        ({"bond_wei": 10**30}, errors.InsufficientFundsError),
        ({"task": 3}, refusals.UnknownTaskError),
        ({"dataset_size": 0}, refusals.DatasetSizeOutOfRangeError),
        (
            {"dataset_size": (1 << 24) + 1, "bond_wei": BOND_PER_EXAMPLE_WEI << 25},
            refusals.DatasetSizeOutOfRangeError,
        ),
        ({"dataset_size": 1, "bond_wei": MIN_BOND_WEI - 1}, refusals.InsufficientBondError),
        ({"node_key": b""}, refusals.NodeKeyLengthError),
    ],
)
def test_joining_wrongly_is_refused_and_costs_nothing(
    world: World, changes: dict[str, int], expected: type[errors.ChainError]
) -> None:
    node = world.nodes[0]
    before = world.reader.get_balance_wei(node.account)
    right = {
        "task": 0, "dataset_size": SIZE, "node_key": KEY, "bond_wei": SIZE * BOND_PER_EXAMPLE_WEI
    }  # fmt: skip
    with pytest.raises(expected):
        node.join(**right | changes)  # type: ignore[arg-type]
    assert world.reader.get_balance_wei(node.account) == before
    assert world.reader.get_registration(node.account) is None


def test_a_node_joins_once_and_only_while_there_is_room(world: World) -> None:
    for node in world.nodes[:3]:
        join(node)
    with pytest.raises(refusals.WrongStatusError):
        join(world.nodes[0])
    with pytest.raises(refusals.FullError):
        join(world.nodes[3])


def test_the_bond_comes_back_after_the_exit_delay_and_not_before(world: World) -> None:
    node = world.nodes[0]
    join(node)
    with pytest.raises(refusals.WrongStatusError):
        node.withdraw_bond()
    node.request_exit()
    found = world.reader.get_registration(node.account)
    assert found is not None
    assert not found.is_active
    assert found.exit_at == world.reader.get_block().timestamp + EXIT_DELAY_S
    assert list(world.reader.get_active_nodes()) == []
    with pytest.raises(refusals.ExitPendingError):
        node.withdraw_bond()
    world.advance(EXIT_DELAY_S + 1)
    before = world.reader.get_balance_wei(node.account)
    receipt = node.withdraw_bond()
    bond = SIZE * BOND_PER_EXAMPLE_WEI
    assert world.reader.get_balance_wei(node.account) == before + bond - receipt.fee_wei
    assert world.reader.get_registration(node.account) is None


def test_faults_are_counted_and_at_the_limit_the_node_is_suspended_until_topped_up(
    world: World,
) -> None:
    bond = SIZE * BOND_PER_EXAMPLE_WEI
    for node in world.nodes[:3]:
        join(node)
    world.advance(1)
    rules = world.reader.network.fault_rules
    for round_id in range(1, rules.limit + 1):
        seal_without_last_sample(world, round_id)
        found = world.reader.get_registration(world.nodes[2].account)
        assert found is not None
        assert found.faults.last_round == round_id
        world.coordinator.abort_round(round_id)
    forfeit = bond * rules.forfeit_bps // 10_000
    assert (found.bond_wei, found.is_active, found.is_suspended) == (bond - forfeit, False, True)
    assert found.faults.recent == 0
    assert len(world.reader.get_active_nodes()) == 2
    names = [e.name for e in world.reader.get_events(node=found.node)]
    assert names.count("FaultRecorded") == rules.limit
    assert names[-3:] == ["FaultRecorded", "BondForfeited", "NodeSuspended"]
    with pytest.raises(refusals.WrongStatusError):
        join(world.nodes[2])
    with pytest.raises(refusals.NothingToAddError):
        world.stranger.top_up(found.node, 0)
    world.stranger.top_up(found.node, forfeit - 1)
    world.stranger.top_up(found.node, 1)
    back = world.reader.get_registration(found.node)
    assert back is not None
    assert (back.bond_wei, back.is_active, back.is_suspended) == (bond, True, False)
    tops = [e for e in world.reader.get_events() if e.name == "BondToppedUp"]
    assert tops[-1].args == {
        "node": found.node, "from": world.stranger.account, "amount": 1, "bond": bond
    }  # fmt: skip
    others = [world.reader.get_registration(n.account) for n in world.nodes[:2]]
    assert all(other is not None and other.faults.last_round == 0 for other in others)


def test_a_suspended_node_may_leave_and_others_cannot_be_topped_up(world: World) -> None:
    for node in world.nodes[:3]:
        join(node)
    world.advance(1)
    with pytest.raises(refusals.WrongStatusError):
        world.stranger.top_up(world.nodes[3].account, 1)
    for round_id in range(1, world.reader.network.fault_rules.limit + 1):
        seal_without_last_sample(world, round_id)
        world.coordinator.abort_round(round_id)
    join(world.nodes[3])
    suspended = world.nodes[2]
    with pytest.raises(refusals.FullError):
        world.stranger.top_up(suspended.account, SIZE * BOND_PER_EXAMPLE_WEI)
    suspended.request_exit()
    found = world.reader.get_registration(suspended.account)
    assert found is not None
    assert not found.is_suspended
    with pytest.raises(refusals.WrongStatusError):
        world.stranger.top_up(suspended.account, 1)
    world.advance(EXIT_DELAY_S + 1)
    rest = found.bond_wei
    before = world.reader.get_balance_wei(suspended.account)
    receipt = suspended.withdraw_bond()
    assert world.reader.get_balance_wei(suspended.account) == before + rest - receipt.fee_wei


def test_the_first_registration_of_a_key_is_known_whoever_copies_it(world: World) -> None:
    first, copier = world.nodes[:2]
    join(first)
    join(copier)
    mine, copied = (world.reader.get_registration(n.account) for n in (first, copier))
    assert mine is not None
    assert copied is not None
    assert mine.node_key == copied.node_key == KEY
    assert mine.key_since < copied.key_since
    # Whoever comes back with the same key has had it all along.
    first.request_exit()
    world.advance(EXIT_DELAY_S + 1)
    first.withdraw_bond()
    join(first, task=1)
    again = world.reader.get_registration(first.account)
    assert again is not None
    assert again.joined_at == world.reader.get_block().timestamp
    assert again.key_since == mine.key_since


def test_a_node_that_lets_rounds_pass_is_retired_by_anyone_with_its_bond(world: World) -> None:
    busy, idle, other = world.nodes[:3]
    for node in (busy, idle, other):
        join(node)
    world.advance(1)
    with pytest.raises(refusals.WrongStatusError):
        world.stranger.retire(world.stranger.account)
    for passed in range(IDLE_ROUNDS):
        assert world.reader.get_idle_rounds(idle.account) == passed
        with pytest.raises(refusals.NodeNotIdleError, match=f"has let {passed} pass"):
            world.stranger.retire(idle.account)
        lapse(world, busy)
        world.coordinator.open_round(POOL)  # which counts for nobody
        world.coordinator.abort_round(world.reader.get_round_count())
    assert [world.reader.get_idle_rounds(n.account) for n in (busy, idle)] == [0, IDLE_ROUNDS]
    before = world.reader.get_registration(idle.account)
    world.stranger.retire(idle.account)
    found = world.reader.get_registration(idle.account)
    assert before is not None
    assert found is not None
    assert (found.is_active, found.is_suspended) == (False, False)
    assert found.bond_wei == before.bond_wei
    assert found.exit_at == world.reader.get_block().timestamp + EXIT_DELAY_S
    assert world.reader.get_idle_rounds(idle.account) == 0
    last = world.reader.get_events(node=idle.account)[-1]
    assert last.name == "NodeRetired"
    assert last.args == {
        "node": idle.account, "by": world.stranger.account, "exitAt": found.exit_at
    }  # fmt: skip
    join(world.nodes[3])
    with pytest.raises(refusals.WrongStatusError):
        world.stranger.retire(idle.account)


def lapse(world: World, only: Ledger) -> None:
    """A round to which one node alone commits, below the quorum, until its window is over."""
    world.coordinator.open_round(POOL)
    round_id = world.reader.get_round_count()
    only.commit_update(round_id, digest_of(100 * round_id), 100, -10)
    world.advance(PARAMETERS.commit_window_s + 1)
    world.coordinator.close_commits(round_id)
    assert world.reader.get_round(round_id).lapsed


def seal_without_last_sample(world: World, round_id: int) -> None:
    world.coordinator.open_round(POOL)
    for position, node in enumerate(world.nodes[:3]):
        node.commit_update(round_id, digest_of(100 * round_id + position), 100, -10)
    world.coordinator.close_commits(round_id)
    world.coordinator.draw_sample(round_id)
    seed = world.reader.get_round(round_id).sample_seed
    for position, node in enumerate(world.nodes[:2]):
        node.commit_sample(round_id, seed, point_of(position + 1))
    world.advance(101)
    nothing = MissingReason.NONE
    world.coordinator.seal_round(round_id, digest_of(9), [0, 0, 0], [nothing] * 3)


# ---------------------------------------------------------------------- open, commit, close


def test_only_the_coordinator_opens_rounds_one_at_a_time(world: World) -> None:
    with pytest.raises(refusals.NotCoordinatorError):
        world.stranger.open_round(POOL)
    with pytest.raises(refusals.ZeroDigestError):
        world.coordinator.open_round(bytes(32))
    world.coordinator.open_round(POOL)
    found = world.reader.get_round(1)
    assert (found.round_id, found.phase, found.base) == (1, Phase.COMMITTING, PLAN.genesis)
    assert found.pool_root == POOL
    assert found.opened_at == world.reader.get_block().timestamp
    assert found.deadline == found.opened_at + PARAMETERS.commit_window_s
    assert world.reader.get_round(2).phase is Phase.NONE
    with pytest.raises(refusals.RoundNotOverError):
        world.coordinator.open_round(POOL)


def test_a_commitment_is_read_back_as_it_was_made(world: World) -> None:
    round_id = commit_all(world, 2)
    found = world.reader.get_round(round_id).contributions
    assert [c.node for c in found] == [node.account for node in world.nodes[:2]]
    second = found[1]
    assert (second.digest, second.num_examples) == (digest_of(2), 200)
    assert (second.exponent, second.task) == (-11, 1)
    assert (second.sample_key, second.agreement, second.outcome) == (None, None, Outcome.NONE)


def test_who_joins_after_the_opening_takes_part_in_the_next_round(world: World) -> None:
    open_round(world, 2)
    join(world.nodes[2])
    with pytest.raises(refusals.JoinedTooLateError):
        world.nodes[2].commit_update(1, digest_of(3), 100, -10)
    world.coordinator.abort_round(1)
    world.advance(1)
    world.coordinator.open_round(POOL)
    world.nodes[2].commit_update(2, digest_of(3), 100, -10)


def test_commitments_that_break_a_rule_are_refused(world: World) -> None:
    round_id = open_round(world, 2)
    node, other = world.nodes[:2]
    node.commit_update(round_id, digest_of(1), SIZE, -6)
    cases: list[tuple[Ledger, int, Digest, int, int, type[errors.ChainError]]] = [
        (world.stranger, round_id, digest_of(2), 1, -6, refusals.NotActiveError),
        (node, round_id, digest_of(2), 1, -6, refusals.AlreadyCommittedError),
        (other, round_id, digest_of(1), 1, -6, refusals.DigestTakenError),
        (other, round_id, Digest(bytes(32)), 1, -6, refusals.ZeroDigestError),
        (other, round_id, digest_of(2), 0, -6, refusals.NumExamplesOutOfRangeError),
        (other, round_id, digest_of(2), SIZE + 1, -6, refusals.NumExamplesOutOfRangeError),
        (other, round_id, digest_of(2), 1, -5, refusals.ExponentOutOfRangeError),
        (other, round_id, digest_of(2), 1, -21, refusals.ExponentOutOfRangeError),
        (other, round_id + 1, digest_of(2), 1, -6, refusals.WrongPhaseError),
    ]
    for ledger, of_round, digest, count, exponent, expected in cases:
        with pytest.raises(expected):
            ledger.commit_update(of_round, digest, count, exponent)
    world.advance(LATE)
    with pytest.raises(refusals.DeadlinePassedError):
        other.commit_update(round_id, digest_of(2), 1, -6)


def test_commitments_close_early_only_for_the_coordinator_with_everybody_in(world: World) -> None:
    round_id = open_round(world)
    world.nodes[0].commit_update(round_id, digest_of(1), 10, -6)
    with pytest.raises(refusals.QuorumNotReachedError):
        world.coordinator.close_commits(round_id)
    world.nodes[1].commit_update(round_id, digest_of(2), 10, -6)
    with pytest.raises(refusals.DeadlineNotPassedError):
        world.coordinator.close_commits(round_id)
    world.nodes[2].commit_update(round_id, digest_of(3), 10, -6)
    with pytest.raises(refusals.NotCoordinatorError):
        world.stranger.close_commits(round_id)
    receipt = world.coordinator.close_commits(round_id)
    found = world.reader.get_round(round_id)
    assert (found.phase, found.closing_block) == (Phase.SAMPLING, receipt.block)


def test_a_quorum_suffices_after_its_window_and_an_exited_node_is_not_waited_for(
    world: World,
) -> None:
    round_id = open_round(world)
    for position, node in enumerate(world.nodes[:2]):
        node.commit_update(round_id, digest_of(position + 1), 10, -6)
    world.nodes[2].request_exit()
    world.coordinator.close_commits(round_id)
    assert world.reader.get_round(round_id).phase is Phase.SAMPLING


def test_after_the_deadline_anyone_closes_and_without_a_quorum_the_round_ends(
    world: World,
) -> None:
    round_id = open_round(world, 2)
    world.nodes[0].commit_update(round_id, digest_of(1), 10, -6)
    world.advance(LATE)
    world.stranger.close_commits(round_id)
    assert world.reader.get_round(round_id).phase is Phase.ABORTED
    world.coordinator.open_round(POOL)
    assert world.reader.get_round(round_id + 1).base == PLAN.genesis


# ---------------------------------------------------------------------- sample, seal


def test_anyone_draws_the_sample_from_the_closing_blocks_hash(world: World) -> None:
    round_id = commit_all(world)
    closed = world.coordinator.close_commits(round_id)
    world.stranger.draw_sample(round_id)
    found = world.reader.get_round(round_id)
    network = world.reader.network
    seed = compute_seed("sample", closed.block_hash, network.chain_id, network.registry, round_id)
    assert (found.phase, found.sample_seed) == (Phase.COLLECTING, seed)
    with pytest.raises(refusals.WrongPhaseError):
        world.stranger.draw_sample(round_id)


def test_a_sample_is_committed_once_to_the_rounds_seed_by_who_committed(world: World) -> None:
    round_id = draw_sample(world)
    seed = world.reader.get_round(round_id).sample_seed
    node = world.nodes[0]
    with pytest.raises(refusals.WrongSampleSeedError):
        node.commit_sample(round_id, bytes(32), point_of(1))
    with pytest.raises(refusals.NotCommittedError):
        world.stranger.commit_sample(round_id, seed, point_of(1))
    node.commit_sample(round_id, seed, point_of(1))
    with pytest.raises(refusals.SampleAlreadyCommittedError):
        node.commit_sample(round_id, seed, point_of(2))
    first = world.reader.get_round(round_id).contribution_of(node.account)
    assert first is not None
    assert first.sample_key == point_of(1).key
    world.advance(LATE)
    with pytest.raises(refusals.DeadlinePassedError):
        world.nodes[1].commit_sample(round_id, seed, point_of(2))


def test_the_seal_fixes_weights_shifts_and_what_is_missing(world: World) -> None:
    round_id = sample_all(world)
    reasons = [MissingReason.NONE, MissingReason.TENSOR_NORM, MissingReason.NONE]
    receipt = world.coordinator.seal_round(round_id, digest_of(77), [0, 0, 2], reasons)
    found = world.reader.get_round(round_id)
    assert (found.phase, found.candidate) == (Phase.SEALED, digest_of(77))
    assert found.closing_block == receipt.block
    # Examples 100 and 300; nobody weighs more than 60 % of 400.
    assert [c.weight for c in found.contributions] == [100, 0, 240]
    assert found.total_weight == 340
    assert [c.clip_shift for c in found.contributions] == [0, 0, 2]
    assert [c.missing for c in found.contributions] == reasons
    outcomes = [c.outcome for c in found.contributions]
    assert outcomes == [Outcome.NONE, Outcome.MISSING, Outcome.NONE]


def test_seals_that_break_a_rule_are_refused(world: World) -> None:
    round_id = sample_all(world)
    none, lost, late = MissingReason.NONE, MissingReason.WRONG_SHAPE, MissingReason.NOT_UPLOADED
    seal_as = world.coordinator.seal_round
    with pytest.raises(refusals.NotCoordinatorError):
        world.stranger.seal_round(round_id, digest_of(7), [0] * 3, [none] * 3)
    with pytest.raises(refusals.ListLengthError):
        seal_as(round_id, digest_of(7), [0] * 2, [none] * 3)
    with pytest.raises(refusals.ZeroDigestError):
        seal_as(round_id, Digest(bytes(32)), [0] * 3, [none] * 3)
    with pytest.raises(refusals.ExponentOutOfRangeError):
        seal_as(round_id, digest_of(7), [11, 0, 0], [none] * 3)
    with pytest.raises(refusals.SampleExistsError):
        seal_as(round_id, digest_of(7), [0] * 3, [MissingReason.NO_SAMPLE, none, none])
    with pytest.raises(refusals.CandidateIsBaseError):
        seal_as(round_id, world.reader.network.genesis, [0] * 3, [none] * 3)
    with pytest.raises(refusals.DeadlineNotPassedError):  # uploads have until then
        seal_as(round_id, digest_of(7), [0] * 3, [none, late, none])
    with pytest.raises(refusals.NoneAvailableError):
        seal_as(round_id, digest_of(7), [0] * 3, [lost] * 3)
    assert world.reader.get_round(round_id).phase is Phase.COLLECTING


def test_a_missing_sample_is_waited_for_until_the_deadline_and_then_missing(world: World) -> None:
    round_id = draw_sample(world)
    seed = world.reader.get_round(round_id).sample_seed
    world.nodes[0].commit_sample(round_id, seed, point_of(1))
    none = [MissingReason.NONE] * 3
    with pytest.raises(refusals.SamplesPendingError):
        world.coordinator.seal_round(round_id, digest_of(7), [0] * 3, none)
    world.advance(LATE)
    with pytest.raises(refusals.ShiftOfMissingError):
        world.coordinator.seal_round(round_id, digest_of(7), [0, 1, 0], none)
    world.coordinator.seal_round(round_id, digest_of(7), [0] * 3, none)
    missing = [c.missing for c in world.reader.get_round(round_id).contributions]
    no_sample = MissingReason.NO_SAMPLE
    assert missing == [MissingReason.NONE, no_sample, no_sample]


# ---------------------------------------------------------------------- challenge, proof, end


def test_the_challenge_is_drawn_once_from_the_seals_block(world: World) -> None:
    round_id = sample_all(world)
    sealed = world.coordinator.seal_round(round_id, digest_of(7), [0] * 3, [MissingReason.NONE] * 3)
    with pytest.raises(refusals.ChallengeNotDrawnError):
        world.coordinator.publish_challenge(make_challenge(round_id))
    world.stranger.draw_challenge(round_id)
    network = world.reader.network
    seed = compute_seed(
        "challenge", sealed.block_hash, network.chain_id, network.registry, round_id
    )
    assert world.reader.get_round(round_id).challenge_seed == seed
    with pytest.raises(refusals.ChallengeAlreadyDrawnError):
        world.stranger.draw_challenge(round_id)


def test_a_published_challenge_is_read_back_whole(world: World) -> None:
    round_id = seal(world)
    assert world.reader.get_published_challenge(round_id) is None
    world.stranger.draw_challenge(round_id)
    challenge = make_challenge(round_id)
    with pytest.raises(refusals.NotCoordinatorError):
        world.stranger.publish_challenge(challenge)
    world.coordinator.publish_challenge(challenge)
    assert world.reader.get_published_challenge(round_id) == challenge
    found = world.reader.get_round(round_id)
    assert (found.phase, found.challenge) == (Phase.PROVING, challenge.digest)
    assert (found.unit, found.common_key) == (challenge.unit, challenge.common.key)
    assert found.task_keys == tuple(task.key for task in challenge.tasks)
    losses = (found.base_loss_nano, found.candidate_loss_nano)
    assert losses == (challenge.base_loss_nano, challenge.candidate_loss_nano)


def test_challenges_that_break_a_rule_are_refused(world: World) -> None:
    round_id = seal(world)
    world.stranger.draw_challenge(round_id)
    right = make_challenge(round_id)
    cases: list[tuple[PublishedChallenge, type[errors.ChainError]]] = [
        (replace(right, directions=right.directions[:-1]), refusals.DirectionsLengthError),
        (replace(right, tasks=right.tasks[:2]), refusals.TaskCommitmentCountError),
        (replace(right, common=Commitment(bytes(64))), refusals.ZeroCommitmentError),
        (replace(right, digest=Digest(bytes(32))), refusals.ZeroDigestError),
        (replace(right, cid=Cid("")), refusals.EmptyCidError),
    ]
    for challenge, expected in cases:
        with pytest.raises(expected):
            world.coordinator.publish_challenge(challenge)
    world.advance(LATE)
    with pytest.raises(refusals.DeadlinePassedError):
        world.coordinator.publish_challenge(right)


def test_a_proof_that_shows_nothing_is_refused_and_changes_nothing(world: World) -> None:
    round_id = publish(world)
    before = world.reader.get_round(round_id)
    agreement = Agreement(common=5, task=90, square=400, absolute=90)
    with pytest.raises(refusals.AlignmentVerifierError):
        world.nodes[0].prove_contribution(round_id, agreement, bytes(3744))
    with pytest.raises(refusals.NotCommittedError):
        world.stranger.prove_contribution(round_id, agreement, bytes(3744))
    assert world.reader.get_round(round_id) == before
    world.advance(LATE)
    with pytest.raises(refusals.DeadlinePassedError):
        world.nodes[0].prove_contribution(round_id, agreement, bytes(3744))


def test_without_an_accepted_proof_the_base_stays_and_every_outcome_is_final(
    world: World,
) -> None:
    round_id = publish(world)
    end = end_with_base()
    with pytest.raises(refusals.ProofsPendingError):
        world.coordinator.finalize_round(round_id, end)
    world.advance(LATE)
    wrong: list[tuple[Finalization, type[errors.ChainError]]] = [
        (replace(end, checkpoint=digest_of(77)), refusals.WrongCheckpointError),
        (replace(end, final_loss_nano=1), refusals.WrongLossError),
        (replace(end, report=Digest(bytes(32))), refusals.ZeroDigestError),
        (replace(end, report_cid=""), refusals.EmptyCidError),
        (
            replace(end, harmful=frozenset({world.nodes[0].account})),
            refusals.HarmfulNotAcceptedError,
        ),
    ]
    for ending, expected in wrong:
        with pytest.raises(expected):
            world.coordinator.finalize_round(round_id, ending)
    with pytest.raises(refusals.NotCoordinatorError):
        world.stranger.finalize_round(round_id, end)
    world.coordinator.finalize_round(round_id, end)
    found = world.reader.get_round(round_id)
    assert found.phase is Phase.FINALIZED
    assert found.checkpoint == PLAN.genesis
    finalized = [e for e in world.reader.get_events() if e.name == "RoundFinalized"]
    assert bytes(finalized[-1].args["reportDigest"]) == end.report
    assert {c.outcome for c in found.contributions} == {Outcome.NOT_PROVEN}
    assert world.reader.get_head() == PLAN.genesis
    world.coordinator.open_round(POOL)


def test_the_coordinator_aborts_at_any_time_and_others_after_the_deadline(world: World) -> None:
    round_id = draw_sample(world)
    with pytest.raises(refusals.DeadlineNotPassedError):
        world.stranger.abort_round(round_id)
    world.coordinator.abort_round(round_id)
    assert world.reader.get_round(round_id).phase is Phase.ABORTED
    with pytest.raises(refusals.RoundOverError):
        world.coordinator.abort_round(round_id)
    world.coordinator.open_round(POOL)
    world.advance(LATE)
    world.stranger.abort_round(round_id + 1)
    assert world.reader.get_round(round_id + 1).phase is Phase.ABORTED


def test_others_cannot_abort_a_round_that_they_could_close(world: World) -> None:
    round_id = commit_all(world)
    world.advance(LATE)
    with pytest.raises(refusals.QuorumReachedError):
        world.stranger.abort_round(round_id)


# ---------------------------------------------------------------------- coordinators


def test_a_bonded_standby_drives_the_next_round_when_a_deadline_is_missed(world: World) -> None:
    rules = PLAN.coordinator_rules
    before = world.reader.get_coordinators()
    assert before.current == world.coordinator.account
    assert [seat.coordinator for seat in before.seats] == [PLAN.coordinator, *PLAN.standbys]
    assert before.rules == rules
    assert not before.is_fit(world.standby.account)
    world.stranger.bond_coordinator(world.standby.account, rules.bond_wei)
    with pytest.raises(refusals.NotCoordinatorError):
        world.standby.open_round(POOL)
    round_id = draw_sample(world)
    seed = world.reader.get_round(round_id).sample_seed
    world.nodes[0].commit_sample(round_id, seed, point_of(1))
    world.advance(LATE)
    world.stranger.abort_round(round_id)

    after = world.reader.get_coordinators()
    assert after.current == world.standby.account
    seat = after.seat_of(world.coordinator.account)
    assert seat is not None
    assert seat.bond_wei == PLAN.coordinator_bond_wei - rules.penalty_wei
    names = [e.name for e in world.reader.get_events()][-3:]
    assert names == ["RoundAborted", "CoordinatorPenalized", "CoordinatorChanged"]
    with pytest.raises(refusals.NotCoordinatorError):
        world.coordinator.open_round(POOL)
    world.standby.open_round(POOL)
    assert world.reader.get_round(round_id + 1).phase is Phase.COMMITTING


def test_an_abort_after_the_seed_costs_and_one_before_is_free(world: World) -> None:
    def bond() -> int:
        seat = world.reader.get_coordinators().seat_of(world.coordinator.account)
        assert seat is not None
        return seat.bond_wei

    first = commit_all(world)
    full = bond()
    world.coordinator.abort_round(first)
    assert bond() == full
    world.coordinator.open_round(POOL)
    for position, node in enumerate(world.nodes[:3]):
        node.commit_update(first + 1, digest_of(50 + position), 100, -10)
    world.coordinator.close_commits(first + 1)
    world.coordinator.abort_round(first + 1)
    assert bond() == full - PLAN.coordinator_rules.penalty_wei
    assert world.reader.get_coordinators().current == world.coordinator.account


def test_an_idle_coordinator_is_succeeded_only_by_one_with_a_bond(world: World) -> None:
    with pytest.raises(refusals.NotIdleError):
        world.stranger.succeed_coordinator()
    world.advance(PLAN.coordinator_rules.idle_window_s + LATE)
    with pytest.raises(refusals.NoStandbyError):
        world.stranger.succeed_coordinator()
    bond = PLAN.coordinator_rules.bond_wei
    world.standby.bond_coordinator(world.standby.account, bond - 1)
    with pytest.raises(refusals.NoStandbyError):
        world.stranger.succeed_coordinator()
    world.standby.bond_coordinator(world.standby.account, 1)
    world.stranger.succeed_coordinator()
    assert world.reader.get_coordinators().current == world.standby.account
    world.standby.open_round(POOL)
    with pytest.raises(refusals.RoundRunningError):
        world.stranger.succeed_coordinator()


def test_the_second_round_in_a_row_without_closed_commits_passes_the_turn_on(world: World) -> None:
    world.standby.bond_coordinator(world.standby.account, PLAN.coordinator_rules.bond_wei)
    first = world.reader.get_coordinators().current
    for round_id in (1, 2):
        assert world.reader.get_coordinators().current == first
        world.coordinator.open_round(POOL)
        world.coordinator.abort_round(round_id)
    assert world.reader.get_coordinators().current == world.standby.account
    assert world.reader.get_events(round_id=2)[-1].name == "RoundAborted"
    with pytest.raises(refusals.NotCoordinatorError):
        world.coordinator.open_round(POOL)
    world.standby.open_round(POOL)


def test_bonds_are_for_those_on_the_list_and_of_coins(world: World) -> None:
    with pytest.raises(refusals.NotApprovedError):
        world.stranger.bond_coordinator(world.stranger.account, 1)
    with pytest.raises(refusals.NothingToBondError):
        world.stranger.bond_coordinator(world.standby.account, 0)


# ---------------------------------------------------------------------- events

EVENT_ARGUMENTS = {
    entry["name"]: [i["name"] for i in entry["inputs"]]
    for contract in CONTRACTS
    for entry in load_abi(contract)
    if entry["type"] == "event"
}


def test_events_tell_the_whole_round_in_order(world: World) -> None:
    round_id = publish(world)
    world.advance(LATE)
    world.coordinator.finalize_round(round_id, end_with_base())
    events = world.reader.get_events(round_id=round_id)
    assert [event.name for event in events] == [
        "RoundOpened",
        *["UpdateCommitted"] * 3,
        "CommitsClosed",
        "SampleDrawn",
        *["SampleCommitted"] * 3,
        "RoundSealed",
        "ChallengeDrawn",
        "ChallengePublished",
        *["ContributionSettled"] * 3,
        "RoundFinalized",
        "CoordinatorPenalized",  # nobody proved anything
    ]
    assert {event.round_id for event in events} == {round_id}
    positions = [(event.block, event.log_index) for event in events]
    assert positions == sorted(positions)
    committed = events[2]
    assert committed.node == world.nodes[1].account
    assert committed.contract == world.reader.network.registry
    assert committed.args == {
        "round": round_id, "node": world.nodes[1].account, "task": 1, "digest": digest_of(2),
        "numExamples": 200, "exponent": -11,
    }  # fmt: skip
    sealed = next(event for event in events if event.name == "RoundSealed")
    assert sealed.args["clipShifts"] == [0, 1, 2]
    assert sealed.args["missing"] == [0, 0, 0]
    published = next(event for event in events if event.name == "ChallengePublished")
    assert published.args["taskCommitments"] == [point_of(i).point for i in (12, 13, 14)]


def test_every_event_has_the_contracts_arguments_in_their_order(world: World) -> None:
    round_id = publish(world)
    world.nodes[0].request_exit()
    world.coordinator.abort_round(round_id)
    events = world.reader.get_events()
    assert len(events) > 15
    for event in events:
        assert list(event.args) == EVENT_ARGUMENTS[event.name], event.name


def test_events_can_be_asked_for_by_node(world: World) -> None:
    round_id = commit_all(world, 2)
    node = world.nodes[1]
    of_node = world.reader.get_events(node=node.account)
    assert [event.name for event in of_node] == ["NodeJoined", "UpdateCommitted"]
    assert of_node[0].contract == world.reader.network.node_registry
    assert of_node[0].args["taskName"] == TASKS[1]
    of_both = world.reader.get_events(round_id=round_id, node=node.account)
    assert [event.name for event in of_both] == ["UpdateCommitted"]


def test_the_networks_creation_is_among_the_events(world: World) -> None:
    names = [event.name for event in world.reader.get_events()]
    assert names.count("TaskAdded") == 3
    assert {"NetworkCreated", "CoordinatorChanged", "CheckpointPublished"} <= set(names)
    added = next(e for e in world.reader.get_events() if e.name == "CircuitAdded")
    assert set(added.args) == {"circuitId", "verifier"}
    assert added.args["circuitId"] == world.reader.get_next_rules().circuit_id
    network = world.reader.network
    assert added.contract not in (network.registry, network.node_registry)
