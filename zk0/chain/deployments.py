"""Where a network's contracts are: `deployments/<chainId>.json`, written by the deploy script."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zk0.chain.interfaces import compute_abi_digest
from zk0.errors import ConfigError, WrongChainError
from zk0.protocol.statement import Address, CircuitId

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")


@dataclass(frozen=True, slots=True)
class Deployment:
    """One network's contracts on one chain."""

    chain_id: int
    registry: Address
    node_registry: Address
    alignment_verifier: Address
    ezkl_verifier: Address
    circuit_id: CircuitId
    circuit: str
    block: int
    """The first block whose events may be the network's."""
    abi_digest: str
    reward_vault: Address | None = None
    """None: the network has none, or its file does not say where."""


def load_deployment(folder: Path, chain_id: int) -> Deployment:
    """The deployment on chain `chain_id` that `folder` knows.

    Raises:
        WrongChainError: none is known for this chain.
        ConfigError: the file is damaged, or is about contracts of another version.
    """
    path = folder / f"{chain_id}.json"
    if not path.is_file():
        known = sorted(int(p.stem) for p in folder.glob("*.json") if p.stem.isdigit())
        names = ", ".join(map(str, known)) or "none"
        raise WrongChainError(
            f"no deployment is known for chain id {chain_id} (known in {folder}: {names}): check "
            f"--rpc-url, put the network's file at {path}, or give --registry ADDRESS"
        )
    deployment = read_deployment(path)
    if deployment.chain_id != chain_id:
        raise ConfigError(
            f"{path} is about chain id {deployment.chain_id}, not {chain_id}: restore the file"
        )
    return deployment


def read_deployment(path: Path) -> Deployment:
    """A deployment file.

    Raises:
        ConfigError: missing, damaged, or about contracts of another version.
    """
    try:
        entry = json.loads(path.read_bytes())
        deployment = Deployment(
            chain_id=int(entry["chainId"]),
            registry=parse_address(entry["contributionRegistry"]),
            node_registry=parse_address(entry["nodeRegistry"]),
            alignment_verifier=parse_address(entry["alignmentVerifier"]),
            ezkl_verifier=parse_address(entry["ezklVerifier"]),
            circuit_id=_parse_circuit_id(entry["circuitId"]),
            circuit=str(entry["circuit"]),
            block=int(entry["block"]),
            abi_digest=str(entry["abiDigest"]).strip().removeprefix("0x").lower(),
            reward_vault=parse_address(entry["rewardVault"]) if "rewardVault" in entry else None,
        )
    except OSError as error:
        raise ConfigError(f"cannot read the deployment file {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, ConfigError) as error:
        raise ConfigError(
            f"{path} is not a deployment file or is damaged ({type(error).__name__}: {error}): "
            "restore it, or deploy again"
        ) from error
    _validate_abi_digest(path, deployment)
    return deployment


def parse_address(text: Any) -> Address:
    """A checked address in lower case. Raises ConfigError."""
    if not isinstance(text, str) or not _ADDRESS.fullmatch(text):
        raise ConfigError(f"expected an address (0x and 40 hexadecimal digits), found {text!r}")
    return Address(text.lower())


def _parse_circuit_id(text: str) -> CircuitId:
    value = bytes.fromhex(text.removeprefix("0x"))
    if len(value) != 32:
        raise ValueError(f"circuitId has {len(value)} bytes, expected 32")
    return CircuitId(value)


def _validate_abi_digest(path: Path, deployment: Deployment) -> None:
    shipped = compute_abi_digest()
    if deployment.abi_digest != shipped:
        raise ConfigError(
            f"{path}: these contracts were deployed with ABI {deployment.abi_digest[:16]}…, this "
            f"version of zk0 knows {shipped[:16]}…: install the version that the network runs, "
            "or deploy again on a devnet"
        )
