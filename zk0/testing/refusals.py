"""What the contract refuses, and with which error: the pure rules', and those it has alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from zk0.chain import refusals
from zk0.errors import ContractRevertError, RoundError
from zk0.ports import PublishedChallenge
from zk0.protocol.contribution import MissingReason, Outcome
from zk0.protocol.round import Finalization, Parameters, Phase, Round
from zk0.protocol.statement import Digest
from zk0.testing.chain import NOBODY, ZERO, MemoryChain, Transaction

_ZERO_POINT = bytes(64)

_NAMED: dict[str, type[ContractRevertError]] = {
    "AlreadyCommitted": refusals.AlreadyCommittedError,
    "AlreadyDrawn": refusals.ChallengeAlreadyDrawnError,
    "AlreadyProven": refusals.AlreadyProvenError,
    "AlreadySampled": refusals.SampleAlreadyCommittedError,
    "BaseMustStay": refusals.WrongCheckpointError,
    "DeadlinePassed": refusals.DeadlinePassedError,
    "DigestTaken": refusals.DigestTakenError,
    "GateNotHit": refusals.GateNotHitError,
    "JoinedTooLate": refusals.JoinedTooLateError,
    "InvalidClipShift": refusals.ExponentOutOfRangeError,
    "InvalidExponent": refusals.ExponentOutOfRangeError,
    "InvalidNumExamples": refusals.NumExamplesOutOfRangeError,
    "LengthMismatch": refusals.ListLengthError,
    "NotAccepted": refusals.HarmfulNotAcceptedError,
    "NotAvailable": refusals.NotAvailableError,
    "NotCommitted": refusals.NotCommittedError,
    "NotCoordinator": refusals.NotCoordinatorError,
    "NotDrawn": refusals.ChallengeNotDrawnError,
    "NoneLeft": refusals.NoneLeftError,
    "NothingAvailable": refusals.NoneAvailableError,
    "ProofsOutstanding": refusals.ProofsPendingError,
    "QuorumReached": refusals.QuorumReachedError,
    "RoundFull": refusals.RoundFullError,
    "WeightTooLarge": refusals.TotalWeightTooLargeError,
    "WrongCheckpoint": refusals.WrongCheckpointError,
    "WrongLoss": refusals.WrongLossError,
    "WrongPhase": refusals.WrongPhaseError,
    "WrongSeed": refusals.WrongSampleSeedError,
}
_BY_STEP: dict[tuple[str, str], type[ContractRevertError]] = {
    ("open", "WrongPhase"): refusals.RoundNotOverError,
    ("abort", "WrongPhase"): refusals.RoundOverError,
    ("abort", "TooEarly"): refusals.DeadlineNotPassedError,
    ("close", "TooEarly"): refusals.DeadlineNotPassedError,
    ("draw", "TooEarly"): refusals.BlockNotCompleteError,
    ("seal", "TooEarly"): refusals.SamplesPendingError,
}


@contextmanager
def as_reverts(step: str) -> Iterator[None]:
    """Raise RoundError as the subclass of ContractRevertError that the contract has for it."""
    try:
        yield
    except RoundError as error:
        name = str(error).split(":", 1)[0]
        cls = _BY_STEP.get((step, name)) or _NAMED[name]
        raise cls(str(error)) from error


def require_gate(round_: Round, end: Finalization, parameters: Parameters) -> None:
    """Where the contract tells apart what the rules have one name for."""
    accepted = {c.node for c in round_.available if c.outcome is Outcome.ACCEPTED}
    if not end.harmful <= accepted:
        return
    if not accepted:
        if end.checkpoint == round_.base:
            _require_loss(round_.base_loss_nano, end.aggregate_loss_nano)
            _require_loss(round_.base_loss_nano, end.final_loss_nano)
        return
    bound = round_.base_loss_nano + parameters.max_regression_nano
    kept = end.checkpoint == round_.base
    if len(accepted) == len(round_.available):
        _require_loss(round_.candidate_loss_nano, end.aggregate_loss_nano)
    if end.aggregate_loss_nano <= bound:
        if kept and not end.harmful:
            raise refusals.BaseNotKeptError(arguments={"baseDigest": "0x" + round_.base.hex()})
    elif not kept:
        limits = {"maxLossNano": bound, "aggregateLossNano": end.aggregate_loss_nano}
        if not end.harmful:
            raise refusals.GateHitError(arguments=limits)
        if end.harmful == accepted:
            raise refusals.NoneLeftError
        if end.final_loss_nano > bound:
            arguments = {"max": bound, "actual": end.final_loss_nano}
            raise refusals.LossTooHighError(arguments=arguments)


def _require_loss(expected: int, actual: int) -> None:
    if expected != actual:
        raise refusals.WrongLossError(arguments={"expected": expected, "actual": actual})


def is_coordinator(chain: MemoryChain, tx: Transaction) -> bool:
    return tx.sender == chain.coordinators.current


def require_coordinator(chain: MemoryChain, tx: Transaction) -> None:
    if not is_coordinator(chain, tx):
        arguments = {"expected": chain.coordinators.current or NOBODY, "actual": tx.sender}
        raise refusals.NotCoordinatorError(arguments=arguments)


def in_phase(chain: MemoryChain, round_id: int, expected: Phase) -> Round:
    round_ = chain.get_round(round_id)
    if round_.phase is not expected:
        arguments = {"expected": expected.label, "actual": round_.phase.label}
        raise refusals.WrongPhaseError(arguments=arguments)
    return round_


def require_in_time(round_: Round, tx: Transaction) -> None:
    if tx.now > round_.deadline:
        arguments = {"deadline": round_.deadline, "timestamp": tx.now}
        raise refusals.DeadlinePassedError(arguments=arguments)


def require_digest(digest: bytes) -> None:
    if digest == ZERO:
        raise refusals.ZeroDigestError


def require_cid(cid: str) -> None:
    if not cid:
        raise refusals.EmptyCidError


def require_candidate(round_: Round, candidate: Digest) -> None:
    require_digest(candidate)
    if candidate == round_.base:
        raise refusals.CandidateIsBaseError(arguments={"digest": "0x" + candidate.hex()})


def require_seal(
    round_: Round,
    clip_shifts: Sequence[int],
    missing: Sequence[MissingReason],
    min_exponent: int,
    now: int,
) -> None:
    """Contribution after contribution, so that the first mistake is the one that is named."""
    for entry, shift, declared in zip(round_.contributions, clip_shifts, missing, strict=True):
        if declared is MissingReason.NOT_UPLOADED and now <= round_.deadline:
            times = {"deadline": round_.deadline, "timestamp": now}
            raise refusals.DeadlineNotPassedError(arguments=times)
        has_sample = entry.sample_key is not None
        if has_sample and declared is MissingReason.NO_SAMPLE:
            raise refusals.SampleExistsError(arguments={"node": entry.node})
        is_missing = not has_sample or declared is not MissingReason.NONE
        if is_missing and shift:
            arguments = {"node": entry.node, "clipShift": shift}
            raise refusals.ShiftOfMissingError(arguments=arguments)
        if entry.exponent - shift < min_exponent:
            raise refusals.ExponentOutOfRangeError(
                f"{entry.node}: expected {min_exponent} or more, found {entry.exponent - shift}"
            )


def validate_challenge(chain: MemoryChain, challenge: PublishedChallenge) -> None:
    size = chain.get_rules(challenge.round_id).sample_size
    count = len(chain.network.tasks)
    require_digest(challenge.digest)
    require_cid(challenge.cid)
    expected = size + count * -(-size // 4)
    if len(challenge.directions) != expected:
        arguments = {"expected": expected, "actual": len(challenge.directions)}
        raise refusals.DirectionsLengthError(arguments=arguments)
    if challenge.common.point == _ZERO_POINT:
        raise refusals.ZeroCommitmentError
    if len(challenge.tasks) != count:
        arguments = {"expected": count, "actual": len(challenge.tasks)}
        raise refusals.TaskCommitmentCountError(arguments=arguments)
    if any(task.point == _ZERO_POINT for task in challenge.tasks):
        raise refusals.ZeroCommitmentError
