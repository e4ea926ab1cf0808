"""From the contracts' tuples to our records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from zk0.chain.contracts import to_address
from zk0.ports import Registration
from zk0.protocol.contribution import Contribution, MissingReason, Outcome
from zk0.protocol.coordinators import CoordinatorRules, Coordinators, Seat
from zk0.protocol.faults import FaultHistory
from zk0.protocol.round import Parameters, Phase, Round, Rules
from zk0.protocol.statement import Address, CircuitId, Digest

ZERO = bytes(32)


def _to_contract_name(name: str) -> str:
    """`seal_window_s` → `sealWindow`: the contract's unit of time is the second."""
    head, *rest = name.removesuffix("_s").split("_")
    return head + "".join(word.capitalize() for word in rest)


PARAMETER_NAMES = {_to_contract_name(f.name): f.name for f in fields(Parameters)}
"""The contract's name of each parameter → ours."""


def to_parameters(raw: Any) -> Parameters:
    """A version's parameters."""
    return read_parameters({name: getattr(raw, name) for name in PARAMETER_NAMES})


def read_parameters(values: Mapping[str, int]) -> Parameters:
    """Parameters by the contract's names. Raises ValueError for what is out of bounds."""
    return Parameters(**{own: values[name] for name, own in PARAMETER_NAMES.items()})


def describe_parameters(parameters: Parameters) -> dict[str, int]:
    """A version's parameters under the contract's names."""
    return {name: getattr(parameters, own) for name, own in PARAMETER_NAMES.items()}


def to_rules(version: int, raw: Any, sample_size: int) -> Rules:
    """A version of a network's rules."""
    circuit = CircuitId(bytes(raw.circuitId))
    return Rules(version, to_parameters(raw.parameters), circuit, sample_size)


@dataclass(frozen=True, slots=True)
class NodeKey:
    """A node's key, and the block and log index at which it registered that key first."""

    key: bytes
    since: tuple[int, int]


def to_registration(node: Address, raw: Any, faults: Any, node_key: NodeKey) -> Registration:
    """A registered node's record with the key of its newest NodeJoined event."""
    return Registration(
        node=node,
        task=raw.task,
        dataset_size=raw.datasetSize,
        bond_wei=raw.bond,
        is_active=raw.status == 1,
        node_key=node_key.key,
        exit_at=raw.exitAt,
        is_suspended=raw.status == 3,
        faults=FaultHistory(faults.lastRound, faults.recent),
        joined_at=raw.joinedAt,
        key_since=node_key.since,
    )


def to_coordinators(
    rules: Any, seats: Sequence[tuple[Any, Any]], current: Address, since: int
) -> Coordinators:
    """The set of coordinators; the zero address stands for nobody."""
    return Coordinators(
        rules=CoordinatorRules(rules.bond, rules.penalty, rules.exitDelay, rules.idleWindow),
        seats=tuple(Seat(to_address(name), raw.bond, raw.exitAt) for name, raw in seats),
        current=None if int(current, 16) == 0 else current,
        since=since,
    )


def to_contribution(raw: Any, weight_cap: int) -> Contribution:
    """One contribution; `weight_cap` is the round's, 0 before the seal."""
    missing = MissingReason(raw.missing)
    counts = missing is MissingReason.NONE
    return Contribution(
        node=to_address(raw.node),
        digest=Digest(bytes(raw.digest)),
        num_examples=raw.numExamples,
        exponent=raw.exponent,
        task=raw.task,
        sample_key=None if raw.sampleKey == ZERO else bytes(raw.sampleKey),
        clip_shift=raw.clipShift,
        weight=min(raw.numExamples, weight_cap) if counts else 0,
        missing=missing,
        outcome=Outcome(raw.outcome),
        share_nano=raw.shareNano,
        alignment_bps=raw.alignmentBps,
    )


def to_round(
    round_id: int, raw: Any, contributions: Sequence[Any], task_keys: Sequence[bytes]
) -> Round:
    """A round with its contributions (in order of commitment).

    `agreement` stays None: the four proven sums are in the proof's event, not in the state.
    """
    return Round(
        round_id=round_id,
        phase=Phase(raw.phase),
        base=Digest(bytes(raw.baseDigest)),
        pool_root=bytes(raw.poolRoot),
        opened_at=raw.openedAt,
        deadline=raw.deadline,
        lapsed=raw.lapsed,
        closing_block=raw.sealBlock or raw.closingBlock,
        sample_seed=bytes(raw.sampleSeed),
        candidate=Digest(bytes(raw.candidateDigest)),
        challenge_seed=bytes(raw.challengeSeed),
        challenge=Digest(bytes(raw.challengeDigest)),
        common_key=bytes(raw.commonKey),
        task_keys=tuple(bytes(key) for key in task_keys),
        total_weight=raw.totalWeight,
        unit=raw.unit,
        base_loss_nano=raw.baseLossNano,
        candidate_loss_nano=raw.candidateLossNano,
        aggregate_loss_nano=raw.aggregateLossNano,
        final_loss_nano=raw.finalLossNano,
        checkpoint=Digest(bytes(raw.checkpointDigest)),
        contributions=tuple(to_contribution(c, raw.weightCap) for c in contributions),
    )
