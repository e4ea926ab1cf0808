"""Both halves together: Python plays, forge repeats."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from eth_abi.abi import encode

from tests.differential.recording import CALL_TYPE, Call
from tests.differential.scenarios import Scenario, Site
from zk0.chain.devnet import ROOT
from zk0.chain.interfaces import CONTRACTS, get_type, load_abi
from zk0.chain.reverts import decode_revert
from zk0.ports import Registration
from zk0.protocol.coordinators import CoordinatorRules, Coordinators, Seat
from zk0.protocol.faults import FaultRules
from zk0.protocol.round import Parameters
from zk0.protocol.statement import Digest
from zk0.testing.chain import make_network, make_rules

ROUNDS_PER_SCENARIO = 10
SCENARIOS_PER_RUN = 50
FOLDER = "ZK0_DIFFERENTIAL"
TEMPLATE = Parameters(
    min_commit_window_s=1, commit_window_s=1, collect_window_s=1, seal_window_s=1,
    challenge_window_s=1, proving_window_s=1, finalize_window_s=1, quorum=1, max_nodes=1,
    min_exponent=-1, max_exponent=-1, max_weight_share_bps=1, z_min=1, max_regression_nano=0,
    parameter_count=10_000, frames_per_task=8,
)  # fmt: skip
"""What a scenario does not draw stays as here."""


class DifferenceError(Exception):
    """Python and the contracts disagree; says about which call, and what the contract did."""


def run(
    seed: int, rounds: int, folder: Path, report: Callable[[str], None]
) -> Counter[tuple[str, str]]:
    """Play `rounds` random rounds in Python and repeat them in forge.

    Args:
        report: is told after each batch how many rounds have ended the same way.

    Returns:
        How often each method of the ledger ended in which refusal, or "ok".

    Raises:
        DifferenceError: the first call that ends otherwise.
    """
    site = _read_site(folder)
    tally: Counter[tuple[str, str]] = Counter()
    scenarios = -(-rounds // ROUNDS_PER_SCENARIO)
    for first in range(0, scenarios, SCENARIOS_PER_RUN):
        numbers = range(first, min(first + SCENARIOS_PER_RUN, scenarios))
        played = []
        for position, number in enumerate(numbers):
            left = rounds - number * ROUNDS_PER_SCENARIO
            scenario = Scenario(site, seed + number, min(left, ROUNDS_PER_SCENARIO))
            scenario.play()
            played.append(scenario.recorder.calls)
            tally += scenario.tally
            _write(scenario, folder / f"{position}.bin")
        try:
            output = _run_forge("test_RepeatsWhatPythonPlayed", folder)
        finally:
            for file in folder.glob("*.bin"):
                file.unlink()
        _require_same(output, seed + first, played)
        done = min(rounds, numbers.stop * ROUNDS_PER_SCENARIO)
        report(f"seed {seed}: {done:,} rounds, {tally.total():,} calls the same\n")
    return tally


def _read_site(folder: Path) -> Site:
    """What forge says about the network that it is going to deploy."""
    output = _run_forge("test_DescribesTheNetwork", folder)
    if not (folder / "site.json").is_file():
        raise DifferenceError(f"forge did not describe its network:\n{output}")
    raw = json.loads((folder / "site.json").read_bytes())
    network = replace(
        make_network(
            TEMPLATE, raw["tasks"], raw["coordinator"].lower(),
            bond_per_example_wei=raw["bondPerExample"], min_bond_wei=raw["minBond"],
            idle_rounds=raw["idleRounds"],
            fault_rules=FaultRules(raw["faultLimit"], raw["faultWindow"], raw["forfeitBps"]),
            genesis=Digest(bytes.fromhex(raw["genesis"][2:])),
        ),
        chain_id=raw["chainId"],
        registry=raw["registry"].lower(),
        node_registry=raw["nodeRegistry"].lower(),
        network_parameters=raw["networkParameters"].lower(),
        max_dataset_size=raw["maxDatasetSize"],
    )  # fmt: skip
    accounts = tuple(a.lower() for a in raw["accounts"])
    entries = zip(accounts, raw["nodeTasks"], raw["sizes"], raw["joinedAt"], strict=True)
    nodes = {
        a: Registration(
            a, task, size, network.compute_bond_wei(size), True, b"key", joined_at=joined
        )
        for a, task, size, joined in entries
        if size
    }
    seats = [
        Seat(name.lower(), bond)
        for name, bond in zip(raw["coordinators"], raw["coordinatorBonds"], strict=True)
    ]
    coordinator_rules = CoordinatorRules(
        raw["coordinatorBond"], raw["penalty"], raw["exitDelay"], raw["idleWindow"]
    )
    coordinators = Coordinators(coordinator_rules, tuple(seats), seats[0].coordinator, raw["time"])
    rules = make_rules(TEMPLATE, sample_size=raw["sampleSize"])
    return Site(
        network, rules, accounts, raw["stranger"].lower(), nodes, raw["exitDelay"],
        raw["coordinatorSet"].lower(), coordinators,
    )  # fmt: skip


def _write(scenario: Scenario, file: Path) -> None:
    calls = [call.to_values() for call in scenario.recorder.calls]
    parameters = encode_parameters(scenario.parameters)
    file.write_bytes(encode(["bytes", f"{CALL_TYPE}[]"], [parameters, calls]))


def encode_parameters(parameters: Parameters) -> bytes:
    """The Solidity struct, in its own order, from the ABI of whatever has the view."""
    (entry, *_) = (
        e["outputs"][0]
        for contract in CONTRACTS
        for e in load_abi(contract)
        if e.get("name") == "parameters" and e["type"] == "function"
    )
    named = {_to_camel(name): value for name, value in asdict(parameters).items()}
    return encode([get_type(entry)], [tuple(named[c["name"]] for c in entry["components"])])


def _to_camel(name: str) -> str:
    """`commit_window_s` → `commitWindow`: the contracts leave the unit out."""
    first, *rest = name.removesuffix("_s").split("_")
    return first + "".join(part.capitalize() for part in rest)


def _run_forge(test: str, folder: Path) -> str:
    environment = {**os.environ, FOLDER: str(folder), "FOUNDRY_GAS_LIMIT": str(2**62)}
    command = [str(ROOT / "scripts" / "forge"), "test", "--match-contract", "DifferentialTest"]
    command += ["--match-test", test, "--color", "never"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def _require_same(output: str, first_seed: int, played: list[list[Call]]) -> None:
    if "1 passed" in output:
        return
    found = re.findall(r"scenario (\d+) call (\d+): found (0x[0-9a-f]*)", output)
    if not found:
        raise DifferenceError(f"forge did not repeat the calls:\n{output[-4000:]}")
    differences = [
        f"seed {first_seed + int(scenario)}, {_describe(played[int(scenario)][int(call)], data)}"
        for scenario, call, data in found
    ]
    raise DifferenceError("\n".join(differences))


def _describe(call: Call, data: str) -> str:
    return (
        f"block {call.block}, time {call.now}: {call.text}\n  Python expects {call.ending.name} "
        f"{call.expected.hex()}, the contract did {_name(data)}"
    )


def _name(data: str) -> str:
    """The revert's sentence, if it is one."""
    error = decode_revert(bytes.fromhex(data[2:]))
    return f"{data[:2000]} ({error})"
