"""Source verification: Sourcify's engine judges every contract that the deploy script deploys."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from circuits.catalog import get_circuit
from zk0.chain.deploy import deploy_network
from zk0.chain.devnet import ROOT, Devnet, DevnetOptions, start_devnet
from zk0.chain.wallet import open_wallet
from zk0.networks import make_plan, store_network
from zk0.storage import open_store

INPUTS = ROOT / "deployments" / "standard-json"
ENGINE = ROOT / "tests" / "integration" / "sourcify"
PERFECT = {"runtimeMatch": "perfect", "creationMatch": "perfect"}
CIRCUITS = ("alignment-960", "alignment-3840")


@dataclass(frozen=True, slots=True)
class Created:
    """A contract as the chain has it."""

    name: str
    address: str
    transaction: str


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("networks")


@pytest.fixture(scope="module")
def devnet(folder: Path) -> Iterator[Devnet]:
    """A network for each circuit, deployed as `zk0 devnet` deploys one."""
    store = open_store(f"dir:{folder / 'blobs'}")
    with start_devnet(None, DevnetOptions(block_time_s=None)) as running:
        for name in CIRCUITS:
            circuit = get_circuit(name)
            plan = make_plan(
                store_network(store, folder / name, circuit=name),
                circuit_id=circuit.circuit_id,
                sample_size=circuit.manifest.sample_size,
                owner=open_wallet("dev:0", 31337).address,
            )
            deploy_network(running.rpc_url, plan, folder / name)
        yield running


def list_created(devnet: Devnet) -> list[Created]:
    """What transactions created, named by the artifact whose creation code they begin with."""
    codes = {p.stem: read_creation_code(p.stem) for p in INPUTS.glob("*.json")}
    found = []
    for number in range(int(devnet.request("eth_blockNumber"), 16) + 1):
        block = devnet.request("eth_getBlockByNumber", hex(number), True)
        for transaction in block["transactions"]:
            receipt = devnet.request("eth_getTransactionReceipt", transaction["hash"])
            if receipt["contractAddress"] is None:
                continue
            names = [n for n, code in codes.items() if transaction["input"].startswith(code)]
            assert len(names) == 1, f"{receipt['contractAddress']} was created by {names or 'none'}"
            found.append(Created(names[0], receipt["contractAddress"], transaction["hash"]))
    return found


def read_creation_code(name: str) -> str:
    artifact = json.loads((ROOT / "out" / f"{name}.sol" / f"{name}.json").read_bytes())
    return str(artifact["bytecode"]["object"])


def verify(devnet: Devnet, contracts: list[Created], inputs: Path = INPUTS) -> dict[str, Any]:
    """Sourcify's status of each contract, by name."""
    node = shutil.which("node")
    if node is None or not (ENGINE / "node_modules").is_dir():
        pytest.skip("Sourcify's engine is not installed: run scripts/setup-sourcify (62 MB)")
    request = {
        "rpc": devnet.rpc_url,
        "chainId": devnet.chain_id,
        "contracts": [describe(created, inputs / f"{created.name}.json") for created in contracts],
    }
    done = subprocess.run(
        [node, str(ENGINE / "verify.mjs")],
        input=json.dumps(request),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def describe(created: Created, source: Path) -> dict[str, str]:
    (path,) = (
        p.relative_to(ROOT).as_posix() for p in (ROOT / "contracts").rglob(f"{created.name}.sol")
    )
    return {
        "address": created.address,
        "transaction": created.transaction,
        "input": str(source),
        "path": path,
        "name": created.name,
    }


def test_every_deployed_contract_is_a_perfect_match(devnet: Devnet, folder: Path) -> None:
    created = list_created(devnet)
    files = [json.loads(path.read_bytes()) for path in folder.glob("*/31337.json")]
    named = {v.lower() for file in files for v in file.values() if str(v).startswith("0x")}
    named -= {file["circuitId"] for file in files}
    assert len(files) == len(CIRCUITS)
    assert named == {c.address for c in created}, "a contract that no transaction made, or unnamed"
    # Two networks of the same contracts: one of each kind is enough.
    contracts = list({c.name: c for c in created}.values())
    statuses = verify(devnet, contracts)
    assert statuses == {c.name: PERFECT for c in contracts}
    assert {"ContributionRegistry", "NodeRegistry", "Alignment3840Verifier"} <= set(statuses)


def test_a_changed_comment_is_no_perfect_match(devnet: Devnet, tmp_path: Path) -> None:
    router = next(c for c in list_created(devnet) if c.name == "VerifierRouter")
    source = json.loads((INPUTS / "VerifierRouter.json").read_bytes())
    path = "contracts/verifiers/VerifierRouter.sol"
    source["sources"][path]["content"] += "// the author of this was somebody else\n"
    (tmp_path / "VerifierRouter.json").write_text(json.dumps(source))
    (status,) = verify(devnet, [router], tmp_path).values()
    assert status == {"runtimeMatch": "partial", "creationMatch": "partial"}
