"""Python against the vectors that forge reads too (`tests/contracts/`)."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from eth_account.messages import encode_typed_data
from eth_hash.auto import keccak

from zk0.errors import RoundError
from zk0.protocol import transitions as step
from zk0.protocol.challenge import compute_directions, pack_directions
from zk0.protocol.commitment import compute_receipt_hash, compute_upload_hash
from zk0.protocol.contribution import MissingReason, compute_share_nano, compute_weights
from zk0.protocol.credits import credit_round, settle_share
from zk0.protocol.faults import FaultHistory, add_fault, compute_forfeit
from zk0.protocol.payout import Purse, compute_due_wei, pay_round
from zk0.protocol.round import Finalization, Parameters, Phase, Round
from zk0.protocol.statement import (
    Agreement,
    Commitment,
    compute_agreement,
    compute_alignment_bps,
    compute_context,
    is_admitted,
)


def read(name: str) -> Any:
    return json.loads((Path(__file__).parents[1] / "vectors" / f"{name}.json").read_text())


def test_contexts_match() -> None:
    for v in read("statement")["contexts"]:
        context = compute_context(v["chainId"], v["registry"], v["roundId"], v["node"])
        assert str(context) == v["context"]
        assert context < 2**248


def test_alignments_and_admissions_match() -> None:
    vectors = read("statement")
    for v in vectors["alignments"]:
        agreement = Agreement(0, v["task"], v["square"], 0)
        assert compute_alignment_bps(agreement, v["sampleSize"]) == v["alignmentBps"]
        assert is_admitted(agreement, vectors["zMin"]) == v["admitted"]


def test_shares_match() -> None:
    for v in read("shares")["shares"]:
        share = compute_share_nano(
            v["common"], v["weight"], v["totalWeight"], int(v["unit"]), v["effectiveExponent"]
        )
        assert str(share) == v["shareNano"]


def test_faults_match() -> None:
    vectors = read("faults")
    for v in vectors["faults"]:
        before = FaultHistory(v["lastRound"], int(v["recent"]))
        after, count = add_fault(before, v["round"], v["window"])
        assert (after.last_round, after.recent) == (v["nextLastRound"], int(v["nextRecent"]))
        assert count == v["count"] == after.count(v["round"], v["window"])
    for v in vectors["forfeits"]:
        amount = compute_forfeit(int(v["bond"]), int(v["required"]), v["forfeitBps"])
        assert amount == int(v["amount"])


def test_payouts_and_what_is_held_match() -> None:
    vectors = read("payouts")
    purse = Purse()
    for v in vectors["rounds"]:
        rate, total, drop = (
            int(x) for x in (vectors["rateWeiPerNano"], v["totalNano"], v["dropNano"])
        )
        purse, payout = pay_round(purse, int(v["stream"]), compute_due_wei(rate, total, drop))
        assert payout == int(v["payout"])
        assert purse == Purse(int(v["pot"]), int(v["held"]))


def test_credits_and_debts_match() -> None:
    for v in read("credits")["credits"]:
        credit, after = settle_share(int(v["shareNano"]), int(v["debtNano"]))
        assert (str(credit), str(after)) == (v["creditNano"], v["debtAfterNano"])


def test_weights_match() -> None:
    for v in read("weights")["weights"]:
        assert compute_weights(v["numExamples"], v["maxWeightShareBps"]) == v["weights"]


def test_a_total_weight_beyond_exact_arithmetic_is_refused() -> None:
    with pytest.raises(ValueError, match="below 2"):
        compute_weights([2**29, 2**29], 10_000)


def test_typed_data_matches_the_vector_and_another_library() -> None:
    v = read("typed-data")
    digest = bytes.fromhex(v["digest"][2:])
    point = Commitment(bytes.fromhex(v["sampleCommitment"][2:]))
    where = (v["chainId"], v["registry"], v["roundId"], v["node"], digest)
    assert "0x" + compute_upload_hash(*where).hex() == v["uploadHash"]
    assert "0x" + compute_receipt_hash(*where, point.key).hex() == v["receiptHash"]
    domain = {
        "name": "zk0",
        "version": "1",
        "chainId": v["chainId"],
        "verifyingContract": v["registry"],
    }
    fields = [
        {"name": "round", "type": "uint256"},
        {"name": "node", "type": "address"},
        {"name": "digest", "type": "bytes32"},
    ]
    message = {"round": v["roundId"], "node": v["node"], "digest": digest}
    signable = encode_typed_data(domain, {"Upload": fields}, message)
    theirs = keccak(b"\x19" + signable.version + signable.header + signable.body)
    assert "0x" + theirs.hex() == v["uploadHash"]


def test_directions_match() -> None:
    v = read("directions")
    gradients = {
        task: np.frombuffer(bytes.fromhex(g), np.float32) for task, g in v["gradients"].items()
    }
    positions = np.arange(len(v["indices"]), dtype=np.int64)
    found = compute_directions(gradients, positions, v["parameterCount"])
    assert found.common.tobytes().hex() == v["common"]
    assert str(found.unit) == v["unit"]
    assert pack_directions(found, v["tasks"]).hex() == v["packed"]


def test_an_agreement_is_exact() -> None:
    rng = np.random.default_rng(0)
    v, d = (rng.integers(-127, 128, 3840).astype(np.int8) for _ in range(2))
    t = rng.integers(-1, 2, 3840).astype(np.int8)
    found = compute_agreement(v, t, d)
    wide = [[int(x) for x in a] for a in (v, t, d)]
    assert found.common == sum(a * b for a, b in zip(wide[0], wide[2], strict=True))
    assert found.task == sum(a * b for a, b in zip(wide[1], wide[2], strict=True))
    assert found.square == sum(a * a for a in wide[2])
    assert found.absolute == sum(abs(a) for a in wide[2])
    with pytest.raises(ValueError, match="-128"):
        compute_agreement(v, t, np.full(3840, -128, np.int8))


class Replay:
    """The Python state machine driven by the recorded steps."""

    def __init__(self, vectors: dict[str, Any]) -> None:
        self.v = vectors
        self.versions = [Parameters(**p) for p in vectors["parameters"]]
        self.parameters = self.next_parameters = self.versions[0]
        self.head = bytes.fromhex(vectors["genesis"][2:])
        self.round: Round | None = None
        self.debts: dict[str, int] = {}
        self.credited = 0

    def check_credits(self, r: Round, s: dict[str, Any]) -> None:
        """Once for each round, when it is over."""
        if not r.phase.is_over:
            assert (s["credits"], s["debts"]) == ([], [])
            return
        if r.round_id == self.credited:
            return
        found = credit_round(r, self.debts)
        self.debts, self.credited = dict(found.debt_nano), r.round_id
        assert [str(credit) for credit in found.credit_nano] == s["credits"]
        assert [str(self.debts.get(node, 0)) for node in self.v["nodes"]] == s["debts"]
        assert str(found.drop_nano) == s["drop"]

    def apply(self, s: dict[str, Any]) -> Round:
        now, block, a = s["now"], s["block"], [int(x) for x in s["args"]]
        r, p, v = self.round, self.parameters, self.v
        if s["op"] == "open":
            opened = step.open_round(r, self.head, bytes([9]) * 32, self.next_parameters, now)
            self.parameters = self.next_parameters
            return opened
        assert r is not None
        expired = block > r.closing_block + 256
        draw = {
            "chain_id": v["chainId"],
            "registry": v["registry"],
            "now": now,
            "block": block,
            "block_hash": None if expired else bytes.fromhex(v["blockHash"][2:]),
        }
        match s["op"]:
            case "commit":
                return step.commit_update(
                    r, p, node=v["nodes"][a[0]], task=a[0] % 3,
                    dataset_size=v["datasetSizes"][a[0]], digest=a[1].to_bytes(32, "big"),
                    num_examples=a[2], exponent=a[3], joined_at=0, now=now,
                )  # fmt: skip
            case "close":
                return step.close_commits(
                    r, p, active_count=5, is_coordinator=bool(a[0]), now=now, block=block
                )
            case "drawSample":
                return step.draw_sample(r, p, **draw)
            case "sample":
                seed = r.sample_seed if a[1] else bytes([1]) * 32
                key = Commitment(bytes([a[0] + 1]) * 64).key
                return step.commit_sample(
                    r, node=v["nodes"][a[0]], sample_seed=seed, sample_key=key, now=now
                )
            case "seal":
                n = a[1]
                return step.seal_round(
                    r, p, candidate=(500 + r.round_id).to_bytes(32, "big"),
                    clip_shifts=a[2 : 2 + n], missing=[MissingReason(m) for m in a[2 + n :]],
                    is_coordinator=bool(a[0]), now=now, block=block,
                )  # fmt: skip
            case "drawChallenge":
                return step.draw_challenge(r, p, **draw)
            case "publish":
                return step.publish_challenge(
                    r, p, challenge=bytes([3]) * 32, unit=a[1], base_loss_nano=a[2],
                    candidate_loss_nano=a[3], common_key=bytes(32), task_keys=[bytes(32)] * 3,
                    is_coordinator=bool(a[0]), now=now,
                )  # fmt: skip
            case "prove":
                return step.prove_contribution(
                    r, p, node=v["nodes"][a[0]], agreement=Agreement(a[1], a[2], a[3], 5),
                    sample_size=v["sampleSize"], now=now,
                )  # fmt: skip
            case "finalize":
                nodes = [c.node for i, c in enumerate(r.contributions) if a[4] >> i & 1]
                end = Finalization(
                    a[1].to_bytes(32, "big"), "c", bytes([4]) * 32, "r", a[2], a[3],
                    frozenset(nodes),
                )  # fmt: skip
                return step.finalize_round(r, p, end, is_coordinator=bool(a[0]), now=now)
            case "abort":
                return step.abort_round(r, p, is_coordinator=bool(a[0]), now=now)
        raise AssertionError(s["op"])


def test_state_machine_matches_the_recorded_scenarios() -> None:
    vectors = read("rounds")
    for scenario in vectors["scenarios"]:
        replay = Replay(vectors)
        for s in scenario:
            before = replay.round
            if s["op"] == "rules":
                replay.next_parameters = replay.versions[int(s["args"][0])]
            elif s["ok"]:
                replay.round = replay.apply(s)
            else:
                with pytest.raises(RoundError):
                    replay.apply(s)
                assert replay.round == before
            r = replay.round
            if r is None:
                continue
            assert (int(r.phase), r.deadline, r.total_weight) == (
                s["phase"],
                s["deadline"],
                s["totalWeight"],
            )
            assert [int(c.outcome) for c in r.contributions] == s["outcomes"]
            assert [str(c.share_nano) for c in r.contributions] == s["shares"]
            if r.phase is Phase.FINALIZED:
                replay.head = r.checkpoint
            replay.check_credits(r, s)


def test_recorded_scenarios_reach_every_phase_and_refuse_every_operation() -> None:
    scenarios = read("rounds")["scenarios"]
    steps = [s for scenario in scenarios for s in scenario]
    assert {s.get("phase") for s in steps} >= {1, 2, 3, 4, 5, 6, 7}
    refused = {s["op"] for s in steps if not s["ok"]}
    assert {s["op"] for s in steps if s["ok"]} == refused | {"rules"}


def test_recorded_scenarios_have_credits_debts_and_debts_that_are_paid_off() -> None:
    credited = incurred = paid = 0
    for scenario in read("rounds")["scenarios"]:
        before = [0] * 5
        for s in scenario:
            if not s["debts"]:
                continue
            debts = [int(debt) for debt in s["debts"]]
            credited += any(credit != "0" for credit in s["credits"])
            incurred += any(a > b for a, b in zip(debts, before, strict=True))
            paid += any(a < b for a, b in zip(debts, before, strict=True))
            before = debts
    assert min(credited, incurred) > 20
    assert paid >= 5


def test_parameters_out_of_bounds_are_refused() -> None:
    good = Parameters(**read("rounds")["parameters"][0])
    bad = (
        {"quorum": 0},
        {"max_nodes": 257},
        {"min_exponent": -23},
        {"max_exponent": 1},
        {"z_min": 0},
        {"commit_window_s": 5},
        {"seal_window_s": 0},
        {"max_weight_share_bps": 10_001},
        {"parameter_count": 0},
    )
    for change in bad:
        with pytest.raises(ValueError, match="network parameters"):
            replace(good, **change)
