"""The RewardLedger port: one suite for the vault in memory and for the real one on Anvil."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.doubles.payouts import (
    BASE_LOSS,
    BOND,
    COIN,
    DROP,
    PLAN,
    RATE,
    RULING_S,
    WINDOW_S,
    Seat,
    World,
    build_memory_world,
    digest_of,
    end_round,
    end_with_a_freeloader,
    prove_all,
    settle,
)
from zk0 import errors
from zk0.chain import refusals
from zk0.chain.deploy import deploy_network
from zk0.chain.deployments import Deployment
from zk0.chain.devnet import Devnet, DevnetOptions, start_devnet
from zk0.chain.history import build_history
from zk0.chain.interfaces import load_abi
from zk0.chain.ledger import ChainLedger, connect
from zk0.chain.rows import ContributionRow
from zk0.chain.transactions import SendPolicy
from zk0.chain.wallet import open_wallet
from zk0.ports import Cid
from zk0.protocol.payout import Settlement
from zk0.protocol.round import Finalization, Phase
from zk0.protocol.statement import Digest

EVIDENCE = Digest(b"\x55" * 32)


def build_chain_world(devnet: Devnet, deployment: Deployment) -> World:
    def sit(number: int | None) -> Seat:
        wallet = None if number is None else open_wallet(f"dev:{number}", 31337)
        ledger: ChainLedger = connect(devnet.rpc_url, deployment, wallet, SendPolicy(poll_s=0.01))
        return Seat(ledger, ledger.rewards)

    nodes = tuple(sit(i) for i in range(2, 5))
    world = World(sit(1), nodes, sit(6), sit(None), sit(7), devnet.advance)
    # Code that answers 960, its sample size, to whatever it is asked: every proof is accepted, and
    # agreements are what a test says. (PUSH2 960, PUSH0, MSTORE, PUSH1 32, PUSH0, RETURN)
    devnet.request("anvil_setCode", deployment.alignment_verifier, "0x6103c05f5260205ff3")
    return world


@pytest.fixture(scope="module")
def anvil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Devnet, World]]:
    with start_devnet(None, DevnetOptions(block_time_s=None)) as running:
        deployment = deploy_network(running.rpc_url, PLAN, tmp_path_factory.mktemp("deployments"))
        yield running, build_chain_world(running, deployment)


@pytest.fixture(params=["memory", "anvil"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "memory":
        yield build_memory_world()
        return
    running, shared = request.getfixturevalue("anvil")
    snapshot = running.request("evm_snapshot")
    yield shared
    assert running.request("evm_revert", snapshot) is True


def get_owed(world: World, round_id: int) -> list[int]:
    rewards = world.reader.rewards
    return [rewards.get_owed_wei(round_id, seat.ledger.account) for seat in world.nodes]


def get_rows(world: World, round_id: int) -> tuple[ContributionRow, ...]:
    (row,) = build_history(world.reader.ledger.get_events(), round_id=round_id)
    return row.contributions


def get_shares(world: World, round_id: int) -> list[int]:
    return [c.share_nano for c in world.reader.ledger.get_round(round_id).contributions]


# ---------------------------------------------------------------------- what is paid


def test_a_vault_says_how_it_pays(world: World) -> None:
    terms = world.reader.rewards.terms
    assert terms.asset is None
    assert (terms.objection_window_s, terms.ruling_window_s) == (WINDOW_S, RULING_S)
    assert terms.objection_bond_wei == BOND
    assert world.reader.rewards.get_rate_wei_per_nano(7) == RATE
    assert world.reader.rewards.get_next_round() == 1
    assert world.reader.rewards.get_settlement(1) is None


def test_a_vault_without_wallet_is_read_and_not_written(world: World) -> None:
    with pytest.raises(errors.WalletError):
        _ = world.reader.rewards.account
    with pytest.raises(errors.WalletError):
        world.reader.rewards.settle(1)


def test_a_round_pays_its_drop_by_share_and_to_the_wei(world: World) -> None:
    round_id = end_round(world, 1000, 1001, 1003)
    settle(world, round_id)
    settled = world.reader.rewards.get_settlement(round_id)
    assert settled is not None
    assert settled.payout_wei == settled.unpaid_wei == RATE * DROP
    shares = get_shares(world, round_id)
    assert settled.total_nano == sum(shares)
    assert get_owed(world, round_id) == [settled.payout_wei * s // sum(shares) for s in shares]
    world.advance(WINDOW_S)
    paid = 0
    for seat in world.nodes:
        owed = world.reader.rewards.get_owed_wei(round_id, seat.ledger.account)
        before = seat.ledger.get_balance_wei(seat.ledger.account)
        receipt = seat.rewards.claim([round_id])
        gained = seat.ledger.get_balance_wei(seat.ledger.account) - before + receipt.fee_wei
        assert gained == owed
        paid += gained
    assert paid == settled.payout_wei
    left = world.reader.rewards.get_settlement(round_id)
    assert left is not None
    assert left.unpaid_wei == 0
    assert world.reader.rewards.get_pot_wei() == COIN - settled.payout_wei


def test_a_small_pot_is_all_that_a_round_pays(world: World) -> None:
    round_id = end_round(world, 1000, 1000, 1000)
    settle(world, round_id, amount=1001)
    settled = world.reader.rewards.get_settlement(round_id)
    assert settled is not None
    assert settled.payout_wei == 1001
    assert world.reader.rewards.get_pot_wei() == 0


def test_a_stream_pays_each_of_its_rounds_and_what_an_aborted_one_held_back(world: World) -> None:
    world.stranger.rewards.fund(1, 3, 1000)
    world.coordinator.ledger.open_round(b"\x44" * 32)
    world.coordinator.ledger.abort_round(1)
    world.stranger.rewards.settle(1)
    assert world.reader.rewards.get_pot_wei() == 0
    assert world.reader.rewards.get_held_wei() == 1000
    second = end_round(world, 1000, 1000, 1000)
    world.stranger.rewards.settle(second)
    settled = world.reader.rewards.get_settlement(second)
    assert settled is not None
    assert (settled.payout_wei, world.reader.rewards.get_pot_wei()) == (1063, 0)


def test_a_kept_base_pays_nothing_and_leaves_debts_alone(world: World) -> None:
    end_round(world, 1000, 1000, -500)
    kept = prove_all(world, {0: 1000, 1: -1000})
    world.advance(500)
    base = world.reader.ledger.get_head()
    world.coordinator.ledger.finalize_round(
        kept,
        Finalization(
            base, "", digest_of(99), "bafkreport", BASE_LOSS + 5000, BASE_LOSS
        ),
    )  # fmt: skip
    world.stranger.rewards.fund(1, 2, COIN)
    world.stranger.rewards.settle(1)
    world.stranger.rewards.settle(2)
    settled = world.reader.rewards.get_settlement(kept)
    assert settled is not None
    assert (settled.payout_wei, settled.total_nano) == (0, 0)
    assert get_owed(world, kept) == [0, 0, 0]
    assert {c.debt_nano for c in get_rows(world, kept)} == {None}
    assert {c.credit_nano for c in get_rows(world, kept)} == {0}


def test_a_debt_is_carried_against_a_later_share(world: World) -> None:
    rounds = [end_round(world, 1000, 1000, common) for common in (-3000, 1000, 5000)]
    world.stranger.rewards.fund(1, 3, COIN)
    carried = paid_off = 0
    for round_id in rounds:
        world.stranger.rewards.settle(round_id)
        share = get_shares(world, round_id)[2]
        paid_off = min(max(0, share), max(0, -carried))
        carried += share
        settled = world.reader.rewards.get_settlement(round_id)
        assert settled is not None
        others = sum(get_shares(world, round_id)[:2])
        assert settled.total_nano == others + max(0, carried)
        row = get_rows(world, round_id)[2]
        assert row.credit_nano == max(0, carried)
        assert row.debt_nano == max(0, -carried)
    assert carried > 0
    assert get_owed(world, rounds[1])[2] == 0
    # What pays off a debt is not paid to the others either.
    assert paid_off > 0
    total = carried + others
    payout = RATE * (DROP * total // (total + paid_off))
    assert settled.payout_wei == payout
    expected = payout * carried // total
    assert get_owed(world, rounds[2])[2] == expected
    world.advance(WINDOW_S)
    with pytest.raises(refusals.NothingToClaimError):
        world.nodes[2].rewards.claim([rounds[1]])
    world.nodes[2].rewards.claim([rounds[2]])


# ---------------------------------------------------------------------- who may, and when


def test_rounds_are_settled_in_order_once_they_are_over(world: World) -> None:
    with pytest.raises(refusals.NotOverError):
        world.stranger.rewards.settle(1)
    with pytest.raises(refusals.NotNextError):
        world.stranger.rewards.settle(2)
    world.coordinator.ledger.open_round(b"\x44" * 32)
    with pytest.raises(refusals.NotOverError):
        world.stranger.rewards.settle(1)
    world.coordinator.ledger.abort_round(1)
    world.stranger.rewards.settle(1)
    with pytest.raises(refusals.NotNextError):
        world.stranger.rewards.settle(1)


def test_claims_wait_for_settlement_and_for_the_window(world: World) -> None:
    node = world.nodes[0]
    round_id = end_round(world, 1000, 1000, 1000)
    with pytest.raises(refusals.NotSettledError):
        node.rewards.claim([round_id])
    settle(world, round_id)
    with pytest.raises(refusals.ClaimsNotOpenError):
        node.rewards.claim([round_id])
    settled = world.reader.rewards.get_settlement(round_id)
    assert settled is not None
    assert settled.opens_at == world.reader.ledger.get_block().timestamp + WINDOW_S
    world.advance(WINDOW_S)
    assert settled.is_open(world.reader.ledger.get_block().timestamp)
    node.rewards.claim([round_id])
    with pytest.raises(refusals.NothingToClaimError):
        node.rewards.claim([round_id])


def test_whoever_was_not_accepted_has_nothing_to_claim(world: World) -> None:
    round_id = end_with_a_freeloader(world)
    settle(world, round_id)
    world.advance(WINDOW_S)
    assert get_owed(world, round_id)[2] == 0
    for seat in (world.nodes[2], world.stranger):
        with pytest.raises(refusals.NothingToClaimError):
            seat.rewards.claim([round_id])
    settled = world.reader.rewards.get_settlement(round_id)
    assert settled is not None
    assert sum(get_owed(world, round_id)) in (settled.payout_wei, settled.payout_wei - 1)


def test_many_rounds_are_claimed_in_one_call_all_or_none(world: World) -> None:
    rounds = [end_round(world, 1000 + i, 1000, 1000) for i in range(3)]
    world.stranger.rewards.fund(1, 3, COIN)
    for round_id in rounds:
        world.stranger.rewards.settle(round_id)
    world.advance(WINDOW_S)
    node = world.nodes[0]
    with pytest.raises(refusals.NothingToClaimError):
        node.rewards.claim([*rounds, rounds[0]])
    with pytest.raises(refusals.EmptyListError):
        node.rewards.claim([])
    owed = sum(world.reader.rewards.get_owed_wei(r, node.ledger.account) for r in rounds)
    before = node.ledger.get_balance_wei(node.ledger.account)
    receipt = node.rewards.claim(rounds)
    assert node.ledger.get_balance_wei(node.ledger.account) == before + owed - receipt.fee_wei
    assert receipt.gas <= 65_000 + 31_000 * (len(rounds) - 1)


def test_an_objection_freezes_a_payout_until_the_ruling_is_late(world: World) -> None:
    round_id = end_round(world, 1000, 1000, 1000)
    settle(world, round_id)
    before = world.stranger.ledger.get_balance_wei(world.stranger.ledger.account)
    receipt = world.stranger.rewards.object_to(round_id, EVIDENCE, Cid("bafkproof"))
    after = world.stranger.ledger.get_balance_wei(world.stranger.ledger.account)
    assert before - after == BOND + receipt.fee_wei
    with pytest.raises(refusals.FrozenError):
        world.nodes[0].rewards.object_to(round_id, EVIDENCE, Cid("bafkproof"))
    world.advance(WINDOW_S)
    now = world.reader.ledger.get_block().timestamp
    settled = world.reader.rewards.get_settlement(round_id)
    assert settled is not None
    assert settled.is_frozen(now)
    assert not settled.is_open(now)
    with pytest.raises(refusals.ClaimsNotOpenError):
        world.nodes[0].rewards.claim([round_id])
    world.advance(RULING_S + 1)
    assert settled.is_open(world.reader.ledger.get_block().timestamp)
    world.nodes[0].rewards.claim([round_id])


def get_settled(world: World, round_id: int) -> Settlement:
    found = world.reader.rewards.get_settlement(round_id)
    assert found is not None
    return found


def object_to(world: World, seat: Seat, round_id: int) -> int:
    """The objection's number."""
    seat.rewards.object_to(round_id, EVIDENCE, Cid("bafkproof"))
    found = world.reader.rewards.get_objection(round_id)
    assert found is not None
    assert found.objector == seat.ledger.account
    assert found.bond_wei == BOND << (found.number - 1)
    return found.number


def test_an_upheld_objection_returns_the_payout_and_frees_the_bond(world: World) -> None:
    round_id = end_round(world, 1000, 1000, 1000)
    settle(world, round_id)
    number = object_to(world, world.stranger, round_id)
    world.judge.rewards.rule(round_id, number, upheld=True)
    assert world.reader.rewards.get_pot_wei() == COIN
    assert get_settled(world, round_id).payout_wei == 0
    assert get_owed(world, round_id) == [0, 0, 0]
    assert world.reader.rewards.get_objection(round_id) is None
    account = world.stranger.ledger.account
    assert world.reader.rewards.get_free_bond_wei(account) == BOND
    before = world.reader.ledger.get_balance_wei(account)
    receipt = world.stranger.rewards.withdraw_bond()
    assert world.reader.ledger.get_balance_wei(account) == before + BOND - receipt.fee_wei
    with pytest.raises(refusals.NothingToWithdrawError):
        world.stranger.rewards.withdraw_bond()
    with pytest.raises(refusals.NothingToObjectError):
        world.stranger.rewards.object_to(round_id, EVIDENCE, Cid("bafkproof"))


def test_after_a_rejection_there_is_another_window_and_a_dearer_objection(world: World) -> None:
    round_id = end_round(world, 1000, 1000, 1000)
    settle(world, round_id)
    pot = world.reader.rewards.get_pot_wei()
    for number in (1, 2, 3):
        world.advance(WINDOW_S - 100)
        assert object_to(world, world.stranger, round_id) == number
        world.advance(RULING_S - 100)
        world.judge.rewards.rule(round_id, number, upheld=False)
        now = world.reader.ledger.get_block().timestamp
        settled = get_settled(world, round_id)
        assert settled.opens_at == (now + WINDOW_S if number < 3 else now)
    assert world.reader.rewards.get_pot_wei() == pot + 7 * BOND
    with pytest.raises(refusals.NoMoreObjectionsError):
        world.stranger.rewards.object_to(round_id, EVIDENCE, Cid("bafkproof"))
    world.nodes[0].rewards.claim([round_id])
    (row,) = build_history(world.reader.ledger.get_events(), round_id=round_id)
    assert row.settlement == get_settled(world, round_id)


def test_an_objection_that_nobody_ruled_on_ends_with_the_next_one(world: World) -> None:
    round_id = end_round(world, 1000, 1000, 1000)
    settle(world, round_id)
    object_to(world, world.stranger, round_id)
    with pytest.raises(refusals.RulingPendingError):
        world.nodes[0].rewards.expire_objection(round_id)
    world.advance(RULING_S + 100)
    with pytest.raises(refusals.RulingTooLateError):
        world.judge.rewards.rule(round_id, 1, upheld=True)
    assert object_to(world, world.nodes[1], round_id) == 2
    assert world.reader.rewards.get_free_bond_wei(world.stranger.ledger.account) == BOND
    with pytest.raises(refusals.OtherObjectionError):
        world.judge.rewards.rule(round_id, 1, upheld=False)
    opens_at = get_settled(world, round_id).opens_at
    world.advance(RULING_S + WINDOW_S + 1)
    world.nodes[0].rewards.claim([round_id])
    world.nodes[0].rewards.expire_objection(round_id)
    assert get_settled(world, round_id).opens_at == opens_at
    assert world.reader.rewards.get_free_bond_wei(world.nodes[1].ledger.account) == 2 * BOND
    with pytest.raises(refusals.NoObjectionError):
        world.nodes[0].rewards.expire_objection(round_id)
    with pytest.raises(refusals.ObjectionTooLateError):
        world.stranger.rewards.object_to(round_id, EVIDENCE, Cid("bafkproof"))
    (row,) = build_history(world.reader.ledger.get_events(), round_id=round_id)
    assert row.settlement == get_settled(world, round_id)


def test_only_the_judge_rules(world: World) -> None:
    assert world.reader.rewards.get_judge() == world.judge.ledger.account
    round_id = end_round(world, 1000, 1000, 1000)
    settle(world, round_id)
    with pytest.raises(refusals.NoObjectionError):
        world.judge.rewards.rule(round_id, 1, upheld=True)
    number = object_to(world, world.stranger, round_id)
    with pytest.raises(refusals.NotJudgeError, match=world.judge.ledger.account):
        world.stranger.rewards.rule(round_id, number, upheld=True)


def test_rounds_that_pay_nobody_do_not_pour_a_stream_into_one(world: World) -> None:
    world.stranger.rewards.fund(1, 5, 1000)
    for _ in range(3):
        world.coordinator.ledger.open_round(b"\x44" * 32)
        round_id = world.reader.ledger.get_round_count()
        world.coordinator.ledger.abort_round(round_id)
        world.stranger.rewards.settle(round_id)
    assert world.reader.rewards.get_held_wei() == 3000
    assert world.reader.rewards.get_pot_wei() == 0
    for payout, held in ((1188, 2812), (1176, 2636)):
        round_id = end_round(world, 1000, 1000, 1000)
        world.stranger.rewards.settle(round_id)
        assert get_settled(world, round_id).payout_wei == payout
        assert world.reader.rewards.get_held_wei() == held


def test_objections_that_break_a_rule_are_refused(world: World) -> None:
    round_id = end_round(world, 1000, 1000, 1000)
    with pytest.raises(refusals.NotSettledError):
        world.stranger.rewards.object_to(round_id, EVIDENCE, Cid("c"))
    settle(world, round_id)
    for evidence, cid in ((Digest(bytes(32)), "c"), (EVIDENCE, "")):
        with pytest.raises(refusals.NoEvidenceError):
            world.stranger.rewards.object_to(round_id, evidence, Cid(cid))
    world.advance(WINDOW_S)
    with pytest.raises(refusals.ObjectionTooLateError):
        world.stranger.rewards.object_to(round_id, EVIDENCE, Cid("c"))
    unpaid = end_round(world, 1000, 1000, 1000)
    while world.reader.rewards.get_pot_wei():
        world.stranger.rewards.settle(unpaid)
        unpaid = end_round(world, 1000, 1000, 1000)
    world.stranger.rewards.settle(unpaid)
    with pytest.raises(refusals.NothingToObjectError):
        world.stranger.rewards.object_to(unpaid, EVIDENCE, Cid("c"))


@pytest.mark.parametrize(
    ("first", "rounds", "amount", "expected"),
    [
        (0, 1, 1, refusals.AlreadySettledError),
        (1, 0, 1, refusals.StreamOutOfRangeError),
        (1, (1 << 32) + 1, 1, refusals.StreamOutOfRangeError),
        ((1 << 32) + 2, 1, 1, refusals.StreamOutOfRangeError),
        (1, 1, 0, refusals.AmountOutOfRangeError),
        (1, 1, 10**25, errors.InsufficientFundsError),
    ],
)
def test_funding_that_breaks_a_rule_is_refused(
    world: World, first: int, rounds: int, amount: int, expected: type[errors.ChainError]
) -> None:
    before = world.stranger.ledger.get_balance_wei(world.stranger.ledger.account)
    with pytest.raises(expected):
        world.stranger.rewards.fund(first, rounds, amount)
    assert world.stranger.ledger.get_balance_wei(world.stranger.ledger.account) == before


# ---------------------------------------------------------------------- events

EVENT_ARGUMENTS = {
    entry["name"]: [i["name"] for i in entry["inputs"]]
    for contract in ("ContributionRegistry", "RewardVault")
    for entry in load_abi(contract)
    if entry["type"] == "event"
}


def test_a_debt_stands_before_its_outcome_and_outcomes_before_the_checkpoint(world: World) -> None:
    round_id = end_round(world, 1000, -400, 1000)
    events = world.reader.ledger.get_events(round_id=round_id)
    names = [e.name for e in events]
    start = names.index("ContributionSettled")
    assert names[start:] == [
        "ContributionSettled",
        "DebtChanged",
        *["ContributionSettled"] * 2,
        "CheckpointPublished",
        "RoundFinalized",
    ]
    settled = [e.args for e in events if e.name == "ContributionSettled"]
    assert [a["creditNano"] for a in settled] == [max(0, a["shareNano"]) for a in settled]
    assert settled[1]["creditNano"] == 0 > settled[1]["shareNano"]


def test_the_vaults_events_are_part_of_the_history(world: World) -> None:
    round_id = end_round(world, 1000, 1000, 1000)
    settle(world, round_id)
    world.stranger.rewards.object_to(round_id, EVIDENCE, Cid("bafkproof"))
    world.advance(WINDOW_S + RULING_S + 1)
    world.nodes[0].rewards.claim([round_id])
    events = world.reader.ledger.get_events()
    vault = world.reader.rewards.terms.vault
    wanted = ["Funded", "RoundPaidOut", "ObjectionFiled", "RewardClaimed"]
    told = [e for e in events if e.name in wanted]
    assert [e.name for e in told] == wanted
    assert {e.contract for e in told} == {vault}
    assert told[3].node == world.nodes[0].ledger.account
    for event in events:
        if event.name in EVENT_ARGUMENTS:
            assert list(event.args) == EVENT_ARGUMENTS[event.name], event.name


def test_what_the_events_say_is_owed_is_what_the_vault_pays(world: World) -> None:
    round_id = end_round(world, 1000, 1001, 1003)
    assert [c.owed_wei for c in get_rows(world, round_id)] == [None] * 3
    settle(world, round_id)
    world.advance(WINDOW_S)
    for position in (1, 0, 2):
        owed = get_owed(world, round_id)
        assert [c.owed_wei for c in get_rows(world, round_id)] == owed
        world.nodes[position].rewards.claim([round_id])
        row = get_rows(world, round_id)[position]
        assert (row.claimed_wei, row.owed_wei) == (owed[position], 0)
    (row_,) = build_history(world.reader.ledger.get_events(), round_id=round_id)
    assert row_.settlement == world.reader.rewards.get_settlement(round_id)
    assert row_.phase is Phase.FINALIZED
