"""Deploying a network on a devnet with the Forge script, and checking what came out."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zk0.chain.contracts import Contracts, call, open_contracts, to_address
from zk0.chain.deployments import Deployment, read_deployment
from zk0.chain.devnet import ROOT
from zk0.chain.interfaces import compute_abi_digest
from zk0.chain.reading import describe_parameters
from zk0.chain.reverts import decode_revert
from zk0.chain.rpc import open_rpc, translate_errors
from zk0.errors import ChainError, ConfigError
from zk0.ports import Cid
from zk0.protocol.coordinators import CoordinatorRules
from zk0.protocol.faults import FaultRules
from zk0.protocol.round import Parameters
from zk0.protocol.statement import Address, CircuitId, Digest

SCRIPT = "scripts/deploy/Deploy.s.sol"
TIMEOUT_S = 900.0
"""Generous: the first build compiles everything with a compiler in JavaScript."""
_NO_FORGE = 127


@dataclass(frozen=True, slots=True)
class VaultPlan:
    """How a network pays. Amounts are in the asset's smallest units; windows are those of a devnet,
    where nobody audits and a demo claims."""

    asset: Address | None = None
    """A token; None for the chain's own coin."""
    rate_wei_per_nano: int = 10**9
    """For each 1e-9 of loss: a whole coin of 18 decimals for a drop of 1."""
    objection_window_s: int = 10
    ruling_window_s: int = 60
    objection_bond_wei: int = 10**17
    judge: Address | None = None
    """Who rules on objections; None: the network's owner, without the timelock's delay."""

    def to_config(self, owner: Address) -> dict[str, Any]:
        return {
            "asset": self.asset or "0x" + "0" * 40,
            "judge": self.judge or owner,
            "objectionBond": str(self.objection_bond_wei),
            "objectionWindow": self.objection_window_s,
            "rateWeiPerNano": str(self.rate_wei_per_nano),
            "rulingWindow": self.ruling_window_s,
        }


DEVNET_VAULT = VaultPlan()


@dataclass(frozen=True, slots=True)
class Participation:
    """Who may join: anyone who posts the bond, unless one of the two is given."""

    allow_list_owner: Address | None = None
    """Who keeps the list of those who may."""
    minimum_dataset: int | None = None
    """Fewest examples that a node must register."""

    def __post_init__(self) -> None:
        if self.allow_list_owner is not None and self.minimum_dataset is not None:
            raise ConfigError(
                "a network has one rule of participation: expected an allow list's owner or a "
                f"minimum, found both, {self}"
            )

    def to_config(self) -> dict[str, Any]:
        if self.allow_list_owner is not None:
            return {"kind": "allowList", "owner": self.allow_list_owner}
        if self.minimum_dataset is not None:
            return {"kind": "minimumDataset", "minimum": self.minimum_dataset}
        return {"kind": "open"}


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """Everything that a deployment fixes."""

    circuit: str
    """A name in the circuit catalog, `alignment-960`: which generated verifier is deployed."""
    circuit_id: CircuitId
    sample_size: int
    devnet_srs: bool
    owner: Address
    """Who announces changes in the timelock, and can withdraw them."""
    coordinator: Address
    tasks: tuple[str, ...]
    parameters: Parameters
    genesis: Digest
    genesis_cid: Cid
    manifest: Digest
    manifest_cid: Cid
    bond_per_example_wei: int = 10**12
    min_bond_wei: int = 10**15
    """The price of a seat, as much as for 1000 examples."""
    idle_rounds: int = 20
    """Finalized rounds in a row without a commitment after which anyone may retire a node."""
    participation: Participation = Participation()
    timelock_delay_s: int = 60
    """From announcing a change to it; at least a day off the devnet."""
    standbys: tuple[Address, ...] = ()
    """Coordinators that follow `coordinator`, in this order; they put up their bonds themselves."""
    coordinator_rules: CoordinatorRules = field(default_factory=CoordinatorRules)
    coordinator_bond_wei: int = 10**19
    """What the deployer puts up for `coordinator`; 0 if it does so itself."""
    fault_rules: FaultRules = field(default_factory=FaultRules)
    exit_delay_s: int | None = None
    """None: as long as the longest round, which is the least that the contract takes."""
    vault: VaultPlan | None = DEVNET_VAULT
    """None: a network that pays nobody."""

    def to_config(self) -> dict[str, Any]:
        """The JSON that the deploy script reads."""
        p = self.parameters
        vault = {} if self.vault is None else {"vault": self.vault.to_config(self.owner)}
        return {
            **vault,
            "abiDigest": compute_abi_digest(),
            "bondPerExampleWei": self.bond_per_example_wei,
            "minBondWei": str(self.min_bond_wei),
            "idleRounds": self.idle_rounds,
            "participation": self.participation.to_config(),
            "circuit": self.circuit,
            "circuitId": "0x" + self.circuit_id.hex(),
            "coordinatorRules": {
                "bondWei": str(self.coordinator_rules.bond_wei),
                "exitDelay": self.coordinator_rules.exit_delay_s,
                "firstBondWei": str(self.coordinator_bond_wei),
                "idleWindow": self.coordinator_rules.idle_window_s,
                "penaltyWei": str(self.coordinator_rules.penalty_wei),
            },
            "coordinators": [self.coordinator, *self.standbys],
            "devnetSrs": self.devnet_srs,
            "exitDelay": self.exit_delay_s or compute_longest_round_s(p),
            "faults": {
                "forfeitBps": self.fault_rules.forfeit_bps,
                "limit": self.fault_rules.limit,
                "window": self.fault_rules.window,
            },
            "genesisCid": self.genesis_cid,
            "genesisDigest": "0x" + self.genesis.hex(),
            "manifestCid": self.manifest_cid,
            "manifestDigest": "0x" + self.manifest.hex(),
            "owner": self.owner,
            "parameters": describe_parameters(p),
            "sampleSize": self.sample_size,
            "tasks": list(self.tasks),
            "timelockDelay": self.timelock_delay_s,
        }


def compute_longest_round_s(parameters: Parameters) -> int:
    """All windows; those of the sample and of the challenge twice, for the draw and after it.

    A deadline has passed in the second after it, so each of the six adds one.
    """
    p = parameters
    return (
        p.commit_window_s
        + 2 * p.collect_window_s
        + p.seal_window_s
        + 2 * p.challenge_window_s
        + p.proving_window_s
        + p.finalize_window_s
        + 6
    )


def deploy_network(rpc_url: str, plan: NetworkPlan, folder: Path, root: Path = ROOT) -> Deployment:
    """Deploy `plan` from its owner's account, which the devnet has unlocked.

    Args:
        folder: gets `<chainId>.json`, once the contracts answer.
        root: the checkout with the contracts.

    Raises:
        ConfigError: Foundry or the contracts are missing.
        ChainError: the script failed; says what it said.
        RpcUnavailableError: no chain answers.
    """
    if not (root / SCRIPT).is_file():
        raise ConfigError(
            f"there is no {SCRIPT} in {root}: a deployment needs a checkout of the repository"
        )
    rpc = open_rpc(rpc_url)
    with translate_errors("the chain id"):
        chain_id = int(rpc.eth.chain_id)
    with tempfile.TemporaryDirectory() as scratch:
        written = Path(scratch) / "deployments" / f"{chain_id}.json"
        _run_script(rpc_url, plan, Path(scratch), root)
        deployment = read_deployment(written)
        contracts = open_contracts(rpc, deployment.registry, deployment.reward_vault)
        if contracts.addresses[1] != deployment.node_registry:
            raise ChainError("the deployed contracts do not belong together: deploy again")
        _require_forfeits(contracts, plan)
        _place(written, folder / written.name)
    return deployment


def _require_forfeits(contracts: Contracts, plan: NetworkPlan) -> None:
    """The script told two contracts where the vault would be, before it was there."""
    vault = contracts.vault
    if vault is None or plan.vault is None or plan.vault.asset is not None:
        return
    for keeper in (contracts.node_registry, contracts.coordinators):
        named = to_address(call(keeper, "beneficiary"))
        if named != to_address(vault.address):
            raise ChainError(
                f"forfeits of {keeper.address} would go to {named}, where the vault is not "
                f"({vault.address}): the deployer sent something else meanwhile; deploy again"
            )


def _run_script(rpc_url: str, plan: NetworkPlan, scratch: Path, root: Path) -> None:
    config = scratch / "config.json"
    config.write_text(json.dumps(plan.to_config()))
    allowed = [
        {"access": "read", "path": "./"},
        {"access": "read-write", "path": str(scratch)},
    ]
    environment = {
        **os.environ,
        "ZK0_DEPLOY_CONFIG": str(config),
        "ZK0_DEPLOYMENTS_DIR": str(scratch / "deployments"),
        "FOUNDRY_BROADCAST": str(scratch / "broadcast"),
        "FOUNDRY_FS_PERMISSIONS": json.dumps(allowed),
    }
    command = [str(root / "scripts" / "forge"), "script", SCRIPT, "--rpc-url", rpc_url]
    # --slow: a transaction that overtakes its predecessor can stay in Anvil's queue for good.
    command += ["--broadcast", "--slow", "--unlocked", "--sender", plan.owner, "--color", "never"]
    try:
        done = subprocess.run(
            command, cwd=root, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S
        )
    except OSError as error:
        raise ConfigError(f"cannot run {command[0]}: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise ChainError(f"the deployment did not end within {TIMEOUT_S:.0f} s") from error
    if done.returncode == _NO_FORGE:
        raise ConfigError(done.stderr.strip() or "forge is missing: run `npm ci`")
    if done.returncode != 0:
        raise ChainError(f"the deployment failed: {_find_reason(done.stderr + done.stdout)}")


def _find_reason(output: str) -> str:
    """The line in which forge says what went wrong, revert data decoded."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"Error\b", line)]
    said = (errors or lines or ["forge said nothing"])[0]
    data = re.search(r"0x((?:[0-9a-f]{2}){4,})", said)
    return said if data is None else str(decode_revert(bytes.fromhex(data[1])))


def _place(written: Path, target: Path) -> None:
    """Put the file where it belongs, whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    part.write_bytes(written.read_bytes())
    part.replace(target)
