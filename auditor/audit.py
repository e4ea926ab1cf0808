"""The checks of an audit, in order: each says what it compared, or what it found instead.

What the contracts enforce by themselves (deadlines, proofs, recorded shares, credits) is not
checked again. What is checked is what a round takes from its coordinator: which updates it is made
of, how they were aggregated, what they were measured against, and what the report says.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from auditor.aggregation import check_candidate, check_checkpoint, check_weights
from auditor.case import Case, MakeExaminer
from auditor.examples import check_challenge, check_examples
from auditor.findings import Audit, Finding, Refutation, Verdict
from auditor.measurement import check_gate, check_measurement, check_shares
from auditor.publication import check_base, check_frames, check_report, check_updates
from coordinator.tools import Tools
from zk0.errors import ChallengeError, CheckpointError, RoundError, StorageError, UpdateError
from zk0.protocol.round import Phase, Round

log = logging.getLogger(__name__)

WRONG = (Refutation, CheckpointError, ChallengeError, UpdateError)

Check = Callable[[Case], str]

EXACT: Sequence[tuple[str, Check, tuple[str, ...]]] = (
    ("report", check_report, ()),
    ("frames", check_frames, ("report",)),
    ("base", check_base, ()),
    ("updates", check_updates, ("report", "base")),
    ("weights", check_weights, ("updates",)),
    ("candidate", check_candidate, ("updates",)),
    ("checkpoint", check_checkpoint, ("updates",)),
    ("challenge", check_challenge, ("base",)),
    ("examples", check_examples, ("frames", "challenge")),
)
"""Name, check, and the names of those without which it makes no sense. Without torch."""
MEASURED: Sequence[tuple[str, Check, tuple[str, ...]]] = (
    ("measurement", check_measurement, ("candidate", "examples")),
    ("shares", check_shares, ("measurement", "report")),
    ("gate", check_gate, ("shares",)),
)
"""What takes the policy."""


def run_audit(tools: Tools, round_id: int, make_examiner: MakeExaminer | None) -> Audit:
    """All checks. What cannot be had leaves its checks, and those that need them, unchecked.

    Args:
        tools: with a folder of the auditor's own; their examiner is not used.
        make_examiner: over the round's published frames; None leaves out what is measured.

    Raises:
        RoundError: the round is not finalized.
        RpcUnavailableError, ArtifactError, ConfigError: nothing about the round.
    """
    case = Case(
        tools, get_finalized(tools, round_id), tools.ledger.get_rules(round_id), make_examiner
    )
    findings: list[Finding] = []
    for name, check, needs in (*EXACT, *MEASURED):
        if make_examiner is None and (name, check, needs) in MEASURED:
            finding = Finding(name, Verdict.UNCHECKED, "left out, as asked")
        else:
            finding = _check(case, name, check, [f for f in findings if f.check in needs])
        log.info("round %d: %s %s", round_id, name, finding.verdict)
        findings.append(finding)
    network = tools.ledger.network
    return Audit(network.chain_id, network.registry, round_id, findings)


def _check(case: Case, name: str, check: Check, needed: Sequence[Finding]) -> Finding:
    missing = [f.check for f in needed if f.verdict is not Verdict.CONFIRMED]
    if missing:
        return Finding(name, Verdict.UNCHECKED, f"needs: {', '.join(missing)}")
    try:
        return Finding(name, Verdict.CONFIRMED, check(case))
    except WRONG as error:
        return Finding(name, Verdict.REFUTED, str(error))
    except StorageError as error:
        return Finding(name, Verdict.UNCHECKED, str(error))


def get_finalized(tools: Tools, round_id: int) -> Round:
    """Raises RoundError for a round that is not over, or was aborted."""
    round_ = tools.ledger.get_round(round_id)
    if round_.phase is not Phase.FINALIZED:
        raise RoundError(
            f"expected a finalized round to audit, round {round_id} is {round_.phase.label}; "
            "`zk0 history` lists what is over"
        )
    return round_


def find_newest(rounds: Sequence[Round]) -> int:
    """The newest finalized round. Raises RoundError when there is none."""
    over = [r.round_id for r in rounds if r.phase is Phase.FINALIZED]
    if not over:
        raise RoundError(f"expected a finalized round to audit, found none among {len(rounds)}")
    return max(over)
