"""Write proof-<circuit>.json: real proofs for pytest and forge to replay.

    .venv/bin/python tests/vectors/make_proofs.py

The arrays come from fixed seeds; proofs are blinded, so their bytes differ each time.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from circuits.catalog import CATALOG, get_circuit
from circuits.prover import EzklProver
from zk0.protocol.statement import (
    Address,
    Direction,
    compute_agreement,
    compute_context,
    is_admitted,
)

CHAIN_ID = 31337
REGISTRY = Address("0x" + "5a4b30" * 6 + "5a4b")
NODE = Address("0x" + "a11ce".zfill(40))
ROUND_ID = 1
Z_MIN = 4


def make_directions(sample_size: int) -> tuple[Direction, Direction, Direction]:
    """Common direction, task direction and an honest sample that follows both."""
    rng = np.random.default_rng(20_250_101)
    descent = rng.standard_normal(sample_size)
    own = 0.6 * descent + 0.8 * rng.standard_normal(sample_size)
    task = np.sign(own)
    task[rng.choice(sample_size, 7, replace=False)] = 0
    sample = 25 * (0.5 * own + rng.standard_normal(sample_size))
    clipped = [np.clip(np.round(x), -127, 127).astype(np.int8) for x in (40 * descent, sample)]
    return clipped[0], task.astype(np.int8), clipped[1]


def make_noise(task: Direction) -> Direction:
    """A sample that knows nothing, turned so that T > 0: only the threshold stops it."""
    rng = np.random.default_rng(7)
    noise = np.clip(np.round(25 * rng.standard_normal(len(task))), -127, 127).astype(np.int8)
    return noise if int(task.astype(int) @ noise.astype(int)) > 0 else -noise


def prove_case(
    prover: EzklProver, common: Direction, task: Direction, sample: Direction, context: int
) -> dict[str, str]:
    result = prover.prove(common, task, sample, context)
    arrays = {"common": common, "task": task, "sample": sample}
    agreement = result.agreement
    return {
        **{f"{name}Values": "0x" + values.tobytes().hex() for name, values in arrays.items()},
        **{
            f"{name}Commitment": "0x" + prover.compute_commitment(values).point.hex()
            for name, values in arrays.items()
        },
        "A": str(agreement.common),
        "T": str(agreement.task),
        "Q": str(agreement.square),
        "L": str(agreement.absolute),
        "proof": "0x" + result.proof.hex(),
    }


def make_vector(name: str, with_rejected: bool) -> dict[str, object]:
    circuit = get_circuit(name)
    prover = EzklProver(circuit, CHAIN_ID)
    context = compute_context(CHAIN_ID, REGISTRY, ROUND_ID, NODE)
    common, task, honest = make_directions(prover.sample_size)
    samples = {"honest": honest}
    if with_rejected:
        samples |= {"noise": make_noise(task), "opposed": -honest}
    cases = {}
    for case, sample in samples.items():
        cases[case] = prove_case(prover, common, task, sample, context)
        agreement = compute_agreement(common, task, sample)
        if is_admitted(agreement, Z_MIN) != (case == "honest"):
            raise SystemExit(f"{name} {case}: not the case it should be, {agreement}")
    return {
        "circuit": name,
        "circuitId": "0x" + circuit.circuit_id.hex(),
        "sampleSize": prover.sample_size,
        "chainId": CHAIN_ID,
        "registry": REGISTRY,
        "roundId": ROUND_ID,
        "node": NODE,
        "ctx": f"0x{context:064x}",
        **cases,
    }


def main() -> None:
    for entry in CATALOG:
        vector = make_vector(entry.name, with_rejected=entry.name == "alignment-960")
        file = Path(__file__).with_name(f"proof-{entry.name}.json")
        file.write_text(json.dumps(vector, indent=1) + "\n", encoding="ascii")
        print(f"wrote {file.name}")


if __name__ == "__main__":
    main()
