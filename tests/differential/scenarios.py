"""Random rounds: mostly what moves them on, and now and then whatever comes to mind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tests.differential.draws import ZERO, Draws
from tests.differential.recording import RecordedChain, Recorder
from tests.differential.state import view_everything, view_round
from zk0.ports import Network
from zk0.protocol.contribution import Outcome
from zk0.protocol.coordinators import Coordinators
from zk0.protocol.round import Phase, Round, Rules
from zk0.protocol.statement import Address

WANDERING = 0.2
"""How often a call is any call at all."""
CALLS_PER_ROUND = 150
"""After so many the coordinator aborts: no round lasts for ever."""


@dataclass(frozen=True, slots=True)
class Site:
    """The network that forge deploys, as it describes it before the rounds are made."""

    network: Network
    rules: Rules
    accounts: tuple[Address, ...]
    stranger: Address
    nodes: Mapping[Address, Any]
    """Registrations that the deployment comes with."""
    exit_delay_s: int
    coordinator_set: Address
    coordinators: Coordinators


class Scenario:
    """One network and its rounds. `tally` counts how each kind of call ended."""

    def __init__(self, site: Site, seed: int, rounds: int) -> None:
        self.draw = Draws(seed)
        parameters = self.draw.parameters(site.rules.parameters)
        self.site = site
        self.parameters = parameters
        self.chain = RecordedChain(
            site.network,
            replace(site.rules, parameters=parameters),
            verify=lambda _, proof: bool(proof),
            exit_delay_s=site.exit_delay_s,
            seats=site.coordinators,
        )
        self.chain.coordinator_set = site.coordinator_set
        self.chain.nodes.update(site.nodes)
        self.recorder = Recorder(self.chain)
        self.tally: Counter[tuple[str, str]] = Counter()
        self._rounds = rounds

    def play(self) -> None:
        """Until the wanted number of rounds is over."""
        for account in self.site.accounts:
            if self.draw.chance(0.8):
                self._join(account)
        since = 0
        while len(self.chain.rounds) < self._rounds or not self._round.phase.is_over:
            self._pass_time()
            was = self._round.phase
            if since > CALLS_PER_ROUND:
                self._call(self._coordinator, "abort_round", self._round.round_id)
            elif self.draw.chance(WANDERING):
                self._wander()
            else:
                self._advance()
            over = self._round.phase.is_over and not was.is_over
            since = 0 if over else since + 1
            if over or self.draw.chance(0.1):
                view_round(self.recorder, self._round.round_id)
        view_everything(self.recorder, list(self.site.accounts))

    # ------------------------------------------------------------------ parts

    @property
    def _coordinator(self) -> Address:
        return self.chain.coordinators.current or self.site.stranger

    @property
    def _round(self) -> Round:
        return self.chain.get_round(len(self.chain.rounds))

    def _call(self, sender: Address, method: str, *args: Any, **named: Any) -> None:
        refusal = self.recorder.call(sender, method, *args, **named)
        self.tally[method, refusal.__name__ if refusal else "ok"] += 1

    def _pass_time(self) -> None:
        """Mostly a second; sometimes to the edge of a deadline, or until hashes expire."""
        self.chain.same_block = self.draw.chance(0.05)
        if self.chain.same_block or self.draw.chance(0.6):
            return
        edge = self.draw.choice([-2, -1, 0, self.draw.randint(0, 90)])
        target = self._round.deadline + edge + self.draw.choice([0, 0, self._grace()])
        now = self.chain.blocks[-1].timestamp
        if self.draw.chance(0.06) and now < target:
            self.chain.advance(target - now)
        elif self.draw.chance(0.5):
            self.chain.advance(self.draw.randint(1, 9))
        elif self.draw.chance(0.03):
            for _ in range(self.draw.choice([254, 255, 256, 300])):
                self.chain.advance(0)

    def _grace(self) -> int:
        p = self.parameters
        return p.seal_window_s if self._round.phase is Phase.COLLECTING else p.finalize_window_s

    def _someone(self) -> Address:
        return self.draw.choice([*self.site.accounts, self.site.stranger, self._coordinator])

    def _driver(self) -> Address:
        return self._coordinator if self.draw.chance(0.9) else self._someone()

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
        if late > grace and not round_.phase.is_over and self.draw.chance(0.3):
            self._call(self._someone(), "abort_round", round_.round_id)
        elif late > 0 and round_.phase in LAST and self.draw.chance(0.6):
            LAST[round_.phase](self, round_)
        else:
            steps.get(round_.phase, self._open)()

    def _wander(self) -> None:
        """Any call, of any round, by anybody."""
        round_ = self.chain.get_round(self.draw.randint(0, len(self.chain.rounds) + 1))
        of_round = self._round if self.draw.chance(0.7) else round_
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
            lambda: self._call(who, "retire", self._someone()),
            lambda: self._call(who, "withdraw_bond"),
        ]
        if self.draw.chance(0.15):
            choices.append(lambda: self._call(who, "abort_round", of_round.round_id))
        self.draw.choice(choices)()

    def _join(self, who: Address) -> None:
        size = self.draw.choice([0, 1, 20, 100, 5000, 1 << 24, (1 << 24) + 1])
        bond = self.chain.network.compute_bond_wei(size)
        self._call(
            who, "join", task=self.draw.randint(0, len(self.chain.network.tasks)),
            dataset_size=size, node_key=b"k" * self.draw.choice([0, 1, 120, 120, 120, 256, 257]),
            bond_wei=max(0, bond + self.draw.choice([-1, 0, 0, 0, 7])),
        )  # fmt: skip

    def _top_up(self, who: Address) -> None:
        suspended = [node for node, entry in self.chain.nodes.items() if entry.is_suspended]
        node = (
            self.draw.choice(suspended) if suspended and self.draw.chance(0.8) else self._someone()
        )
        entry = self.chain.nodes.get(node)
        size = entry.dataset_size if entry else 100
        required = self.chain.network.compute_bond_wei(size)
        self._call(who, "top_up", node, self.draw.choice([0, 1, required // 4, required]))

    def _bond(self, who: Address) -> None:
        seats = [seat.coordinator for seat in self.chain.coordinators.seats]
        target = self.draw.choice([*seats, who])
        self._call(who, "bond_coordinator", target, self.draw.choice([0, 1, 10**17, 10**18]))

    def _open(self) -> None:
        while self.chain.coordinators.current is None:
            self._bond(self.site.stranger)
        self._call(self._driver(), "open_round", self.draw.digest())

    def _commit_or_close(self, round_: Round, uncommitted: list[Address]) -> None:
        if uncommitted and self.draw.chance(0.85):
            self._commit(round_, self.draw.choice(uncommitted))
        else:
            self.close(round_)

    def close(self, round_: Round) -> None:
        self._call(self._driver(), "close_commits", round_.round_id)

    def _commit(self, round_: Round, who: Address) -> None:
        entry = self.chain.nodes.get(who)
        size = entry.dataset_size if entry else 5
        count, exponent = self.draw.commitment(self.parameters, size)
        self._call(who, "commit_update", round_.round_id, self.draw.digest(), count, exponent)

    def _sample_or_seal(self, round_: Round, unsampled: list[Address]) -> None:
        if unsampled and self.draw.chance(0.85):
            self._sample(round_, self.draw.choice(unsampled))
        else:
            self.seal(round_)

    def _sample(self, round_: Round, who: Address) -> None:
        seed = round_.sample_seed if self.draw.chance(0.95) else self.draw.randbytes(32)
        self._call(who, "commit_sample", round_.round_id, seed, self.draw.point())

    def seal(self, round_: Round) -> None:
        shifts, reasons = self.draw.seal(round_, self.parameters.min_exponent)
        digest = self.draw.digest()
        self._call(self._driver(), "seal_round", round_.round_id, digest, shifts, reasons)

    def _challenge(self, round_: Round) -> None:
        if round_.challenge_seed == ZERO or self.draw.chance(0.05):
            self._call(self._someone(), "draw_challenge", round_.round_id)
        else:
            self._publish(round_)

    def _publish(self, round_: Round) -> None:
        count, size = len(self.chain.network.tasks), self.site.rules.sample_size
        challenge = self.draw.challenge(round_.round_id, count, size)
        self._call(self._driver(), "publish_challenge", challenge)

    def _prove_or_finalize(self, round_: Round, unproven: list[Address]) -> None:
        if unproven and self.draw.chance(0.85):
            self._prove(round_, self.draw.choice(unproven))
        else:
            self.finalize(round_)

    def _prove(self, round_: Round, who: Address) -> None:
        agreement = self.draw.agreement(self.site.rules.sample_size, self.parameters.z_min)
        proof = b"" if self.draw.chance(0.05) else b"proof"
        self._call(who, "prove_contribution", round_.round_id, agreement, proof)

    def finalize(self, round_: Round) -> None:
        end = self.draw.end(round_, self.parameters.max_regression_nano)
        self._call(self._driver(), "finalize_round", round_.round_id, end)


LAST: Mapping[Phase, Callable[[Scenario, Round], None]] = {
    Phase.COMMITTING: lambda s, r: s.close(r),
    Phase.COLLECTING: lambda s, r: s.seal(r),
    Phase.PROVING: lambda s, r: s.finalize(r),
}
"""What ends a phase after its deadline."""
