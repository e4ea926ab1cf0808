"""The registry of rounds in memory: what only the contract checks, and what it emits.

The rules themselves are `zk0.protocol.transitions`. Checks stand in the contract's order, so
that the same mistake gets the same error.
"""

from __future__ import annotations

from collections.abc import Sequence

from zk0.chain import refusals
from zk0.ports import PublishedChallenge
from zk0.protocol import transitions as step
from zk0.protocol.contribution import MissingReason, Outcome
from zk0.protocol.coordinators import is_coordinators_doing
from zk0.protocol.faults import FaultReason, list_not_proven, list_without_sample
from zk0.protocol.round import Finalization, Phase
from zk0.protocol.statement import (
    Agreement,
    Commitment,
    Digest,
    Statement,
    compute_context,
)
from zk0.testing.chain import ZERO, MemoryChain, Transaction
from zk0.testing.refusals import (
    as_reverts,
    in_phase,
    is_coordinator,
    require_candidate,
    require_cid,
    require_coordinator,
    require_digest,
    require_gate,
    require_in_time,
    require_seal,
    validate_challenge,
)


def open_round(chain: MemoryChain, tx: Transaction, pool_root: bytes) -> None:
    require_coordinator(chain, tx)
    if not chain.coordinators.is_fit(tx.sender):
        raise refusals.NotFitError(arguments={"coordinator": tx.sender})
    require_digest(pool_root)
    previous = chain.rounds.get(len(chain.rounds))
    with as_reverts("open"):
        newest = chain.rules[-1]
        opened = step.open_round(previous, chain.head, pool_root, newest.parameters, tx.now)
    chain.rounds[opened.round_id] = opened
    chain.versions[opened.round_id] = newest.version
    chain.emit(
        tx, "RoundOpened", round=opened.round_id, baseDigest=opened.base, poolRoot=pool_root,
        commitDeadline=opened.deadline,
    )  # fmt: skip


def commit_update(
    chain: MemoryChain,
    tx: Transaction,
    round_id: int,
    digest: Digest,
    num_examples: int,
    exponent: int,
) -> None:
    round_ = in_phase(chain, round_id, Phase.COMMITTING)
    require_in_time(round_, tx)
    entry = chain.nodes.get(tx.sender)
    if entry is None or not entry.is_active:
        raise refusals.NotActiveError(arguments={"node": tx.sender})
    if entry.joined_at >= round_.opened_at:
        times = {"openedAt": round_.opened_at, "joinedAt": entry.joined_at}
        raise refusals.JoinedTooLateError(arguments=times)
    require_digest(digest)
    with as_reverts("commit"):
        chain.rounds[round_id] = step.commit_update(
            round_, chain.get_rules(round_id).parameters, node=tx.sender, task=entry.task,
            dataset_size=entry.dataset_size, joined_at=entry.joined_at, digest=digest,
            num_examples=num_examples, exponent=exponent, now=tx.now,
        )  # fmt: skip
    chain.emit(
        tx, "UpdateCommitted", round=round_id, node=tx.sender, task=entry.task, digest=digest,
        numExamples=num_examples, exponent=exponent,
    )  # fmt: skip


def close_commits(chain: MemoryChain, tx: Transaction, round_id: int) -> None:
    round_ = in_phase(chain, round_id, Phase.COMMITTING)
    parameters = chain.get_rules(round_id).parameters
    count = len(round_.contributions)
    if tx.now <= round_.deadline:
        require_coordinator(chain, tx)
        if count < parameters.quorum:
            arguments = {"expected": parameters.quorum, "actual": count}
            raise refusals.QuorumNotReachedError(arguments=arguments)
    committed = {c.node for c in round_.contributions}
    waiting = [n for n in chain.get_active() if n.node not in committed]
    with as_reverts("close"):
        closed = step.close_commits(
            round_, parameters, active_count=count + len(waiting),
            is_coordinator=is_coordinator(chain, tx), now=tx.now, block=tx.block,
        )  # fmt: skip
    chain.rounds[round_id] = closed
    if closed.phase is Phase.ABORTED:
        chain.emit(tx, "RoundAborted", round=round_id, phase=int(round_.phase), by=tx.sender)
        chain.report_unclosed(tx, round_id)
    else:
        chain.emit(tx, "CommitsClosed", round=round_id, closingBlock=tx.block, count=count)


def draw_sample(chain: MemoryChain, tx: Transaction, round_id: int) -> None:
    round_ = in_phase(chain, round_id, Phase.SAMPLING)
    with as_reverts("draw"):
        drawn = step.draw_sample(
            round_, chain.get_rules(round_id).parameters, chain_id=chain.network.chain_id,
            registry=chain.network.registry, now=tx.now, block=tx.block,
            block_hash=chain.get_hash(round_.closing_block),
        )  # fmt: skip
    chain.rounds[round_id] = drawn
    if drawn.phase is Phase.SAMPLING:
        chain.emit(tx, "SampleRearmed", round=round_id, closingBlock=tx.block)
    else:
        chain.emit(
            tx, "SampleDrawn", round=round_id, sampleSeed=drawn.sample_seed,
            collectDeadline=drawn.deadline,
        )  # fmt: skip


def commit_sample(
    chain: MemoryChain, tx: Transaction, round_id: int, sample_seed: bytes, sample: Commitment
) -> None:
    round_ = in_phase(chain, round_id, Phase.COLLECTING)
    with as_reverts("sample"):
        chain.rounds[round_id] = step.commit_sample(
            round_, node=tx.sender, sample_seed=sample_seed, sample_key=sample.key, now=tx.now
        )
    chain.samples[round_id, tx.sender] = sample
    chain.emit(tx, "SampleCommitted", round=round_id, node=tx.sender, sampleCommitment=sample.point)


def seal_round(
    chain: MemoryChain,
    tx: Transaction,
    round_id: int,
    candidate: Digest,
    clip_shifts: Sequence[int],
    missing: Sequence[MissingReason],
) -> None:
    require_coordinator(chain, tx)
    round_ = in_phase(chain, round_id, Phase.COLLECTING)
    require_candidate(round_, candidate)
    count = len(round_.contributions)
    sampled = all(c.sample_key is not None for c in round_.contributions)
    if len(clip_shifts) == len(missing) == count and (sampled or tx.now > round_.deadline):
        minimum = chain.get_rules(round_id).parameters.min_exponent
        require_seal(round_, clip_shifts, missing, minimum, tx.now)
    with as_reverts("seal"):
        sealed = step.seal_round(
            round_, chain.get_rules(round_id).parameters, candidate=candidate,
            clip_shifts=clip_shifts, missing=missing, is_coordinator=True, now=tx.now,
            block=tx.block,
        )  # fmt: skip
    chain.rounds[round_id] = sealed
    without_sample = list_without_sample(sealed)
    for entry in sealed.contributions:
        if not entry.is_available:
            chain.emit(
                tx, "ContributionMissing", round=round_id, node=entry.node,
                reason=int(entry.missing),
            )  # fmt: skip
        if entry.node in without_sample:
            chain.record_fault(tx, round_id, entry.node, FaultReason.NO_SAMPLE)
    chain.emit(
        tx, "RoundSealed", round=round_id, candidateDigest=candidate, sealBlock=tx.block,
        totalWeight=sealed.total_weight, clipShifts=list(clip_shifts),
        missing=[int(c.missing) for c in sealed.contributions],
    )  # fmt: skip


def draw_challenge(chain: MemoryChain, tx: Transaction, round_id: int) -> None:
    round_ = in_phase(chain, round_id, Phase.SEALED)
    with as_reverts("draw"):
        drawn = step.draw_challenge(
            round_, chain.get_rules(round_id).parameters, chain_id=chain.network.chain_id,
            registry=chain.network.registry, now=tx.now, block=tx.block,
            block_hash=chain.get_hash(round_.closing_block),
        )  # fmt: skip
    chain.rounds[round_id] = drawn
    if drawn.challenge_seed == ZERO:
        chain.emit(tx, "ChallengeRearmed", round=round_id, sealBlock=tx.block)
    else:
        chain.emit(tx, "ChallengeDrawn", round=round_id, challengeSeed=drawn.challenge_seed)


def publish_challenge(chain: MemoryChain, tx: Transaction, challenge: PublishedChallenge) -> None:
    require_coordinator(chain, tx)
    round_id = challenge.round_id
    round_ = in_phase(chain, round_id, Phase.SEALED)
    if round_.challenge_seed != ZERO:
        require_in_time(round_, tx)
        validate_challenge(chain, challenge)
    with as_reverts("publish"):
        chain.rounds[round_id] = step.publish_challenge(
            round_, chain.get_rules(round_id).parameters, challenge=challenge.digest,
            unit=challenge.unit, base_loss_nano=challenge.base_loss_nano,
            candidate_loss_nano=challenge.candidate_loss_nano, common_key=challenge.common.key,
            task_keys=[task.key for task in challenge.tasks], is_coordinator=True, now=tx.now,
        )  # fmt: skip
    chain.challenges[round_id] = challenge
    chain.emit(
        tx, "ChallengePublished", round=round_id, digest=challenge.digest, cid=challenge.cid,
        unit=challenge.unit, baseLossNano=challenge.base_loss_nano,
        candidateLossNano=challenge.candidate_loss_nano,
        commonCommitment=challenge.common.point,
        taskCommitments=[task.point for task in challenge.tasks],
        directions=challenge.directions,
    )  # fmt: skip


def prove_contribution(
    chain: MemoryChain, tx: Transaction, round_id: int, agreement: Agreement, proof: bytes
) -> None:
    round_ = in_phase(chain, round_id, Phase.PROVING)
    net, rules = chain.network, chain.get_rules(round_id)
    with as_reverts("prove"):
        proven = step.prove_contribution(
            round_, rules.parameters, node=tx.sender, agreement=agreement,
            sample_size=rules.sample_size, now=tx.now,
        )  # fmt: skip
    entry = proven.contribution_of(tx.sender)
    assert entry is not None
    published = chain.challenges[round_id]
    statement = Statement(
        common=published.common,
        task=published.tasks[entry.task],
        sample=chain.samples[round_id, tx.sender],
        agreement=agreement,
        context=compute_context(net.chain_id, net.registry, round_id, tx.sender),
    )
    if not chain.verify(statement, proof):
        raise refusals.InvalidProofError
    chain.rounds[round_id] = proven
    sums = {
        "common": agreement.common,
        "task": agreement.task,
        "square": agreement.square,
        "absolute": agreement.absolute,
    }
    if entry.outcome is Outcome.ACCEPTED:
        chain.emit(
            tx, "ContributionProven", round=round_id, node=tx.sender, shareNano=entry.share_nano,
            alignmentBps=entry.alignment_bps, **sums,
        )  # fmt: skip
    else:
        chain.emit(
            tx, "ContributionBelowThreshold", round=round_id, node=tx.sender,
            alignmentBps=entry.alignment_bps, **sums,
        )  # fmt: skip


def finalize_round(chain: MemoryChain, tx: Transaction, round_id: int, end: Finalization) -> None:
    require_coordinator(chain, tx)
    round_ = in_phase(chain, round_id, Phase.PROVING)
    parameters = chain.get_rules(round_id).parameters
    open_ones = any(c.outcome is Outcome.NONE for c in round_.contributions)
    if not open_ones or tx.now > round_.deadline:
        require_digest(end.report)
        require_cid(end.report_cid)
        require_gate(round_, end, parameters)
    with as_reverts("finalize"):
        ended = step.finalize_round(round_, parameters, end, is_coordinator=True, now=tx.now)
    base_kept = ended.checkpoint == ended.base
    if not base_kept:
        require_digest(end.checkpoint)
        require_cid(end.checkpoint_cid)
    chain.rounds[round_id] = ended
    chain.settle_round(tx, ended)
    for node in list_not_proven(ended):
        chain.record_fault(tx, round_id, node, FaultReason.NOT_PROVEN)
    if not base_kept:
        chain.publish_checkpoint(tx, round_id, end.checkpoint, end.checkpoint_cid)
    chain.emit(
        tx, "RoundFinalized", round=round_id, reportDigest=end.report, reportCid=end.report_cid,
        baseLossNano=ended.base_loss_nano, aggregateLossNano=end.aggregate_loss_nano,
        finalLossNano=end.final_loss_nano, baseKept=base_kept,
    )  # fmt: skip
    if all(c.outcome in (Outcome.NOT_PROVEN, Outcome.MISSING) for c in ended.contributions):
        chain.penalize(tx, round_id, missed_deadline=False)


def abort_round(chain: MemoryChain, tx: Transaction, round_id: int) -> None:
    round_ = chain.get_round(round_id)
    is_driver = is_coordinator(chain, tx)
    if round_.phase is Phase.NONE:
        raise refusals.RoundOverError(arguments={"phase": round_.phase.label})
    parameters = chain.get_rules(round_id).parameters
    with as_reverts("abort"):
        aborted = step.abort_round(round_, parameters, is_coordinator=is_driver, now=tx.now)
    count = len(round_.contributions)
    is_closable = round_.phase is Phase.COMMITTING and count >= parameters.quorum
    if is_closable and not is_driver:
        arguments = {"quorum": parameters.quorum, "actual": count}
        raise refusals.QuorumReachedError(arguments=arguments)
    chain.rounds[round_id] = aborted
    chain.emit(tx, "RoundAborted", round=round_id, phase=int(round_.phase), by=tx.sender)
    if round_.phase is Phase.COMMITTING:
        chain.report_unclosed(tx, round_id)
    elif is_coordinators_doing(round_, tx.now):
        missed = tx.now > step.compute_abort_deadline(round_, parameters)
        chain.penalize(tx, round_id, missed)
