"""Build the circuit with another number of columns, for `bench/verifier_gas.py` to measure.

    python bench/variant_circuit.py FOLDER --sample-size 960 --columns 1 --k 14

Writes FOLDER/artifact.json (the verifier) and FOLDER/vector.json (a proof for it). Takes seconds on
an idle machine. Nothing that is built here is fit for a network: no self-test is run on it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from types import MappingProxyType

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import ezkl

from circuits.build import Plan, compile_circuit
from circuits.manifest import COMPILED, VERIFYING_KEY
from circuits.manifest import SETTINGS as SETTINGS_FILE
from circuits.process import run_worker
from circuits.proving import compute_proof
from circuits.rules import RUN_ARGS
from circuits.solidity import render_verifier
from zk0.protocol.statement import compute_agreement

ROOT = Path(__file__).resolve().parents[1]
CONTEXT = 2**248 - 1
TIME_LIMIT_S = 1800.0


def build(folder: Path, sample_size: int, columns: int, k: int) -> None:
    """Circuit, keys, proof and verifier, all in `folder`."""
    srs = folder / f"k{k}.srs"
    if not srs.exists():
        ezkl.gen_srs(str(srs), k)
    run_args = MappingProxyType({**RUN_ARGS, "num_inner_cols": columns})
    compile_circuit(Plan("variant", sample_size, k, srs, run_args=run_args), folder)
    keys = {"verifying_key": folder / VERIFYING_KEY, "proving_key": folder / "proving.key"}
    run_worker("setup", TIME_LIMIT_S, compiled=folder / COMPILED, srs=srs, **keys)
    write_proof(folder, sample_size, srs)
    source = render_verifier("variant", keys["verifying_key"], folder / SETTINGS_FILE, srs, folder)
    code = compile_verifier(source)
    (folder / "artifact.json").write_text(json.dumps({"bytecode": {"object": code}}))


def write_proof(folder: Path, sample_size: int, srs: Path) -> None:
    rng = np.random.default_rng(0)
    common, task, sample = rng.integers(-127, 128, (3, sample_size)).astype(np.int8)
    found = compute_proof(
        (common.tolist(), task.tolist(), sample.tolist(), [CONTEXT]),
        compiled=folder / COMPILED,
        proving_key=folder / "proving.key",
        srs=srs,
        time_limit_s=TIME_LIMIT_S,
    )
    sums = compute_agreement(common, task, sample)
    case = {
        "A": str(sums.common),
        "T": str(sums.task),
        "Q": str(sums.square),
        "L": str(sums.absolute),
        "proof": "0x" + found.proof.hex(),
    }
    vector = {"ctx": hex(CONTEXT), "honest": case}
    (folder / "vector.json").write_text(json.dumps(vector))
    print(f"proof of {len(found.proof):,} bytes")


def compile_verifier(source: str) -> str:
    """Creation code, with the settings that the shipped verifiers are built with."""
    selection = {"*": {"*": ["evm.bytecode.object", "evm.deployedBytecode.object"]}}
    optimizer = {"enabled": True, "runs": 1}
    asked = {
        "language": "Solidity",
        "sources": {"v.sol": {"content": source}},
        "settings": {
            "optimizer": optimizer,
            "evmVersion": "cancun",
            "outputSelection": selection,
        },
    }
    solc = [str(ROOT / "scripts" / "solc"), "--standard-json"]
    done = subprocess.run(solc, input=json.dumps(asked), capture_output=True, text=True, check=True)
    evm = json.loads(done.stdout)["contracts"]["v.sol"]["VariantVerifier"]["evm"]
    print(f"runtime code of {len(evm['deployedBytecode']['object']) // 2:,} bytes")
    return "0x" + str(evm["bytecode"]["object"])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sample-size", type=int, default=960)
    parser.add_argument("--columns", type=int, required=True)
    parser.add_argument("--k", type=int, required=True)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    build(arguments.folder, arguments.sample_size, arguments.columns, arguments.k)


if __name__ == "__main__":
    main()
