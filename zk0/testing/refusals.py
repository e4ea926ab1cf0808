"""What the contract refuses, and with which error: the pure rules', and those it has alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from zk0 import errors
from zk0.errors import ContractRevertError, RoundError
from zk0.ports import PublishedChallenge
from zk0.protocol.contribution import Outcome
from zk0.protocol.round import Finalization, Parameters, Phase, Round
from zk0.testing.chain import ZERO, MemoryChain, Transaction

_ZERO_POINT = bytes(64)

_NAMED: dict[str, type[ContractRevertError]] = {
    "AlreadyCommitted": errors.AlreadyCommittedError,
    "AlreadyDrawn": errors.ChallengeAlreadyDrawnError,
    "AlreadyProven": errors.AlreadyProvenError,
    "AlreadySampled": errors.SampleAlreadyCommittedError,
    "BaseMustStay": errors.WrongCheckpointError,
    "DeadlinePassed": errors.DeadlinePassedError,
    "DigestTaken": errors.DigestTakenError,
    "GateNotHit": errors.GateNotHitError,
    "InvalidClipShift": errors.ExponentOutOfRangeError,
    "InvalidExponent": errors.ExponentOutOfRangeError,
    "InvalidNumExamples": errors.NumExamplesOutOfRangeError,
    "LengthMismatch": errors.ListLengthError,
    "NotAccepted": errors.HarmfulNotAcceptedError,
    "NotAvailable": errors.NotAvailableError,
    "NotCommitted": errors.NotCommittedError,
    "NotCoordinator": errors.NotCoordinatorError,
    "NotDrawn": errors.ChallengeNotDrawnError,
    "NoneLeft": errors.NoneLeftError,
    "NothingAvailable": errors.NoneAvailableError,
    "ProofsOutstanding": errors.ProofsPendingError,
    "QuorumReached": errors.QuorumReachedError,
    "RoundFull": errors.RoundFullError,
    "WeightTooLarge": errors.TotalWeightTooLargeError,
    "WrongCheckpoint": errors.WrongCheckpointError,
    "WrongLoss": errors.WrongLossError,
    "WrongPhase": errors.WrongPhaseError,
    "WrongSeed": errors.WrongSampleSeedError,
}
_BY_STEP: dict[tuple[str, str], type[ContractRevertError]] = {
    ("open", "WrongPhase"): errors.RoundNotOverError,
    ("abort", "WrongPhase"): errors.RoundOverError,
    ("abort", "TooEarly"): errors.DeadlineNotPassedError,
    ("close", "TooEarly"): errors.DeadlineNotPassedError,
    ("draw", "TooEarly"): errors.BlockNotCompleteError,
    ("seal", "TooEarly"): errors.SamplesPendingError,
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
            raise errors.BaseNotKeptError(arguments={"baseDigest": "0x" + round_.base.hex()})
    elif not kept:
        limits = {"maxLossNano": bound, "aggregateLossNano": end.aggregate_loss_nano}
        if not end.harmful:
            raise errors.GateHitError(arguments=limits)
        if end.harmful == accepted:
            raise errors.NoneLeftError
        if end.final_loss_nano > bound:
            arguments = {"max": bound, "actual": end.final_loss_nano}
            raise errors.LossTooHighError(arguments=arguments)


def _require_loss(expected: int, actual: int) -> None:
    if expected != actual:
        raise errors.WrongLossError(arguments={"expected": expected, "actual": actual})


def is_coordinator(chain: MemoryChain, tx: Transaction) -> bool:
    return tx.sender == chain.network.coordinator


def require_coordinator(chain: MemoryChain, tx: Transaction) -> None:
    if not is_coordinator(chain, tx):
        arguments = {"expected": chain.network.coordinator, "actual": tx.sender}
        raise errors.NotCoordinatorError(arguments=arguments)


def in_phase(chain: MemoryChain, round_id: int, expected: Phase) -> Round:
    round_ = chain.get_round(round_id)
    if round_.phase is not expected:
        arguments = {"expected": expected.label, "actual": round_.phase.label}
        raise errors.WrongPhaseError(arguments=arguments)
    return round_


def require_in_time(round_: Round, tx: Transaction) -> None:
    if tx.now > round_.deadline:
        arguments = {"deadline": round_.deadline, "timestamp": tx.now}
        raise errors.DeadlinePassedError(arguments=arguments)


def require_digest(digest: bytes) -> None:
    if digest == ZERO:
        raise errors.ZeroDigestError


def require_cid(cid: str) -> None:
    if not cid:
        raise errors.EmptyCidError


def validate_challenge(chain: MemoryChain, challenge: PublishedChallenge) -> None:
    size, count = chain.network.sample_size, len(chain.network.tasks)
    require_digest(challenge.digest)
    require_cid(challenge.cid)
    expected = size + count * -(-size // 4)
    if len(challenge.directions) != expected:
        arguments = {"expected": expected, "actual": len(challenge.directions)}
        raise errors.DirectionsLengthError(arguments=arguments)
    if challenge.common.point == _ZERO_POINT:
        raise errors.ZeroCommitmentError
    if len(challenge.tasks) != count:
        arguments = {"expected": count, "actual": len(challenge.tasks)}
        raise errors.TaskCommitmentCountError(arguments=arguments)
    if any(task.point == _ZERO_POINT for task in challenge.tasks):
        raise errors.ZeroCommitmentError
