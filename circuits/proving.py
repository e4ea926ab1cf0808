"""One proof over exact field elements, as EZKL makes it: not yet verified."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from circuits.field import encode_felts
from circuits.process import open_workspace, run_worker
from zk0.errors import ProverError


@dataclass(frozen=True, slots=True)
class RawProof:
    """What EZKL's prover says: proof bytes, and the public values that it claims (felts)."""

    proof: bytes
    instances: tuple[str, ...]


def compute_proof(
    inputs: Sequence[Iterable[int]],
    *,
    compiled: Path,
    proving_key: Path,
    srs: Path,
    time_limit_s: float,
) -> RawProof:
    """Prove V, T, D, ctx in a child process. EZKL "proves" false witnesses too: verify.

    Inputs go to EZKL as field elements, never as floats, which it would round.

    Raises:
        ProverTimeoutError: not done within `time_limit_s` seconds.
        ProverError: EZKL refused the witness or crashed.
    """
    with open_workspace() as workspace:
        data = {"input_data": [encode_felts(values) for values in inputs]}
        (workspace / "inputs.json").write_text(json.dumps(data), encoding="ascii")
        run_worker(
            "prove",
            time_limit_s,
            inputs=workspace / "inputs.json",
            witness=workspace / "witness.json",
            proof=workspace / "proof.json",
            compiled=compiled,
            proving_key=proving_key,
            srs=srs,
        )
        return _read_proof(workspace / "proof.json")


def _read_proof(file: Path) -> RawProof:
    """EZKL's proof file. Raises ProverError when it is incomplete."""
    try:
        record = json.loads(file.read_text(encoding="ascii"))
        return RawProof(bytes(record["proof"]), tuple(record["instances"][0]))
    except (ValueError, TypeError, LookupError) as error:
        raise ProverError(
            f"EZKL left an incomplete proof file ({error}): check for a full disk and try again"
        ) from error
