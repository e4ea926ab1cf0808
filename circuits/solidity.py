"""EZKL's verifier contract for a circuit, renamed and otherwise as generated."""

from __future__ import annotations

import hashlib
from pathlib import Path

from circuits.process import run_worker
from zk0.errors import CircuitError

_GENERATED = "contract Halo2Verifier {"
_TIME_LIMIT_S = 120.0


def compute_contract_name(circuit_name: str) -> str:
    """`alignment-960` → `Alignment960Verifier`."""
    return "".join(part.capitalize() for part in circuit_name.split("-")) + "Verifier"


def render_verifier(
    circuit_name: str, verifying_key: Path, settings: Path, srs: Path, workspace: Path
) -> str:
    """Solidity source of the verifier, the same bytes every time.

    Raises:
        CircuitError: EZKL wrote something that is not one whole contract.
    """
    target = workspace / "verifier.sol"
    target.unlink(missing_ok=True)
    run_worker(
        "solidity",
        _TIME_LIMIT_S,
        verifying_key=verifying_key,
        settings=settings,
        srs=srs,
        solidity=target,
    )
    source = target.read_text(encoding="utf-8")
    if source.count(_GENERATED) != 1 or not source.rstrip().endswith("}"):
        raise CircuitError(
            f"EZKL's verifier for {circuit_name} is not one contract that starts with "
            f"{_GENERATED!r}: pin the EZKL version that zk0 names"
        )
    return source.replace(_GENERATED, f"contract {compute_contract_name(circuit_name)} {{")


def compute_solidity_sha256(source: str) -> str:
    """SHA-256 of the source as written to disk, lowercase hexadecimal."""
    return hashlib.sha256(source.encode()).hexdigest()
