"""Where the gas of a proof's verification goes: `python bench/verifier_gas.py [circuit …]`.

Sends the committed test proof of each circuit to its generated verifier on Anvil and reads every
step of the execution. Gas does not depend on the machine. Needs `scripts/forge build`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from eth_abi.abi import encode
from eth_hash.auto import keccak

from zk0.chain.devnet import ROOT, Devnet, DevnetOptions, start_devnet
from zk0.chain.wallet import open_wallet

FIELD = 21888242871839275222246405745257275088548364400416034343698204186575808495617
PRECOMPILES = {5: "modexp", 6: "ecAdd", 7: "ecMul", 8: "pairing"}
ARITHMETIC = {"MULMOD", "ADDMOD"}
CALLS = {"STATICCALL", "CALL"}
BASE_GAS = 21_000


@dataclass(frozen=True, slots=True)
class Measured:
    """One verification. Gas by what it was spent on, and how often."""

    total: int
    calldata_bytes: int
    calldata_gas: int
    gas: Counter[str]
    times: Counter[str]


def measure(devnet: Devnet, code: str, data: bytes) -> Measured:
    """Deploy `code`, call it with `data` in a transaction and account for every step."""
    sender = open_wallet("dev:0", 31337).address
    address = send(devnet, {"from": sender, "data": code, "gas": hex(10**7)})["contractAddress"]
    call = {"from": sender, "to": address, "data": "0x" + data.hex(), "gas": hex(3 * 10**6)}
    receipt = send(devnet, call)
    if receipt["status"] != "0x1":
        raise SystemExit("the verifier refuses the proof: is the build that of the test vectors?")
    options = {"disableMemory": True, "disableStorage": True}
    # Not of the transaction: Anvil keeps its steps only when it was started for that.
    trace = devnet.request("debug_traceCall", call, "latest", options)
    gas, times = account_for(trace["structLogs"])
    zeros = data.count(0)
    calldata_gas = 4 * zeros + 16 * (len(data) - zeros)
    return Measured(int(receipt["gasUsed"], 16), len(data), calldata_gas, gas, times)


def send(devnet: Devnet, transaction: dict[str, str]) -> dict[str, Any]:
    """The receipt, once there is one."""
    sent = devnet.request("eth_sendTransaction", transaction)
    while (receipt := devnet.request("eth_getTransactionReceipt", sent)) is None:
        time.sleep(0.05)
    return dict(receipt)


def account_for(steps: list[dict[str, Any]]) -> tuple[Counter[str], Counter[str]]:
    """Gas between a step and the next, by precompile or kind of operation."""
    gas: Counter[str] = Counter()
    times: Counter[str] = Counter()
    for step, following in pairwise(steps):
        kind = classify(step)
        gas[kind] += int(step["gas"]) - int(following["gas"])
        times[kind] += 1
    return gas, times


def classify(step: dict[str, Any]) -> str:
    operation = step["op"]
    if operation in CALLS:
        return PRECOMPILES.get(int(step["stack"][-2], 16), "other calls")
    if operation in ("KECCAK256", "SHA3"):
        return "keccak256"
    return "field arithmetic" if operation in ARITHMETIC else "other operations"


def encode_call(vector: dict[str, Any]) -> bytes:
    """The generated verifier's `verifyProof(bytes,uint256[])` for the honest proof."""
    case = vector["honest"]
    sums = [int(case[name]) for name in ("A", "T", "Q", "L")]
    instances = [value % FIELD for value in (*sums, int(vector["ctx"], 16))]
    proof = bytes.fromhex(case["proof"][2:])
    arguments = encode(["bytes", "uint256[]"], [proof, instances])
    selector: bytes = keccak(b"verifyProof(bytes,uint256[])")[:4]
    return selector + arguments


def show(name: str, found: Measured) -> None:
    print(f"{name}: {found.total:,} gas, {found.calldata_bytes:,} bytes of calldata")
    print(f"  {'transaction':18} {BASE_GAS:9,}")
    print(f"  {'calldata':18} {found.calldata_gas:9,}")
    for kind, gas in found.gas.most_common():
        print(f"  {kind:18} {gas:9,}  {found.times[kind]:7,} times")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("circuits", nargs="*", default=["alignment-960", "alignment-3840"])
    parser.add_argument("--code", type=Path, help="another verifier's artifact (JSON)")
    parser.add_argument("--vector", type=Path, help="its proof, like tests/vectors/proof-*.json")
    arguments = parser.parse_args()
    with start_devnet(None, DevnetOptions(block_time_s=None)) as devnet:
        for name in arguments.circuits:
            title = "".join(part.capitalize() for part in name.split("-")) + "Verifier"
            artifact = arguments.code or ROOT / "out" / f"{title}.sol" / f"{title}.json"
            vector = arguments.vector or ROOT / "tests" / "vectors" / f"proof-{name}.json"
            code = json.loads(artifact.read_bytes())["bytecode"]["object"]
            data = encode_call(json.loads(vector.read_bytes()))
            show(name, measure(devnet, code, data))


if __name__ == "__main__":
    main()
