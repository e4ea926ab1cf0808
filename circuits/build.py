"""Build circuits: `scripts/build-circuits`. Not needed to run zk0.

EZKL's settings differ from run to run (a timestamp, the order of the range checks), so a
circuit is built once and its artifacts are committed; building again makes another
CircuitId. `circuits.rebuild` checks the committed ones against the model.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import ezkl

from circuits.catalog import ARTIFACTS_FOLDER, CATALOG, Circuit, load_circuit
from circuits.manifest import (
    ARTIFACTS,
    COMPILED,
    MANIFEST,
    ONNX,
    SETTINGS,
    VERIFYING_KEY,
    Manifest,
    SrsKind,
    compute_sha256,
)
from circuits.model import export_model
from circuits.process import run_worker
from circuits.rules import EZKL_VERSION, RUN_ARGS, validate_settings
from circuits.selftest import run_selftest
from circuits.solidity import (
    compute_contract_name,
    compute_solidity_sha256,
    render_verifier,
)
from circuits.srs import get_devnet_srs
from zk0.errors import ArtifactError

VERIFIERS_FOLDER = Path("contracts/verifiers/generated")
SETUP_TIME_LIMIT_S = 600.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What to build. Only tests have a reason to replace `export` or `run_args`."""

    name: str
    sample_size: int
    k: int
    srs: Path
    srs_kind: SrsKind = "devnet"
    export: Callable[[int, Path], None] = export_model
    run_args: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType(dict(RUN_ARGS)))


def build_circuit(plan: Plan, folder: Path) -> tuple[Circuit, str]:
    """Build into `folder` (which must not exist yet); returns circuit and Solidity source.

    Raises:
        CircuitError: the settings break a rule, or a proof of a wrapped-around sample
            verifies, or an honest one does not.
    """
    if folder.exists():
        raise ArtifactError(f"{folder} exists: building again would change its CircuitId")
    with tempfile.TemporaryDirectory(prefix="zk0-build-") as name:
        workspace = Path(name)
        compile_circuit(plan, workspace)
        settings = json.loads((workspace / SETTINGS).read_text(encoding="ascii"))
        validate_settings(settings, plan.sample_size, plan.k)
        proving_key = workspace / "proving.key"
        run_worker(
            "setup",
            SETUP_TIME_LIMIT_S,
            compiled=workspace / COMPILED,
            srs=plan.srs,
            verifying_key=workspace / VERIFYING_KEY,
            proving_key=proving_key,
        )
        proof_size = run_selftest(workspace, plan.sample_size, plan.srs, proving_key)
        source = render_verifier(
            plan.name, workspace / VERIFYING_KEY, workspace / SETTINGS, plan.srs, workspace
        )
        manifest = Manifest(
            name=plan.name,
            sample_size=plan.sample_size,
            k=plan.k,
            proof_size=proof_size,
            ezkl=EZKL_VERSION,
            srs=plan.srs_kind,
            srs_sha256=compute_sha256(plan.srs),
            solidity_sha256=compute_solidity_sha256(source),
            artifacts={file: compute_sha256(workspace / file) for file in ARTIFACTS},
        )
        folder.mkdir(parents=True)
        for file in ARTIFACTS:
            shutil.copyfile(workspace / file, folder / file)
        (folder / MANIFEST).write_bytes(manifest.encode())
    return load_circuit(folder), source


def compile_circuit(plan: Plan, folder: Path) -> None:
    """Write ONNX, settings and compiled circuit, whether they keep the rules or not."""
    plan.export(plan.sample_size, folder / ONNX)
    arguments = ezkl.PyRunArgs()
    for name, value in plan.run_args.items():
        setattr(arguments, name, value)
    arguments.logrows = plan.k  # type: ignore[attr-defined]  # missing in EZKL's stub
    ezkl.gen_settings(str(folder / ONNX), str(folder / SETTINGS), arguments)
    ezkl.compile_circuit(str(folder / ONNX), str(folder / COMPILED), str(folder / SETTINGS))


def main() -> None:
    """Build the catalog circuits that have no artifacts yet."""
    parser = argparse.ArgumentParser(prog="build-circuits", description=main.__doc__)
    parser.add_argument("--artifacts", type=Path, default=ARTIFACTS_FOLDER)
    parser.add_argument("--verifiers", type=Path, default=VERIFIERS_FOLDER)
    options = parser.parse_args()
    for entry in CATALOG:
        folder = options.artifacts / entry.name
        if folder.exists():
            sys.stdout.write(f"{entry.name}: kept, {load_circuit(folder).circuit_id.hex()}\n")
            continue
        srs = get_devnet_srs(entry.k, options.artifacts / "srs")
        if not srs.exists():
            srs.parent.mkdir(parents=True, exist_ok=True)
            ezkl.gen_srs(str(srs), entry.k)
        circuit, source = build_circuit(Plan(entry.name, entry.sample_size, entry.k, srs), folder)
        options.verifiers.mkdir(parents=True, exist_ok=True)
        contract = options.verifiers / f"{compute_contract_name(entry.name)}.sol"
        contract.write_text(source, encoding="utf-8")
        sys.stdout.write(f"{entry.name}: built, {circuit.circuit_id.hex()}, {contract}\n")


if __name__ == "__main__":
    main()
