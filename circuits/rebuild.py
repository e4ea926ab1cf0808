"""Does a circuit's verifying key really come from the model in this repository?

EZKL writes the range checks in an order that differs from run to run, and the verifying
key depends on it. With the shipped order, the same key comes out byte for byte: so anyone
can check a circuit instead of trusting who built it.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from circuits.build import SETUP_TIME_LIMIT_S, Plan, compile_circuit
from circuits.catalog import CATALOG, Circuit, get_circuit
from circuits.manifest import COMPILED, SETTINGS, VERIFYING_KEY, validate_digest
from circuits.process import run_worker
from circuits.solidity import compute_solidity_sha256, render_verifier
from circuits.srs import DEVNET_CHAIN_ID, open_srs
from zk0.errors import ArtifactError, CircuitError

_ATTEMPTS = 64


def verify_rebuild(circuit: Circuit, srs: Path) -> None:
    """Build `circuit` again from `circuits/model.py` and compare key and contract.

    Raises:
        ArtifactError: the shipped verifying key or contract is of another model.
        CircuitError: EZKL never chose the shipped order.
    """
    manifest = circuit.manifest
    plan = Plan(manifest.name, manifest.sample_size, manifest.k, srs)
    with tempfile.TemporaryDirectory(prefix="zk0-rebuild-") as name:
        workspace = Path(name)
        compile_in_order_of(circuit, plan, workspace)
        run_worker(
            "setup",
            SETUP_TIME_LIMIT_S,
            compiled=workspace / COMPILED,
            srs=srs,
            verifying_key=workspace / VERIFYING_KEY,
            proving_key=workspace / "proving.key",
        )
        validate_digest(workspace / VERIFYING_KEY, manifest.artifacts[VERIFYING_KEY])
        source = render_verifier(
            manifest.name, workspace / VERIFYING_KEY, circuit.settings, srs, workspace
        )
    found = compute_solidity_sha256(source)
    if found != manifest.solidity_sha256:
        raise ArtifactError(
            f"the verifier contract of {manifest.name} is not EZKL's: expected SHA-256 "
            f"{manifest.solidity_sha256}, found {found}"
        )


def compile_in_order_of(circuit: Circuit, plan: Plan, folder: Path) -> None:
    """Compile `plan` until its range checks stand in the order of `circuit`'s."""
    wanted = _read_order(circuit.settings)
    for _ in range(_ATTEMPTS):
        compile_circuit(plan, folder)
        if _read_order(folder / SETTINGS) == wanted:
            return
    raise CircuitError(
        f"EZKL did not write the range checks of {plan.name} in the order {wanted} in "
        f"{_ATTEMPTS} attempts: pin the EZKL version that the manifest names"
    )


def _read_order(settings: Path) -> list[list[int]]:
    order: list[list[int]] = json.loads(settings.read_text(encoding="ascii"))[
        "required_range_checks"
    ]
    return order


def main() -> None:
    """Check every catalog circuit against the model."""
    for entry in CATALOG:
        circuit = get_circuit(entry.name)
        verify_rebuild(circuit, open_srs(circuit.manifest, DEVNET_CHAIN_ID))
        sys.stdout.write(f"{entry.name}: the verifying key comes from this model\n")


if __name__ == "__main__":
    main()
