"""What an audit says: one finding for each check, and what they come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from zk0.protocol.statement import Address


class Verdict(StrEnum):
    """What became of one check."""

    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    UNCHECKED = "unchecked"
    """What it needs could not be had, or an earlier check failed."""


class Refutation(Exception):  # noqa: N818
    """A check found something else than the chain or the report says."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's verdict, with what was compared."""

    check: str
    verdict: Verdict
    detail: str


@dataclass(frozen=True, slots=True)
class Audit:
    """One round's findings, in the order of the checks."""

    chain_id: int
    registry: Address
    round_id: int
    findings: Sequence[Finding]

    @property
    def verdict(self) -> Verdict:
        """Refuted if anything is; confirmed only if everything is."""
        verdicts = {f.verdict for f in self.findings}
        if Verdict.REFUTED in verdicts:
            return Verdict.REFUTED
        return Verdict.UNCHECKED if Verdict.UNCHECKED in verdicts else Verdict.CONFIRMED

    def to_json(self) -> dict[str, Any]:
        return {
            "chain_id": self.chain_id,
            "registry": self.registry,
            "round": self.round_id,
            "verdict": self.verdict,
            "findings": [
                {"check": f.check, "verdict": f.verdict, "detail": f.detail} for f in self.findings
            ],
        }
