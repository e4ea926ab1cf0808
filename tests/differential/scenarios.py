"""Random rounds: mostly what moves them on, and now and then whatever comes to mind."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import isqrt
from typing import Any

from tests.differential.recording import RecordedChain, Recorder
from tests.differential.state import view_everything, view_round
from zk0.ports import Cid, Network, PublishedChallenge
from zk0.protocol.contribution import MissingReason, Outcome
from zk0.protocol.coordinators import Coordinators
from zk0.protocol.round import Finalization, Parameters, Phase, Round
from zk0.protocol.statement import Address, Agreement, Commitment, Digest

ZERO = bytes(32)
WANDERING = 0.2
"""How often a call is any call at all."""
CALLS_PER_ROUND = 150
"""After so many the coordinator aborts: no round lasts for ever."""


@dataclass(frozen=True, slots=True)
class Site:
    """The network that forge deploys, as it describes it before the rounds are made."""

    network: Network
    accounts: tuple[Address, ...]
    stranger: Address
    nodes: Mapping[Address, Any]
    """Registrations that the deployment comes with."""
    exit_delay_s: int
    coordinator_set: Address
    coordinators: Coordinators


def draw_parameters(draw: random.Random, template: Parameters) -> Parameters:
    """Rules within the contract's bounds; windows short enough for the deployed exit delay."""
    window = lambda: draw.randint(5, 120)  # noqa: E731
    commit_window_s = window()
    top = draw.randint(-20, 0)
    return replace(
        template,
        min_commit_window_s=draw.randint(1, commit_window_s),
        commit_window_s=commit_window_s,
        collect_window_s=window(),
        seal_window_s=window(),
        challenge_window_s=window(),
        proving_window_s=window(),
        finalize_window_s=window(),
        quorum=draw.randint(1, 3),
        max_nodes=draw.randint(3, 6),
        min_exponent=top - draw.randint(0, 16),
        max_exponent=top,
        max_weight_share_bps=draw.choice([1, 2500, 6000, 10_000, draw.randint(1, 10_000)]),
        z_min=draw.randint(1, 9),
        max_regression_nano=draw.choice([0, 1000, draw.randint(0, 5000)]),
    )


class Scenario:
    """One network and its rounds. `tally` counts how each kind of call ended."""

    def __init__(self, site: Site, seed: int, rounds: int) -> None:
        self.draw = random.Random(seed)
        parameters = draw_parameters(self.draw, site.network.parameters)
        self.site = site
        self.parameters = parameters
        network = replace(site.network, parameters=parameters)
        self.chain = RecordedChain(
            network, verify=lambda _, proof: bool(proof), exit_delay_s=site.exit_delay_s,
            seats=site.coordinators,
        )  # fmt: skip
        self.chain.coordinator_set = site.coordinator_set
        self.chain.nodes.update(site.nodes)
        self.recorder = Recorder(self.chain)
        self.tally: Counter[tuple[str, str]] = Counter()
        self._rounds = rounds
        self._digests: list[Digest] = [network.genesis]

    def play(self) -> None:
        """Until the wanted number of rounds is over."""
        for account in self.site.accounts:
            if self._chance(0.8):
                self._join(account)
        since = 0
        while len(self.chain.rounds) < self._rounds or not self._round.phase.is_over:
            self._pass_time()
            was = self._round.phase
            if since > CALLS_PER_ROUND:
                self._call(self._coordinator, "abort_round", self._round.round_id)
            elif self._chance(WANDERING):
                self._wander()
            else:
                self._advance()
            over = self._round.phase.is_over and not was.is_over
            since = 0 if over else since + 1
            if over or self._chance(0.1):
                view_round(self.recorder, self._round.round_id)
        view_everything(self.recorder, list(self.site.accounts))

    # ------------------------------------------------------------------ parts

    @property
    def _coordinator(self) -> Address:
        return self.chain.coordinators.current or self.site.stranger

    @property
    def _round(self) -> Round:
        return self.chain.get_round(len(self.chain.rounds))

    def _chance(self, probability: float) -> bool:
        return self.draw.random() < probability

    def _call(self, sender: Address, method: str, *args: Any, **named: Any) -> None:
        refusal = self.recorder.call(sender, method, *args, **named)
        self.tally[method, refusal.__name__ if refusal else "ok"] += 1

    def _pass_time(self) -> None:
        """Mostly a second; sometimes to the edge of a deadline, or until hashes expire."""
        self.chain.same_block = self._chance(0.05)
        if self.chain.same_block or self._chance(0.6):
            return
        edge = self.draw.choice([-2, -1, 0, self.draw.randint(0, 90)])
        target = self._round.deadline + edge + self.draw.choice([0, 0, self._grace()])
        now = self.chain.blocks[-1].timestamp
        if self._chance(0.06) and now < target:
            self.chain.advance(target - now)
        elif self._chance(0.5):
            self.chain.advance(self.draw.randint(1, 9))
        elif self._chance(0.03):
            for _ in range(self.draw.choice([254, 255, 256, 300])):
                self.chain.advance(0)

    def _grace(self) -> int:
        p = self.parameters
        return p.seal_window_s if self._round.phase is Phase.COLLECTING else p.finalize_window_s

    def _fresh(self) -> Digest:
        digest = Digest(self.draw.randbytes(32))
        self._digests.append(digest)
        return digest

    def _any_digest(self) -> Digest:
        """Now and then none, or one that was seen before."""
        if self._chance(0.04):
            return Digest(ZERO)
        return self.draw.choice(self._digests[-8:]) if self._chance(0.06) else self._fresh()

    def _someone(self) -> Address:
        return self.draw.choice([*self.site.accounts, self.site.stranger, self._coordinator])

    def _driver(self) -> Address:
        return self._coordinator if self._chance(0.9) else self._someone()

    # ------------------------------------------------------------------ what to do

    def _advance(self) -> None:
        """Something that the round waits for."""
        round_ = self._round
        uncommitted = [a for a in self.site.accounts if round_.contribution_of(a) is None]
        unsampled = [c.node for c in round_.contributions if c.sample_key is None]
        unproven = [
            c.node for c in round_.contributions if c.is_available and c.outcome is Outcome.NONE
        ]
        steps: dict[Phase, Callable[[], None]] = {
            Phase.COMMITTING: lambda: self._commit_or_close(round_, uncommitted),
            Phase.SAMPLING: lambda: self._call(self._someone(), "draw_sample", round_.round_id),
            Phase.COLLECTING: lambda: self._sample_or_seal(round_, unsampled),
            Phase.SEALED: lambda: self._challenge(round_),
            Phase.PROVING: lambda: self._prove_or_finalize(round_, unproven),
        }
        grace = self._grace() if round_.phase in (Phase.COLLECTING, Phase.PROVING) else 0
        late = self.chain.blocks[-1].timestamp - round_.deadline
        if late > grace and not round_.phase.is_over and self._chance(0.3):
            self._call(self._someone(), "abort_round", round_.round_id)
        elif late > 0 and round_.phase in LAST and self._chance(0.6):
            LAST[round_.phase](self, round_)
        else:
            steps.get(round_.phase, self._open)()

    def _wander(self) -> None:
        """Any call, of any round, by anybody."""
        round_ = self.chain.get_round(self.draw.randint(0, len(self.chain.rounds) + 1))
        of_round = self._round if self._chance(0.7) else round_
        who = self._someone()
        choices: list[Callable[[], None]] = [
            self._open,
            lambda: self._commit(of_round, who),
            lambda: self._call(who, "close_commits", of_round.round_id),
            lambda: self._call(who, "draw_sample", of_round.round_id),
            lambda: self._sample(of_round, who),
            lambda: self.seal(of_round),
            lambda: self._call(who, "draw_challenge", of_round.round_id),
            lambda: self._publish(of_round),
            lambda: self._prove(of_round, who),
            lambda: self.finalize(of_round),
            lambda: self._join(who),
            lambda: self._top_up(who),
            lambda: self._bond(who),
            lambda: self._call(who, "succeed_coordinator"),
            lambda: self._call(who, "request_exit"),
            lambda: self._call(who, "withdraw_bond"),
        ]
        if self._chance(0.15):
            choices.append(lambda: self._call(who, "abort_round", of_round.round_id))
        self.draw.choice(choices)()

    def _join(self, who: Address) -> None:
        size = self.draw.choice([0, 1, 100, 5000, 1 << 24, (1 << 24) + 1])
        bond = size * self.chain.network.bond_per_example_wei
        self._call(
            who, "join", task=self.draw.randint(0, len(self.chain.network.tasks)),
            dataset_size=size, node_key=b"k" * self.draw.choice([0, 1, 120, 120, 120, 256, 257]),
            bond_wei=max(0, bond + self.draw.choice([-1, 0, 0, 0, 7])),
        )  # fmt: skip

    def _top_up(self, who: Address) -> None:
        suspended = [node for node, entry in self.chain.nodes.items() if entry.is_suspended]
        node = self.draw.choice(suspended) if suspended and self._chance(0.8) else self._someone()
        entry = self.chain.nodes.get(node)
        size = entry.dataset_size if entry else 100
        required = size * self.chain.network.bond_per_example_wei
        self._call(who, "top_up", node, self.draw.choice([0, 1, required // 4, required]))

    def _bond(self, who: Address) -> None:
        seats = [seat.coordinator for seat in self.chain.coordinators.seats]
        target = self.draw.choice([*seats, who])
        self._call(who, "bond_coordinator", target, self.draw.choice([0, 1, 10**17, 10**18]))

    def _open(self) -> None:
        while self.chain.coordinators.current is None:
            self._bond(self.site.stranger)
        self._call(self._driver(), "open_round", self._any_digest())

    def _commit_or_close(self, round_: Round, uncommitted: list[Address]) -> None:
        if uncommitted and self._chance(0.85):
            self._commit(round_, self.draw.choice(uncommitted))
        else:
            self.close(round_)

    def close(self, round_: Round) -> None:
        self._call(self._driver(), "close_commits", round_.round_id)

    def _commit(self, round_: Round, who: Address) -> None:
        entry = self.chain.nodes.get(who)
        size = entry.dataset_size if entry else 5
        p = self.parameters
        count = self.draw.choice(
            [0, 1, size, size + 1, *(self.draw.randint(1, size) for _ in "....")]
        )
        exponent = self.draw.randint(p.min_exponent, p.max_exponent)
        if self._chance(0.08):
            exponent = self.draw.choice([p.min_exponent - 1, p.max_exponent + 1])
        self._call(who, "commit_update", round_.round_id, self._any_digest(), count, exponent)

    def _sample_or_seal(self, round_: Round, unsampled: list[Address]) -> None:
        if unsampled and self._chance(0.85):
            self._sample(round_, self.draw.choice(unsampled))
        else:
            self.seal(round_)

    def _sample(self, round_: Round, who: Address) -> None:
        seed = round_.sample_seed if self._chance(0.95) else self.draw.randbytes(32)
        self._call(who, "commit_sample", round_.round_id, seed, self._point())

    def _point(self) -> Commitment:
        return Commitment(bytes(64) if self._chance(0.03) else self.draw.randbytes(64))

    def seal(self, round_: Round) -> None:
        p, shifts, reasons = self.parameters, [], []
        for entry in round_.contributions:
            gone = entry.sample_key is None or self._chance(0.15)
            reason = MissingReason(self.draw.randint(1, 8)) if gone else MissingReason.NONE
            if self._chance(0.03):
                reason = self.draw.choice(list(MissingReason))
            room = entry.exponent - p.min_exponent
            shift = 0 if gone or self._chance(0.5) else self.draw.randint(0, room)
            if self._chance(0.03):
                shift = room + 1
            shifts.append(shift)
            reasons.append(reason)
        if self._chance(0.03):
            shifts.append(0)
        if self._chance(0.03):
            reasons.append(MissingReason.NONE)
        self._call(
            self._driver(), "seal_round", round_.round_id, self._any_digest(), shifts, reasons
        )

    def _challenge(self, round_: Round) -> None:
        if round_.challenge_seed == ZERO or self._chance(0.05):
            self._call(self._someone(), "draw_challenge", round_.round_id)
        else:
            self._publish(round_)

    def _publish(self, round_: Round) -> None:
        net = self.chain.network
        base = self.draw.randint(0, 10**9)
        tasks = len(net.tasks) + (self.draw.choice([-1, 1]) if self._chance(0.03) else 0)
        size = net.sample_size + len(net.tasks) * -(-net.sample_size // 4)
        size += self.draw.choice([-1, 1]) if self._chance(0.03) else 0
        self._call(
            self._driver(), "publish_challenge",
            PublishedChallenge(
                round_.round_id, self._any_digest(), self._cid(),
                unit=self.draw.getrandbits(self.draw.randint(0, 128)), base_loss_nano=base,
                candidate_loss_nano=max(0, base + self.draw.randint(-6000, 6000)),
                common=self._point(), tasks=tuple(self._point() for _ in range(tasks)),
                directions=bytes(size),
            ),
        )  # fmt: skip

    def _cid(self) -> Cid:
        return Cid("" if self._chance(0.03) else "bafk" + "x" * self.draw.randint(0, 60))

    def _prove_or_finalize(self, round_: Round, unproven: list[Address]) -> None:
        if unproven and self._chance(0.85):
            self._prove(round_, self.draw.choice(unproven))
        else:
            self.finalize(round_)

    def _prove(self, round_: Round, who: Address) -> None:
        """Sums that a real vector could have: |T| ≤ √(m·Q)."""
        m = self.chain.network.sample_size
        square = self.draw.randint(0, 127 * 127 * m)
        bound, z = isqrt(m * square), self.parameters.z_min
        task = self.draw.randint(-bound, bound)
        if self._chance(0.4):
            # The edge of what is admitted.
            task = min(bound, isqrt(z * z * square) + self.draw.randint(-1, 1))
        common = self.draw.randint(-127 * 127 * m, 127 * 127 * m)
        agreement = Agreement(common, task, square, self.draw.randint(0, 127 * m))
        proof = b"" if self._chance(0.05) else b"proof"
        self._call(who, "prove_contribution", round_.round_id, agreement, proof)

    def finalize(self, round_: Round) -> None:
        end = self._draw_end(round_)
        if self._chance(0.25):
            accounts = [c.node for c in round_.contributions]
            wrong: list[dict[str, Any]] = [
                {"checkpoint": round_.base}, {"checkpoint": self._any_digest()},
                {"final_loss_nano": end.final_loss_nano + 1},
                {"aggregate_loss_nano": end.aggregate_loss_nano + 1},
                {"report": Digest(ZERO)}, {"checkpoint": Digest(ZERO)},
                {"harmful": frozenset(a for a in accounts if self._chance(0.5))},
            ]  # fmt: skip
            end = replace(end, **self.draw.choice(wrong))
        self._call(self._driver(), "finalize_round", round_.round_id, end)

    def _draw_end(self, round_: Round) -> Finalization:
        """One of the ends that the rules leave open."""
        accepted = [c.node for c in round_.available if c.outcome is Outcome.ACCEPTED]
        everyone = len(accepted) == len(round_.available)
        base_loss = round_.base_loss_nano
        bound = base_loss + self.parameters.max_regression_nano
        aggregate = max(0, bound + self.draw.choice([-1, 0, 1, self.draw.randint(-9999, 9999)]))
        if everyone:
            aggregate = round_.candidate_loss_nano
        checkpoint, final = self._fresh(), aggregate
        harmful: frozenset[Address] = frozenset()
        if not accepted:
            checkpoint, aggregate, final = round_.base, base_loss, base_loss
        elif aggregate <= bound:
            checkpoint = round_.candidate if everyone else checkpoint
        else:
            count = self.draw.randint(0, len(accepted))
            harmful = frozenset(self.draw.sample(accepted, count))
            final = max(0, bound - self.draw.randint(0, 5000))
            if self._chance(0.3) or not 0 < count < len(accepted):
                checkpoint, final = round_.base, base_loss
        return Finalization(
            checkpoint, self._cid(), self._any_digest(), self._cid(), aggregate, final, harmful
        )


LAST: Mapping[Phase, Callable[[Scenario, Round], None]] = {
    Phase.COMMITTING: lambda s, r: s.close(r),
    Phase.COLLECTING: lambda s, r: s.seal(r),
    Phase.PROVING: lambda s, r: s.finalize(r),
}
"""What ends a phase after its deadline."""
