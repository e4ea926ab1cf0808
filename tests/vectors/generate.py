"""Write the golden vectors that pytest and forge both read: `python tests/vectors/generate.py`.

Every number comes from the Python implementation; what keeps it honest is that Solidity (and,
for typed data and floats, another library) computes the same from its own code.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from zk0.errors import RoundError
from zk0.protocol import transitions as step
from zk0.protocol.challenge import (
    Directions,
    compute_directions,
    pack_directions,
)
from zk0.protocol.checkpoint import Checkpoint, CheckpointMetadata
from zk0.protocol.commitment import compute_receipt_hash, compute_upload_hash
from zk0.protocol.contribution import (
    Contribution,
    MissingReason,
    Outcome,
    compute_share_nano,
    compute_weights,
)
from zk0.protocol.credits import RoundCredits, credit_round, settle_share
from zk0.protocol.faults import FaultHistory, add_fault, compute_forfeit
from zk0.protocol.payout import Purse, compute_due_wei, pay_round
from zk0.protocol.randomness import Stream, compute_seed, draw_frames, draw_sample
from zk0.protocol.round import Finalization, Parameters, Phase, Round
from zk0.protocol.statement import (
    Address,
    Agreement,
    Commitment,
    Digest,
    compute_alignment_bps,
    compute_context,
    is_admitted,
)
from zk0.protocol.update import Update, UpdateMetadata, quantise

HERE = Path(__file__).parent
REGISTRY = Address("0x" + "5a4b30" * 6 + "5a4b")
NODES = [Address(f"0x{i:040x}") for i in range(0xA11CE0, 0xA11CE8)]
CHAIN_ID = 31337


def write(name: str, value: Any) -> None:
    indent = None if name == "rounds.json" else 1
    (HERE / name).write_text(json.dumps(value, indent=indent, sort_keys=True) + "\n")


def seeds() -> dict[str, Any]:
    block_hash = bytes(range(32))
    out = []
    for label in ("sample", "challenge"):
        for chain_id, round_id in ((31337, 1), (1, 7), (2**64, 2**40)):
            seed = compute_seed(label, block_hash, chain_id, REGISTRY, round_id)
            out.append(
                {
                    "label": label,
                    "blockHash": "0x" + block_hash.hex(),
                    "chainId": chain_id,
                    "registry": REGISTRY,
                    "roundId": round_id,
                    "seed": "0x" + seed.hex(),
                }
            )
    seed = compute_seed("sample", block_hash, CHAIN_ID, REGISTRY, 1)
    stream = Stream(seed, "demo")
    numbers = {
        "seed": "0x" + seed.hex(),
        "label": "demo",
        "words": [str(stream.word()) for _ in range(6)],
        "below1000": [Stream(seed, f"b{i}").below(1000) for i in range(8)],
        "belowLarge": str(Stream(seed, "big").below(2**63 + 1)),
        "sample": draw_sample(seed, 16, 840_768).tolist(),
        "frames": draw_frames(seed, "lift", [1, 0, 0, 2, 0, 1], 5),
        "uniforms": [x.hex() for x in Stream(seed, "u").uniforms(5).tolist()],
        "normals": [x.hex() for x in Stream(seed, "n").normals(5).astype(np.float32).tolist()],
    }
    return {"seeds": out, "numbers": numbers}


def statement() -> dict[str, Any]:
    contexts = [
        {
            "chainId": chain_id,
            "registry": REGISTRY,
            "roundId": round_id,
            "node": node,
            "context": str(compute_context(chain_id, REGISTRY, round_id, node)),
        }
        for chain_id, round_id, node in (
            (31337, 1, NODES[0]),
            (1, 2, NODES[1]),
            (10**9, 3, NODES[2]),
        )
    ]
    rng = random.Random(5)
    alignments = []
    for m in (960, 3840):
        for _ in range(20):
            q = rng.randrange(0, 127 * 127 * m)
            t = rng.randrange(-127 * m, 127 * m) // rng.choice([1, 20, 400])
            a = Agreement(0, t, q, 0)
            alignments.append(
                {
                    "task": t,
                    "square": q,
                    "sampleSize": m,
                    "alignmentBps": compute_alignment_bps(a, m),
                    "admitted": is_admitted(a, 4),
                }
            )
    for t, q in ((4, 1), (-4, 1), (0, 0), (1, 0), (40, 100), (39, 100), (40, 101)):
        a = Agreement(0, t, q, 0)
        alignments.append(
            {
                "task": t,
                "square": q,
                "sampleSize": 960,
                "alignmentBps": compute_alignment_bps(a, 960),
                "admitted": is_admitted(a, 4),
            }
        )
    return {"contexts": contexts, "alignments": alignments, "zMin": 4}


def shares() -> dict[str, Any]:
    rng = random.Random(6)
    rows = []
    for _ in range(90):
        total = rng.randrange(1, 2**30)
        weight = rng.randrange(1, total + 1)
        a = rng.randrange(-(127**2) * 3840, 127**2 * 3840)
        unit = rng.randrange(1, 2 ** rng.choice([40, 60, 90, 127]))
        e = -rng.randrange(0, 65)
        rows.append(
            {
                "common": a,
                "weight": weight,
                "totalWeight": total,
                "unit": str(unit),
                "effectiveExponent": e,
                "shareNano": str(compute_share_nano(a, weight, total, unit, e)),
            }
        )
    return {"shares": rows}


def weights() -> dict[str, Any]:
    rng = random.Random(7)
    rows = []
    for _ in range(30):
        n = [rng.randrange(1, 2 ** rng.choice([1, 8, 20])) for _ in range(rng.randrange(1, 9))]
        bps = rng.choice([1, 2500, 3333, 5000, 10000])
        rows.append(
            {"numExamples": n, "maxWeightShareBps": bps, "weights": compute_weights(n, bps)}
        )
    return {"weights": rows}


def settled_shares() -> dict[str, Any]:
    """One node's accepted shares one after the other, so that its debt grows and shrinks."""
    rng, debt, rows = random.Random(11), 0, []
    for position in range(60):
        share = rng.randrange(-(2**31), 2**31) << rng.choice([0, 0, 0, 30, 90])
        if position % 15 == 14:
            share = rng.choice([0, debt, debt + (1 << 120), -(1 << 127) + 1])
        credit, after = settle_share(share, debt)
        rows.append(
            {
                "shareNano": str(share),
                "debtNano": str(debt),
                "creditNano": str(credit),
                "debtAfterNano": str(after),
            }
        )
        debt = after if after < 1 << 60 else 0
    return {"credits": rows}


def typed_data() -> dict[str, Any]:
    digest, point = Digest(bytes(range(32))), Commitment(bytes(range(64)))
    return {
        "chainId": CHAIN_ID,
        "registry": REGISTRY,
        "roundId": 3,
        "node": NODES[0],
        "digest": "0x" + digest.hex(),
        "sampleCommitment": "0x" + point.point.hex(),
        "sampleKey": "0x" + point.key.hex(),
        "uploadHash": "0x" + compute_upload_hash(CHAIN_ID, REGISTRY, 3, NODES[0], digest).hex(),
        "receiptHash": "0x"
        + compute_receipt_hash(CHAIN_ID, REGISTRY, 3, NODES[0], digest, point.key).hex(),
    }


def files() -> dict[str, Any]:
    """Whole files as hexadecimal: the bytes that any other implementation must write."""
    rng = np.random.default_rng(3)
    tensors = {
        "b.weight": rng.standard_normal((2, 3)).astype(np.float32),
        "a.bias": rng.standard_normal(4).astype(np.float32),
    }
    checkpoint = Checkpoint(
        tensors, CheckpointMetadata(CHAIN_ID, REGISTRY, 2, Digest(bytes(32)), "tiny", "all")
    )
    path = HERE / "part.safetensors"
    base = checkpoint.write(path)
    checkpoint_hex = path.read_bytes().hex()
    quantised = quantise({n: t * np.float32(0.01) for n, t in tensors.items()}, -24, -8)
    meta = UpdateMetadata(CHAIN_ID, REGISTRY, 3, NODES[0], base, quantised.exponent, 120, "all")
    digest = Update(quantised.digits, meta).write(path)
    update_hex = path.read_bytes().hex()
    path.unlink()
    return {
        "checkpoint": {"file": checkpoint_hex, "digest": base.hex()},
        "update": {"file": update_hex, "digest": digest.hex()},
    }


def directions() -> dict[str, Any]:
    rng = np.random.default_rng(4)
    indices = np.arange(0, 900, 10, dtype=np.int64)
    gradients = {t: (rng.standard_normal(900) * 1e-2).astype(np.float32) for t in ("lift", "place")}
    gradients["lift"][::20] = 0
    found: Directions = compute_directions(gradients, indices, 900)
    return {
        "parameterCount": 900,
        "indices": indices.tolist(),
        "gradients": {t: g[indices].tobytes().hex() for t, g in gradients.items()},
        "common": found.common.tobytes().hex(),
        "unit": str(found.unit),
        "tasks": ["place", "lift"],
        "packed": pack_directions(found, ["place", "lift"]).hex(),
    }


PARAMETERS = Parameters(
    min_commit_window_s=10, commit_window_s=60, collect_window_s=50, seal_window_s=40,
    challenge_window_s=30, proving_window_s=70, finalize_window_s=20, quorum=2, max_nodes=4,
    min_exponent=-20, max_exponent=-6, max_weight_share_bps=5000, z_min=4,
    max_regression_nano=1000, parameter_count=10_000, frames_per_task=8,
)  # fmt: skip


RULES = (
    PARAMETERS,
    replace(
        PARAMETERS, min_commit_window_s=5, commit_window_s=90, collect_window_s=30,
        seal_window_s=60, challenge_window_s=50, proving_window_s=40, finalize_window_s=30,
        quorum=3, max_nodes=5, min_exponent=-18, max_exponent=-8, max_weight_share_bps=3500,
        z_min=5, max_regression_nano=10**7,
    ),
)  # fmt: skip
"""Versions that scenarios change between."""


class Scenario:
    """Random walks through the Python state machine, written down step by step.

    A calm one makes few mistakes and its candidates are better than their bases, so that rounds
    end with credits, and later ones pay off the debts of earlier ones.
    """

    def __init__(self, seed: int, *, is_calm: bool = False) -> None:
        self.rng = random.Random(seed)
        self.mistakes = 0.02 if is_calm else 0.12
        self.is_calm = is_calm
        self.now, self.block = 1_000_000, 1000
        self.round: Round | None = None
        self.debts: Mapping[Address, int] = {}
        self.credits: RoundCredits | None = None
        self.rules = self.next_rules = RULES[0]
        self.head = Digest((1).to_bytes(32, "big"))
        self.steps: list[dict[str, Any]] = []

    def run(self) -> list[dict[str, Any]]:
        for _ in range(120 if self.is_calm else 90):
            late = self.rng.random() < 0.04
            self.now += self.rng.randrange(60, 140) if late else self.rng.randrange(1, 8)
            self.block += 300 if self.rng.random() < 0.03 else 1
            self._step()
        return self.steps

    def _step(self) -> None:
        if self.round is not None and self.rng.random() < 0.03:
            self._change()
            return
        op = self._choose()
        args, act = getattr(self, f"_{op}")()
        try:
            self.round = act()
            ok = True
            if op == "open":
                self.rules = self.next_rules
        except RoundError:
            ok = False
        self._record(op, args, ok)

    def _change(self) -> None:
        """Other rules for the next round; the present one must not notice."""
        number = self.rng.randrange(len(RULES))
        self.next_rules = RULES[number]
        self._record("rules", [number], True)

    def _record(self, op: str, args: list[Any], ok: bool) -> None:
        entry: dict[str, Any] = {
            "op": op,
            "now": self.now,
            "block": self.block,
            "args": args,
            "ok": ok,
        }
        if self.round is not None:
            r = self.round
            if r.phase is Phase.FINALIZED:
                self.head = r.checkpoint
            entry |= {
                "roundId": r.round_id,
                "phase": int(r.phase),
                "deadline": r.deadline,
                "totalWeight": r.total_weight,
                "outcomes": [int(c.outcome) for c in r.contributions],
                "shares": [str(c.share_nano) for c in r.contributions],
                **self._describe_credits(),
            }
        self.steps.append(entry)

    def _describe_credits(self) -> dict[str, Any]:
        """Written down once the round is over; empty before."""
        assert self.round is not None
        if not self.round.phase.is_over:
            self.credits = None
            return {"credits": [], "debts": [], "drop": "0"}
        if self.credits is None:
            self.credits = credit_round(self.round, self.debts)
            self.debts = self.credits.debt_nano
        return {
            "credits": [str(credit) for credit in self.credits.credit_nano],
            "debts": [str(self.debts.get(node, 0)) for node in NODES[:5]],
            "drop": str(self.credits.drop_nano),
        }

    def _choose(self) -> str:
        likely = {
            None: ["open"],
            Phase.COMMITTING: ["commit"] * 5 + ["close"] * 3,
            Phase.SAMPLING: ["drawSample"],
            Phase.COLLECTING: ["sample"] * 6 + ["seal"] * 2,
            Phase.SEALED: ["drawChallenge", "publish"],
            Phase.PROVING: ["prove"] * 5 + ["finalize"] * 2,
            Phase.FINALIZED: ["open"],
            Phase.ABORTED: ["open"],
        }
        everything = sorted({op for ops in likely.values() for op in ops} | {"abort"})
        if self.rng.random() < self.mistakes and self.round is not None:
            return self.rng.choice(everything)
        r = self.round
        if r and r.phase is Phase.PROVING and Outcome.NONE not in [c.outcome for c in r.available]:
            return "finalize"
        if r and r.phase is Phase.SEALED and r.challenge_seed != bytes(32):
            return "publish"
        return self.rng.choice(likely[r.phase if r else None])

    def _pick(self, wanted: Callable[[Contribution], bool]) -> int:
        """Usually a committed node for which the step makes sense, sometimes any."""
        entries = self.round.contributions if self.round else ()
        fitting = [NODES.index(c.node) for c in entries if wanted(c)]
        if fitting and self.rng.random() < 0.85:
            return self.rng.choice(fitting)
        return self.rng.randrange(5)

    def _coordinator(self) -> bool:
        return self.rng.random() > 0.1

    def _hash(self) -> bytes | None:
        assert self.round is not None
        return None if self.block > self.round.closing_block + 256 else bytes([7]) * 32

    def _open(self) -> Any:
        pool = bytes([9]) * 32
        return [], lambda: step.open_round(self.round, self.head, pool, self.next_rules, self.now)

    def _commit(self) -> Any:
        who, n, e = self.rng.randrange(5), self.rng.randrange(0, 105), self.rng.randrange(-21, -5)
        d = self.rng.randrange(0, 400)
        r = self.round
        return [who, d, n, e], lambda: step.commit_update(
            r, self.rules, node=NODES[who], task=who % 3, dataset_size=100 + who,
            joined_at=0,
            digest=Digest(d.to_bytes(32, "big")), num_examples=n, exponent=e, now=self.now,
        )  # fmt: skip

    def _close(self) -> Any:
        r, c = self.round, self._coordinator()
        return [int(c)], lambda: step.close_commits(
            r, self.rules, active_count=5, is_coordinator=c, now=self.now, block=self.block
        )

    def _drawSample(self) -> Any:  # noqa: N802 - named like the contract's function
        r = self.round
        return [], lambda: step.draw_sample(
            r, self.rules, chain_id=CHAIN_ID, registry=REGISTRY, now=self.now,
            block=self.block, block_hash=self._hash(),
        )  # fmt: skip

    def _sample(self) -> Any:
        r, who = self.round, self._pick(lambda c: c.sample_key is None)
        right = self.rng.random() > 0.1
        assert r is not None
        seed = r.sample_seed if right else bytes([1]) * 32
        key = Commitment(bytes([who + 1]) * 64).key
        return [who, int(right)], lambda: step.commit_sample(
            r, node=NODES[who], sample_seed=seed, sample_key=key, now=self.now
        )

    def _seal(self) -> Any:
        r, c = self.round, self._coordinator()
        assert r is not None
        n = len(r.contributions)
        missing = [self.rng.choice([0, 0, 0, 0, 0, 1, 6]) for _ in range(n)]
        if self.is_calm:
            missing = [0] * n
        shifts = [0 if m or self.rng.random() < 0.6 else self.rng.randrange(0, 3) for m in missing]
        return [int(c), n, *shifts, *missing], lambda: step.seal_round(
            r, self.rules, candidate=Digest((500 + r.round_id).to_bytes(32, "big")),
            clip_shifts=shifts, missing=[MissingReason(m) for m in missing], is_coordinator=c,
            now=self.now, block=self.block,
        )  # fmt: skip

    def _drawChallenge(self) -> Any:  # noqa: N802 - named like the contract's function
        r = self.round
        return [], lambda: step.draw_challenge(
            r, self.rules, chain_id=CHAIN_ID, registry=REGISTRY, now=self.now,
            block=self.block, block_hash=self._hash(),
        )  # fmt: skip

    def _publish(self) -> Any:
        r, c = self.round, self._coordinator()
        losses = (self.rng.randrange(0, 10**9), self.rng.randrange(0, 10**9))
        if self.is_calm:
            losses = (max(losses), min(losses))
        unit = self.rng.randrange(1, 2**60)
        return [int(c), unit, *losses], lambda: step.publish_challenge(
            r, self.rules, challenge=Digest(bytes([3]) * 32), unit=unit, base_loss_nano=losses[0],
            candidate_loss_nano=losses[1], common_key=bytes(32), task_keys=[bytes(32)] * 3,
            is_coordinator=c, now=self.now,
        )  # fmt: skip

    def _prove(self) -> Any:
        unproven = lambda c: c.is_available and c.outcome is Outcome.NONE  # noqa: E731
        r, who = self.round, self._pick(unproven)
        a, t = self.rng.randrange(-(10**6), 10**6), self.rng.randrange(-2000, 20000)
        q = self.rng.randrange(1, 10**7)
        if self.is_calm:
            a, t = self.rng.randrange(-(10**6), 3 * 10**6), 20_000
        return [who, a, t, q], lambda: step.prove_contribution(
            r, self.rules, node=NODES[who], agreement=Agreement(a, t, q, 5), sample_size=960,
            now=self.now,
        )  # fmt: skip

    def _finalize(self) -> Any:
        r, c = self.round, self._coordinator()
        assert r is not None
        accepted = [c for c in r.available if c.outcome is Outcome.ACCEPTED]
        everyone = len(accepted) == len(r.available)
        aggregate = r.candidate_loss_nano if everyone else self.rng.randrange(0, 10**9)
        hit = aggregate > r.base_loss_nano + self.rules.max_regression_nano
        kept = not accepted or (hit and self.rng.random() < 0.5)
        if not accepted:
            aggregate = r.base_loss_nano
        final = r.base_loss_nano if kept or hit else aggregate
        indexes = [i for i, c in enumerate(r.contributions) if c in accepted]
        harmful = indexes[:1] if hit else []
        if self.rng.random() < 0.3:
            kept = not kept
        if self.rng.random() < 0.2:
            final = self.rng.randrange(0, 10**9)
        if self.rng.random() < 0.2:
            harmful = [self.rng.randrange(len(r.contributions))] if r.contributions else []
        candidate = everyone == (self.rng.random() < 0.9)
        new = r.candidate if candidate else Digest((900 + r.round_id).to_bytes(32, "big"))
        end = Finalization(
            checkpoint=r.base if kept else new, checkpoint_cid="c", report=Digest(bytes([4]) * 32),
            report_cid="r", aggregate_loss_nano=aggregate, final_loss_nano=final,
            harmful=frozenset(r.contributions[i].node for i in harmful),
        )  # fmt: skip
        bitmap = sum(1 << i for i in harmful)
        args = [int(c), int.from_bytes(end.checkpoint, "big"), aggregate, final, bitmap]
        return args, lambda: step.finalize_round(r, self.rules, end, is_coordinator=c, now=self.now)

    def _abort(self) -> Any:
        r, c = self.round, self.rng.random() < 0.3
        return [int(c)], lambda: step.abort_round(r, self.rules, is_coordinator=c, now=self.now)


def faults() -> dict[str, Any]:
    rng = random.Random(4)
    histories = [(FaultHistory(), 1), (FaultHistory(1, 1), 1), (FaultHistory(9, 2**64 - 1), 10)]
    histories += [(FaultHistory(9, 2**63), 10), (FaultHistory(9, 3), 72), (FaultHistory(9, 3), 73)]
    for _ in range(40):
        last = rng.randrange(1, 2**40)
        before = FaultHistory(last, rng.getrandbits(64) | 1)
        histories.append((before, last + rng.choice([0, 1, 2, 5, 30, 63, 64, 65, 10**6])))
    counted = []
    for before, round_id in histories:
        for window in (1, rng.randrange(2, 64), 64):
            after, count = add_fault(before, round_id, window)
            counted.append(
                {
                    "lastRound": before.last_round,
                    "recent": str(before.recent),
                    "round": round_id,
                    "window": window,
                    "nextLastRound": after.last_round,
                    "nextRecent": str(after.recent),
                    "count": count,
                }
            )
    amounts = [(0, 100, 2500), (100, 100, 2500), (3, 3, 1), (10, 10**18, 5000), (10**20, 10**18, 1)]
    return {
        "faults": counted,
        "forfeits": [
            {
                "bond": str(bond),
                "required": str(required),
                "forfeitBps": bps,
                "amount": str(compute_forfeit(bond, required, bps)),
            }
            for bond, required, bps in amounts
        ],
    }


def payouts() -> dict[str, Any]:
    """Rounds of one vault, one after the other: what each is due, gets, and leaves."""
    rng = random.Random(9)
    purse, rate, rows = Purse(), 1000, []
    for _ in range(60):
        stream = rng.choice((0, 0, 100, 10**6, rng.randrange(10**9)))
        total = rng.choice((0, 0, rng.randrange(1, 1 << 40)))
        drop = rng.choice((0, 1, rng.randrange(10**4), rng.randrange(10**9)))
        purse, payout = pay_round(purse, stream, compute_due_wei(rate, total, drop))
        rows.append(
            {
                "stream": str(stream),
                "totalNano": str(total),
                "dropNano": str(drop),
                "payout": str(payout),
                "pot": str(purse.pot_wei),
                "held": str(purse.held_wei),
            }
        )
    return {"rateWeiPerNano": str(rate), "rounds": rows}


def rounds() -> dict[str, Any]:
    return {
        "chainId": CHAIN_ID,
        "registry": REGISTRY,
        "nodes": NODES[:5],
        "sampleSize": 960,
        "taskCount": 3,
        "blockHash": "0x" + "07" * 32,
        "genesis": "0x" + (1).to_bytes(32, "big").hex(),
        "datasetSizes": [100 + i for i in range(5)],
        "parameters": [asdict(p) for p in RULES],
        "scenarios": [Scenario(seed).run() for seed in range(30)]
        + [Scenario(seed, is_calm=True).run() for seed in range(30, 42)],
    }


def main() -> None:
    write("seeds.json", seeds())
    write("statement.json", statement())
    write("shares.json", shares())
    write("weights.json", weights())
    write("credits.json", settled_shares())
    write("typed-data.json", typed_data())
    write("files.json", files())
    write("directions.json", directions())
    write("faults.json", faults())
    write("payouts.json", payouts())
    write("rounds.json", rounds())


if __name__ == "__main__":
    main()
