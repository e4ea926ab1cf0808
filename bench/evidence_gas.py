"""Gas of showing that a proven sample is not the committed update: `python bench/evidence_gas.py`.

Runs bench/EquivocationEvidence.sol on Anvil with a sample drawn as the protocol does. The
commitment is made with a known secret (s = 1): gas does not depend on the points. Needs `npm ci`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from eth_hash.auto import keccak
from web3 import Web3

from zk0.chain.devnet import ROOT, Devnet, DevnetOptions, start_devnet
from zk0.chain.rpc import open_rpc
from zk0.chain.wallet import open_wallet
from zk0.protocol.randomness import draw_sample

R = 21888242871839275222246405745257275088548364400416034343698204186575808495617
G2 = (
    0x198E9393920D483A7260BFB731FB5D25F1AA493335A9E71297E485B7AEF312C2,
    0x1800DEEF121F1E76426A00665E5C4479674322D4F75EDADD46DEBD5CD992F6ED,
    0x090689D0585FF075EC9E99AD690C3395BC4B313370B38EF355ACDADCD122975B,
    0x12C85EA5DB8C6DEB4AAB71808DCB408FE3D1E7690C43D37B4CE6CC0166FA7DAA,
)
SEED = keccak(b"a sample seed")
LEAF_DIGITS = 32
MULTIPLY = "0x0000000000000000000000000000000000000007"


def compile_contract() -> dict[str, Any]:
    source = (ROOT / "bench" / "EquivocationEvidence.sol").read_text(encoding="utf-8")
    selection = {"*": {"*": ["abi", "evm.bytecode.object"]}}
    settings = {"optimizer": {"enabled": True, "runs": 200}, "evmVersion": "cancun"}
    asked = {
        "language": "Solidity",
        "sources": {"e.sol": {"content": source}},
        "settings": {**settings, "outputSelection": selection},
    }
    solc = [str(ROOT / "scripts" / "solc"), "--standard-json"]
    done = subprocess.run(solc, input=json.dumps(asked), capture_output=True, text=True, check=True)
    output = json.loads(done.stdout)
    if "contracts" not in output:
        raise SystemExit(output["errors"][0]["formattedMessage"])
    found: dict[str, Any] = output["contracts"]["e.sol"]["EquivocationEvidence"]
    return found


def multiply(web3: Web3, scalar: int) -> tuple[int, int]:
    """scalar·G, by the chain's own precompile."""
    words = (1, 2, scalar % R)
    data = b"".join(w.to_bytes(32, "big") for w in words)
    point = bytes(web3.eth.call({"to": Web3.to_checksum_address(MULTIPLY), "data": data}))
    return int.from_bytes(point[:32], "big"), int.from_bytes(point[32:], "big")


def make_path(leaf: bytes, position: int, depth: int) -> tuple[list[bytes], bytes]:
    """A path of made-up neighbours and the root that they lead to."""
    node, path = keccak(leaf), []
    for level in range(depth):
        other = keccak(f"neighbour {level}".encode())
        path.append(other)
        node = keccak(node + other if (position >> level) & 1 == 0 else other + node)
    return path, node


def measure(devnet: Devnet, name: str, size: int, parameters: int, k: int) -> None:
    web3 = open_rpc(devnet.rpc_url)
    built = compile_contract()
    sender = Web3.to_checksum_address(open_wallet("dev:0", 31337).address)
    factory = web3.eth.contract(abi=built["abi"], bytecode=built["evm"]["bytecode"]["object"])
    made = web3.eth.wait_for_transaction_receipt(factory.constructor().transact({"from": sender}))
    contract = web3.eth.contract(address=made["contractAddress"], abi=built["abi"])

    sample = draw_sample(SEED, size, parameters)
    place = size // 2
    coordinate = int(sample[place])
    root = pow(7, (R - 1) >> k, R)
    committed, value = 123456789, 42
    z = pow(root, place, R)
    witness = (committed - value) * pow(1 - z, -1, R)
    points = (multiply(web3, committed), multiply(web3, witness))
    depth = (-(-parameters // LEAF_DIGITS) - 1).bit_length()
    leaf, position = bytes(LEAF_DIGITS), coordinate // LEAF_DIGITS
    path, top = make_path(leaf, position, depth)

    opening = (*points, root, place, value, G2)
    domain = (root, value, *G2, position)
    whole = (*points, domain, path, (leaf, top), SEED, (size, parameters, coordinate))
    steps = {
        "the opening": contract.functions.checkOpening(*opening),
        f"the path ({depth} levels)": contract.functions.checkPath(top, leaf, position, path),
        "the place in the sample": contract.functions.rankOf(SEED, size, parameters, coordinate),
        "all in one transaction": contract.functions.show(*whole),
    }
    assert contract.functions.rankOf(SEED, size, parameters, coordinate).call() == [True, place]
    print(f"{name}: m = {size:,}, P = {parameters:,}")
    for step, function in steps.items():
        result = function.call()
        assert result is True or result == [True, place], (step, result)
        sent = function.transact({"from": sender, "gas": 25_000_000})
        receipt = web3.eth.wait_for_transaction_receipt(sent)
        calldata = len(bytes.fromhex(function._encode_transaction_data()[2:]))
        print(f"  {step:26} {receipt['gasUsed']:10,} gas, {calldata:6,} bytes of calldata")


def main() -> None:
    with start_devnet(None, DevnetOptions(block_time_s=None)) as devnet:
        time.sleep(0.1)
        measure(devnet, "tiny", 960, 314_016, 13)
        measure(devnet, "tiny, as rounds use it", 3840, 314_016, 15)
        measure(devnet, "SmolVLA's expert", 3840, 99_880_992, 15)


if __name__ == "__main__":
    main()
