"""The round state machine: the contract's rules, pure, with clock and block hash as arguments.

Each function takes a round and returns the next one, or raises RoundError with the name of
the contract's custom error first, so that both sides can be compared on shared vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from zk0.errors import RoundError
from zk0.protocol.contribution import (
    Contribution,
    MissingReason,
    Outcome,
    compute_share_nano,
    compute_weights,
)
from zk0.protocol.randomness import compute_seed
from zk0.protocol.round import Finalization, Parameters, Phase, Round
from zk0.protocol.statement import (
    Address,
    Agreement,
    Digest,
    compute_alignment_bps,
    is_admitted,
)


def _require(holds: bool, error: str, detail: str, round_: Round | None = None) -> None:
    if not holds:
        where = f"round {round_.round_id}: " if round_ else ""
        raise RoundError(f"{error}: {where}{detail}")


def _require_phase(round_: Round, *expected: Phase) -> None:
    names = " or ".join(p.label for p in expected)
    _require(
        round_.phase in expected,
        "WrongPhase",
        f"expected phase {names}, found {round_.phase.label}",
        round_,
    )


def _require_coordinator(is_coordinator: bool, round_: Round) -> None:
    _require(is_coordinator, "NotCoordinator", "only the coordinator may do this", round_)


def _require_open(round_: Round, now: int) -> None:
    _require(
        now <= round_.deadline,
        "DeadlinePassed",
        f"the deadline was {round_.deadline}, it is {now}",
        round_,
    )


def open_round(
    previous: Round | None, head: Digest, pool_root: bytes, parameters: Parameters, now: int
) -> Round:
    """The next round, from the head checkpoint."""
    if previous is not None:
        _require_phase(previous, Phase.FINALIZED, Phase.ABORTED)
    return Round(
        round_id=previous.round_id + 1 if previous else 1,
        phase=Phase.COMMITTING,
        base=head,
        pool_root=pool_root,
        opened_at=now,
        deadline=now + parameters.commit_window_s,
    )


def commit_update(
    round_: Round,
    parameters: Parameters,
    *,
    node: Address,
    task: int,
    dataset_size: int,
    joined_at: int,
    digest: Digest,
    num_examples: int,
    exponent: int,
    now: int,
) -> Round:
    """Record one node's commitment. Task, size and time of joining come from its registration."""
    _require_phase(round_, Phase.COMMITTING)
    _require_open(round_, now)
    _require(
        joined_at < round_.opened_at,
        "JoinedTooLate",
        f"{node} joined at {joined_at}, the round was opened at {round_.opened_at}",
        round_,
    )
    _require(
        1 <= num_examples <= dataset_size,
        "InvalidNumExamples",
        f"expected 1 to {dataset_size} examples, found {num_examples}",
        round_,
    )
    _require(
        parameters.min_exponent <= exponent <= parameters.max_exponent,
        "InvalidExponent",
        f"expected {parameters.min_exponent} to {parameters.max_exponent}, found {exponent}",
        round_,
    )
    _require(len(round_.contributions) < parameters.max_nodes, "RoundFull", "no place left", round_)
    _require(
        round_.contribution_of(node) is None, "AlreadyCommitted", f"{node} has committed", round_
    )
    taken = any(c.digest == digest for c in round_.contributions)
    _require(not taken and digest != bytes(32), "DigestTaken", f"digest {digest.hex()}", round_)
    entry = Contribution(node, digest, num_examples, exponent, task)
    return replace(round_, contributions=(*round_.contributions, entry))


def close_commits(
    round_: Round,
    parameters: Parameters,
    *,
    active_count: int,
    is_coordinator: bool,
    now: int,
    block: int,
) -> Round:
    """Fix the block that the sample seed comes from, or abort without a quorum."""
    _require_phase(round_, Phase.COMMITTING)
    count = len(round_.contributions)
    if now <= round_.deadline:
        _require_coordinator(is_coordinator, round_)
        waited = now >= round_.opened_at + parameters.min_commit_window_s
        enough = count >= parameters.quorum and (waited or count >= active_count)
        _require(enough, "TooEarly", f"{count} of {active_count} nodes have committed", round_)
    elif count < parameters.quorum:
        return replace(round_, phase=Phase.ABORTED, lapsed=True)
    return replace(
        round_,
        phase=Phase.SAMPLING,
        closing_block=block,
        deadline=now + parameters.collect_window_s,
    )


def draw_sample(
    round_: Round,
    parameters: Parameters,
    *,
    chain_id: int,
    registry: Address,
    now: int,
    block: int,
    block_hash: bytes | None,
) -> Round:
    """Set the sample seed from the closing block's hash.

    A hash that has expired is replaced by the current block's, until the deadline.
    """
    _require_phase(round_, Phase.SAMPLING)
    _require(block > round_.closing_block, "TooEarly", "draw in a later block", round_)
    if block_hash is None:
        _require_open(round_, now)
        return replace(round_, closing_block=block)
    return replace(
        round_,
        phase=Phase.COLLECTING,
        sample_seed=compute_seed("sample", block_hash, chain_id, registry, round_.round_id),
        deadline=now + parameters.collect_window_s,
    )


def _with_contribution(round_: Round, changed: Contribution) -> Round:
    entries = tuple(changed if c.node == changed.node else c for c in round_.contributions)
    return replace(round_, contributions=entries)


def _get_contribution(round_: Round, node: Address) -> Contribution:
    entry = round_.contribution_of(node)
    if entry is None:
        raise RoundError(f"NotCommitted: round {round_.round_id}: {node} has not committed")
    return entry


def commit_sample(
    round_: Round, *, node: Address, sample_seed: bytes, sample_key: bytes, now: int
) -> Round:
    """Record the commitment to a node's sample."""
    _require_phase(round_, Phase.COLLECTING)
    _require_open(round_, now)
    _require(sample_seed == round_.sample_seed, "WrongSeed", f"found {sample_seed.hex()}", round_)
    entry = _get_contribution(round_, node)
    _require(entry.sample_key is None, "AlreadySampled", f"{node} has a sample", round_)
    return _with_contribution(round_, replace(entry, sample_key=sample_key))


def seal_round(
    round_: Round,
    parameters: Parameters,
    *,
    candidate: Digest,
    clip_shifts: Sequence[int],
    missing: Sequence[MissingReason],
    is_coordinator: bool,
    now: int,
    block: int,
) -> Round:
    """Fix the candidate, weights, clip shifts and what is missing."""
    _require_phase(round_, Phase.COLLECTING)
    _require_coordinator(is_coordinator, round_)
    entries = round_.contributions
    sampled = all(c.sample_key is not None for c in entries)
    _require(candidate != round_.base, "CandidateIsBase", "the updates change nothing", round_)
    _require(
        len(clip_shifts) == len(missing) == len(entries),
        "LengthMismatch",
        f"expected {len(entries)} entries",
        round_,
    )
    _require(sampled or now > round_.deadline, "TooEarly", "samples are outstanding", round_)
    sealed = []
    for entry, shift, declared in zip(entries, clip_shifts, missing, strict=True):
        is_early = declared is MissingReason.NOT_UPLOADED and now <= round_.deadline
        _require(not is_early, "TooEarly", f"{entry.node} has time to upload", round_)
        reason = MissingReason.NO_SAMPLE if entry.sample_key is None else declared
        lost = reason is not MissingReason.NONE
        in_bounds = shift == 0 if lost else entry.exponent - shift >= parameters.min_exponent
        _require(in_bounds and shift >= 0, "InvalidClipShift", f"{entry.node}: {shift}", round_)
        outcome = Outcome.MISSING if lost else Outcome.NONE
        sealed.append(replace(entry, clip_shift=shift, missing=reason, outcome=outcome))
    available = [c for c in sealed if c.is_available]
    _require(bool(available), "NothingAvailable", "no update is available", round_)
    try:
        weights = compute_weights(
            [c.num_examples for c in available], parameters.max_weight_share_bps
        )
    except ValueError as error:
        raise RoundError(f"WeightTooLarge: round {round_.round_id}: {error}") from error
    weight_of = dict(zip([c.node for c in available], weights, strict=True))
    return replace(
        round_,
        phase=Phase.SEALED,
        candidate=candidate,
        closing_block=block,
        total_weight=sum(weights),
        deadline=now + parameters.challenge_window_s,
        contributions=tuple(replace(c, weight=weight_of.get(c.node, 0)) for c in sealed),
    )


def draw_challenge(
    round_: Round,
    parameters: Parameters,
    *,
    chain_id: int,
    registry: Address,
    now: int,
    block: int,
    block_hash: bytes | None,
) -> Round:
    """Set the challenge seed from the sealing block's hash; as `draw_sample` if it expired."""
    _require_phase(round_, Phase.SEALED)
    _require(round_.challenge_seed == bytes(32), "AlreadyDrawn", "the seed is set", round_)
    _require(block > round_.closing_block, "TooEarly", "draw in a later block", round_)
    if block_hash is None:
        _require_open(round_, now)
        return replace(round_, closing_block=block)
    seed = compute_seed("challenge", block_hash, chain_id, registry, round_.round_id)
    return replace(round_, challenge_seed=seed, deadline=now + parameters.challenge_window_s)


def publish_challenge(
    round_: Round,
    parameters: Parameters,
    *,
    challenge: Digest,
    unit: int,
    base_loss_nano: int,
    candidate_loss_nano: int,
    common_key: bytes,
    task_keys: Sequence[bytes],
    is_coordinator: bool,
    now: int,
) -> Round:
    """Fix what contributions are measured against; proving time starts."""
    _require_phase(round_, Phase.SEALED)
    _require_coordinator(is_coordinator, round_)
    _require(round_.challenge_seed != bytes(32), "NotDrawn", "draw the challenge first", round_)
    _require_open(round_, now)
    return replace(
        round_,
        phase=Phase.PROVING,
        challenge=challenge,
        unit=unit,
        base_loss_nano=base_loss_nano,
        candidate_loss_nano=candidate_loss_nano,
        common_key=common_key,
        task_keys=tuple(task_keys),
        deadline=now + parameters.proving_window_s,
    )


def prove_contribution(
    round_: Round,
    parameters: Parameters,
    *,
    node: Address,
    agreement: Agreement,
    sample_size: int,
    now: int,
) -> Round:
    """Record a proof that the verifier has accepted: admitted and paid, or below threshold."""
    _require_phase(round_, Phase.PROVING)
    _require_open(round_, now)
    entry = _get_contribution(round_, node)
    _require(entry.is_available, "NotAvailable", f"{node}: {entry.missing.label}", round_)
    _require(entry.outcome is Outcome.NONE, "AlreadyProven", f"{node} has proven", round_)
    admitted = is_admitted(agreement, parameters.z_min)
    share = compute_share_nano(
        agreement.common,
        entry.weight,
        round_.total_weight,
        round_.unit,
        entry.exponent - entry.clip_shift,
    )
    return _with_contribution(
        round_,
        replace(
            entry,
            outcome=Outcome.ACCEPTED if admitted else Outcome.BELOW_THRESHOLD,
            share_nano=share if admitted else 0,
            alignment_bps=compute_alignment_bps(agreement, sample_size),
            agreement=agreement,
        ),
    )


def _validate_gate(round_: Round, end: Finalization, parameters: Parameters) -> None:
    """The rules on the checkpoint, the losses and who may be left out."""
    accepted = {c.node for c in round_.available if c.outcome is Outcome.ACCEPTED}
    bound = round_.base_loss_nano + parameters.max_regression_nano
    kept = end.checkpoint == round_.base
    _require(end.harmful <= accepted, "NotAccepted", "only accepted ones can be harmful", round_)
    if not accepted:
        losses = {end.aggregate_loss_nano, end.final_loss_nano}
        _require(
            kept and losses == {round_.base_loss_nano}, "BaseMustStay", "none accepted", round_
        )
        return
    everyone = len(accepted) == len(round_.available)
    _require(
        not everyone or end.aggregate_loss_nano == round_.candidate_loss_nano,
        "WrongLoss",
        "all are accepted, so the aggregate is the candidate",
        round_,
    )
    if end.aggregate_loss_nano <= bound:
        _require(not end.harmful, "GateNotHit", "nobody may be left out", round_)
        _require(end.final_loss_nano == end.aggregate_loss_nano, "WrongLoss", "final", round_)
        _require(
            not kept and (not everyone or end.checkpoint == round_.candidate),
            "WrongCheckpoint",
            "expected the aggregate",
            round_,
        )
    elif kept:
        _require(end.final_loss_nano == round_.base_loss_nano, "WrongLoss", "base kept", round_)
    else:
        _require(bool(end.harmful), "WrongCheckpoint", "the gate refused it", round_)
        _require(end.harmful != accepted, "NoneLeft", "nobody's updates make no aggregate", round_)
        _require(end.final_loss_nano <= bound, "WrongLoss", "the gate refuses it", round_)


def finalize_round(
    round_: Round, parameters: Parameters, end: Finalization, *, is_coordinator: bool, now: int
) -> Round:
    """End a round: every available contribution gets its outcome."""
    _require_phase(round_, Phase.PROVING)
    _require_coordinator(is_coordinator, round_)
    open_ones = [c.node for c in round_.contributions if c.outcome is Outcome.NONE]
    _require(
        not open_ones or now > round_.deadline,
        "ProofsOutstanding",
        f"without an outcome: {open_ones}",
        round_,
    )
    _validate_gate(round_, end, parameters)
    settled = []
    for entry in round_.contributions:
        outcome = entry.outcome
        if outcome is Outcome.NONE:
            outcome = Outcome.NOT_PROVEN
        elif entry.node in end.harmful:
            outcome = Outcome.HARMFUL
        # Nobody accounts for more than the whole loss, whatever unit the coordinator named.
        most = round_.base_loss_nano
        share = max(-most, min(entry.share_nano, most))
        settled.append(replace(entry, outcome=outcome, share_nano=share))
    return replace(
        round_,
        phase=Phase.FINALIZED,
        common_key=bytes(32),
        checkpoint=end.checkpoint,
        aggregate_loss_nano=end.aggregate_loss_nano,
        final_loss_nano=end.final_loss_nano,
        contributions=tuple(settled),
    )


def abort_round(round_: Round, parameters: Parameters, *, is_coordinator: bool, now: int) -> Round:
    """Give a round up: the coordinator at any time, anyone after the phase's deadline."""
    _require(
        round_.phase is not Phase.NONE and not round_.phase.is_over,
        "WrongPhase",
        f"expected a running round, found {round_.phase.label}",
        round_,
    )
    if not is_coordinator:
        last = compute_abort_deadline(round_, parameters)
        _require(now > last, "TooEarly", f"deadline {last}", round_)
        may_close = len(round_.contributions) >= parameters.quorum
        _require(
            round_.phase is not Phase.COMMITTING or not may_close,
            "QuorumReached",
            "close the commitments instead",
            round_,
        )
    is_below_quorum = len(round_.contributions) < parameters.quorum
    is_late = round_.phase is Phase.COMMITTING and now > round_.deadline
    return replace(round_, phase=Phase.ABORTED, lapsed=is_late and is_below_quorum)


def compute_abort_deadline(round_: Round, parameters: Parameters) -> int:
    """After this second anyone may abort, and the coordinator has missed its deadline."""
    grace = {
        Phase.COLLECTING: parameters.seal_window_s,
        Phase.PROVING: parameters.finalize_window_s,
    }
    return round_.deadline + grace.get(round_.phase, 0)
