"""Rounds in one process, by the protocol's own functions. `docs/protocol.md`, without machines.

train → commit → sample → seal → challenge → judge → settle. What is left out: messages, files,
the coordinator's checks of uploads, and, with `LocalNotary`, the chain and the proofs: then
a member is admitted when its proof would have been.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from zk0.experiments.measuring import (
    POOL_SEED,
    admits,
    attribute,
    compute_loss_nano,
    compute_shifts,
    measure,
)
from zk0.experiments.records import RoundRecord
from zk0.experiments.seeds import Ending, LocalNotary, Notary, compute_training_seed
from zk0.experiments.setting import Setting
from zk0.experiments.updates import Submission, make_submission
from zk0.ports import PathGradient, Tensors, TrainingResult
from zk0.protocol.challenge import Challenge, compute_directions, compute_mean_nano, to_nano
from zk0.protocol.checkpoint import NO_PARENT, NO_REGISTRY, Checkpoint, CheckpointMetadata
from zk0.protocol.contribution import compute_weights
from zk0.protocol.parameters import ParameterLayout
from zk0.protocol.randomness import draw_frames, draw_sample
from zk0.protocol.statement import Address, Digest
from zk0.protocol.strategies import ServerState
from zk0.protocol.strategies.combination import Terms
from zk0.protocol.strategies.state import StateMetadata
from zk0.protocol.tensorfile import compute_tensor_digest
from zk0.protocol.update import UpdateMetadata, quantise

Trainer = Callable[[int, Tensors], Sequence[TrainingResult]]
"""(round, base parameters) → what every member's training gave."""


@dataclass
class Simulation:
    """A federation and the checkpoint that it has come to."""

    setting: Setting
    seed: int
    notary: Notary | None = None
    is_gated: bool = True
    """False aggregates everybody, proven or not, and publishes whatever comes out."""
    measures_pool: bool = True
    trainer: Trainer | None = None
    """Who trains the members, in their order; by default this process."""
    round_id: int = 0
    _residual: dict[str, Mapping[str, NDArray[np.float32]]] = field(default_factory=dict)
    _drawn: dict[str, list[int]] = field(default_factory=dict)
    _clock: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.notary = self.notary or LocalNotary(self.seed)
        self.trainer = self.trainer or self._train
        setting = self.setting
        self.parameters: Tensors = setting.base
        self.layout = ParameterLayout.of(setting.base)
        self.strategy = setting.manifest.strategy
        self.state = self.strategy.make_initial_state(self.layout)
        genesis = CheckpointMetadata(
            0, NO_REGISTRY, 0, NO_PARENT, setting.manifest.model, setting.manifest.scope
        )
        self.genesis = Checkpoint(setting.base, genesis)
        self.digest = compute_tensor_digest(setting.base, genesis.to_json())
        self._drawn = {task: [0] * n for task, n in setting.examiner.frame_counts.items()}

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self._clock[stage] = self._clock.get(stage, 0.0) + time.perf_counter() - start

    def run(self, rounds: int) -> list[RoundRecord]:
        return [self.run_round() for _ in range(rounds)]

    def run_round(self) -> RoundRecord:
        """The next round; returns what it came to."""
        assert self.notary is not None
        assert self.trainer is not None
        self.round_id += 1
        self._clock = {}
        with self._timed("train"):
            results = self.trainer(self.round_id, self.parameters)
            submissions = [self._submit(number, result) for number, result in enumerate(results)]
        with self._timed("commit"):
            sample_seed = self.notary.commit(self.round_id, submissions)
        with self._timed("aggregate"):
            weights = compute_weights(
                [s.num_examples for s in submissions], self.setting.parameters.max_weight_share_bps
            )
            shifts = compute_shifts(self.setting, submissions, weights)
            everyone = range(len(submissions))
            step = self._advance(submissions, weights, shifts, everyone)
            candidate, after, candidate_digest = step
            indices = draw_sample(
                sample_seed, self.setting.sample_size, self.layout.parameter_count
            )
            samples = [self.layout.gather(s.digits, indices) for s in submissions]
        with self._timed("seal"):
            challenge_seed = self.notary.seal(self.round_id, candidate_digest, shifts, samples)
        with self._timed("examine"):
            gradient, challenge = self._examine(
                candidate, candidate_digest, after, indices, sample_seed, challenge_seed
            )
            factors = [
                w / sum(weights) * 2.0 ** (s.exponent - shift)
                for s, w, shift in zip(submissions, weights, shifts, strict=True)
            ]
            shares, history = attribute(
                self.strategy, gradient, submissions, factors, self.state, after
            )
        with self._timed("judge"):
            z_min = self.setting.parameters.z_min
            admitted = [
                admits(challenge, s, d, z_min) for s, d in zip(submissions, samples, strict=True)
            ]
            accepted = self.notary.judge(challenge, samples, admitted)
        with self._timed("settle"):
            chosen = [i for i in everyone if accepted[i] or not self.is_gated]
            ending, kept = self._settle(
                submissions, weights, shifts, chosen, step, challenge, shares
            )
        with self._timed("publish"):
            self.notary.finish(self.round_id, ending)
        with self._timed("pool"):
            pool_loss = self.measure() if self.measures_pool else float("nan")
        return RoundRecord(
            round_id=self.round_id,
            base_loss=compute_mean_nano(challenge.base_loss_nano) / 1e9,
            candidate_loss=compute_mean_nano(challenge.candidate_loss_nano) / 1e9,
            final_loss=ending.final_loss_nano / 1e9,
            pool_loss=pool_loss,
            shares={s.name: shares[i] for i, s in enumerate(submissions)},
            history=history,
            accepted=tuple(submissions[i].name for i in chosen),
            base_kept=kept,
            checkpoint=self.digest.hex(),
            seconds=self._clock,
        )

    def measure(self) -> float:
        """The present checkpoint's loss on the whole pool."""
        return measure(self.setting, self.parameters)

    # --- stages ----------------------------------------------------------------------------

    def _train(self, round_id: int, parameters: Tensors) -> list[TrainingResult]:
        """Every member in this process, one after another."""
        return [
            m.learner.train(parameters, *self.get_order(round_id, m.name))
            for m in self.setting.members
        ]

    def get_order(self, round_id: int, name: str) -> tuple[int, float]:
        """What a member is told: its seed, and the share of the learning rate."""
        share = self.setting.manifest.training.round_rate.compute_share(round_id)
        return compute_training_seed(self.seed, round_id, name), share

    def _submit(self, number: int, result: TrainingResult) -> Submission:
        """A member's training as the int8 update that it would commit."""
        assert self.notary is not None
        member, manifest = self.setting.members[number], self.setting.manifest
        left = self._residual.get(member.name, {})
        difference = {
            name: result.parameters[name] - tensor + left.get(name, np.float32(0))
            for name, tensor in self.parameters.items()
        }
        bounds = self.setting.parameters
        quantised = quantise(difference, bounds.min_exponent, bounds.max_exponent)
        self._residual[member.name] = quantised.residual
        metadata = UpdateMetadata(
            chain_id=self.notary.chain_id,
            registry=self.notary.registry,
            round_id=self.round_id,
            node=self.notary.get_address(number),
            base=self.digest,
            exponent=quantised.exponent,
            num_examples=result.num_examples,
            scope=manifest.scope,
        )
        return make_submission(member.name, member.task, quantised, metadata)

    def _advance(
        self,
        submissions: Sequence[Submission],
        weights: Sequence[int],
        shifts: Sequence[int],
        chosen: Sequence[int],
    ) -> tuple[Tensors, ServerState, Digest]:
        """The strategy's step over the chosen members, and the checkpoint file's digest."""
        assert self.notary is not None
        terms = Terms(
            [submissions[i].digits for i in chosen],
            [weights[i] for i in chosen],
            [submissions[i].exponent - shifts[i] for i in chosen],
        )
        tensors, after = self.strategy.advance(self.parameters, terms, self.state)
        chain_id, registry = self.notary.chain_id, self.notary.registry
        state = None
        if self.strategy.has_state:
            state = after.compute_digest(
                StateMetadata(chain_id, registry, self.round_id, self.digest)
            )
        metadata = CheckpointMetadata(
            chain_id,
            registry,
            self.round_id,
            self.digest,
            self.setting.manifest.model,
            self.setting.manifest.scope,
            state,
        )
        return tensors, after, compute_tensor_digest(tensors, metadata.to_json())

    def _examine(
        self,
        candidate: Tensors,
        candidate_digest: Digest,
        after: ServerState,
        indices: NDArray[np.int64],
        sample_seed: bytes,
        seed: bytes,
    ) -> tuple[PathGradient, Challenge]:
        examiner = self.setting.examiner
        frames = {}
        for task in examiner.tasks:
            count = self.setting.parameters.frames_per_task
            frames[task] = draw_frames(seed, task, self._drawn[task], count)
            for index in frames[task]:
                self._drawn[task][index] += 1
        gradient = examiner.compute_path_gradient(self.parameters, candidate, frames, seed)
        directions = compute_directions(
            gradient.gradients,
            indices,
            self.layout.parameter_count,
            self.strategy.gather_gain(self.layout, after, indices),
        )
        challenge = Challenge(
            round_id=self.round_id,
            sample_seed=sample_seed,
            challenge_seed=seed,
            pool_root=POOL_SEED,
            base=self.digest,
            candidate=candidate_digest,
            frames=frames,
            base_loss_nano={t: to_nano(x) for t, x in gradient.base_loss.items()},
            candidate_loss_nano={t: to_nano(x) for t, x in gradient.candidate_loss.items()},
            indices=indices,
            directions=directions,
        )
        return gradient, challenge

    def _settle(
        self,
        submissions: Sequence[Submission],
        weights: Sequence[int],
        shifts: Sequence[int],
        chosen: Sequence[int],
        candidate: tuple[Tensors, ServerState, Digest],
        challenge: Challenge,
        shares: Sequence[float],
    ) -> tuple[Ending, bool]:
        """The step over who was accepted, past the gate; whether the base stays."""
        base_loss = compute_mean_nano(challenge.base_loss_nano)
        bound = base_loss + self.setting.parameters.max_regression_nano
        harmful: frozenset[Address] = frozenset()
        aggregate_loss = base_loss
        for attempt in range(2):
            if not chosen:
                break
            whole = len(chosen) == len(submissions)
            step = candidate if whole else self._advance(submissions, weights, shifts, chosen)
            loss = (
                compute_mean_nano(challenge.candidate_loss_nano)
                if whole
                else compute_loss_nano(self.setting, step[0], challenge)
            )
            aggregate_loss = loss if attempt == 0 else aggregate_loss
            if loss <= bound or not self.is_gated:
                self.parameters, self.state, self.digest = step
                return Ending(step[2], aggregate_loss, loss, harmful), False
            if attempt == 0:
                harmful = frozenset(submissions[i].node for i in chosen if shares[i] < 0)
                left = [i for i in chosen if submissions[i].node not in harmful]
                chosen = left if harmful else []
        return Ending(self.digest, aggregate_loss, base_loss, harmful), True
