"""The network's contracts behind an RPC, found and recognised."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from web3 import Web3
from web3.contract import Contract
from web3.types import BlockIdentifier

from zk0.chain.interfaces import load_abi
from zk0.chain.rpc import get_shown_url, translate_errors
from zk0.errors import ContractRevertError, NoContractError
from zk0.protocol.statement import Address


@dataclass(frozen=True, slots=True)
class Contracts:
    """One network's contracts; `vault` None where none is known."""

    rpc: Web3
    chain_id: int
    registry: Contract
    node_registry: Contract
    coordinators: Contract
    network_parameters: Contract
    verifier_router: Contract
    vault: Contract | None

    @property
    def addresses(self) -> tuple[Address, Address, Address]:
        """Whose events are the network's: rounds, nodes, rules."""
        rounds, nodes, rules = self.registry, self.node_registry, self.network_parameters
        return to_address(rounds.address), to_address(nodes.address), to_address(rules.address)

    def get_sample_size(self, circuit_id: bytes) -> int:
        """Coordinates in a sample of a circuit that rounds use or used, frozen or not."""
        # Not `verifierOf`, which refuses a frozen circuit: its history stays readable.
        verifier = to_address(call(self.verifier_router, "addedVerifier", circuit_id))
        return int(call(_bind(self.rpc, "AlignmentVerifier", verifier), "sampleSize"))

    def by_name(self, name: str) -> Contract:
        """One of those that rounds write to: `ContributionRegistry`, `NodeRegistry`, …"""
        named = {
            "ContributionRegistry": self.registry,
            "CoordinatorSet": self.coordinators,
            "NodeRegistry": self.node_registry,
        }
        return named[name]

    @property
    def event_sources(self) -> tuple[Address, ...]:
        """Whose events are the network's history."""
        others = (self.coordinators, self.verifier_router, self.vault)
        return (*self.addresses, *(to_address(c.address) for c in others if c is not None))


def to_address(value: Any) -> Address:
    """An address in lower case."""
    return Address(str(value).lower())


def call(contract: Contract, name: str, *args: Any, block: BlockIdentifier = "latest") -> Any:
    """The result of a view. Raises as `translate_errors` says."""
    with translate_errors(name):
        return contract.functions[name](*args).call(block_identifier=block)


def open_contracts(rpc: Web3, registry: Address, vault: Address | None = None) -> Contracts:
    """Recognise the network whose ContributionRegistry is at `registry`, and its RewardVault.

    Raises:
        NoContractError: nothing, or another contract, lives there; or the vault is another
            network's.
        RpcUnavailableError: the RPC cannot be reached.
    """
    with translate_errors("the chain id"):
        chain_id = int(rpc.eth.chain_id)
    _require_code(rpc, registry, chain_id)
    rounds = _bind(rpc, "ContributionRegistry", registry)
    try:
        nodes = to_address(call(rounds, "nodeRegistry"))
        router = to_address(call(rounds, "verifierRouter"))
        rules = to_address(call(rounds, "networkParameters"))
        for part in (nodes, router, rules):
            _require_code(rpc, part, chain_id)
        contracts = Contracts(
            rpc=rpc,
            chain_id=chain_id,
            registry=rounds,
            node_registry=_bind(rpc, "NodeRegistry", nodes),
            coordinators=_bind(rpc, "CoordinatorSet", to_address(call(rounds, "coordinators"))),
            network_parameters=_bind(rpc, "NetworkParameters", rules),
            verifier_router=_bind(rpc, "VerifierRouter", router),
            vault=None,
        )
        call(contracts.node_registry, "tasks")
        contracts.get_sample_size(call(contracts.network_parameters, "circuitId"))
    except (NoContractError, ContractRevertError) as error:
        raise NoContractError(
            f"the contract at {registry} on chain {chain_id} is not a ContributionRegistry of "
            "this version: check --registry (it is not the node registry's address)"
        ) from error
    if vault is None:
        return contracts
    return replace(contracts, vault=_open_vault(rpc, vault, registry, chain_id))


def _open_vault(rpc: Web3, vault: Address, registry: Address, chain_id: int) -> Contract:
    _require_code(rpc, vault, chain_id)
    contract = _bind(rpc, "RewardVault", vault)
    try:
        source = to_address(call(contract, "source"))
    except (NoContractError, ContractRevertError) as error:
        raise NoContractError(
            f"the contract at {vault} on chain {chain_id} is not a RewardVault of this version: "
            "check --vault, or rewardVault in the deployment file"
        ) from error
    if source != registry:
        raise NoContractError(
            f"the vault {vault} pays for the rounds of registry {source}, not of {registry}: "
            "check --vault, or rewardVault in the deployment file"
        )
    return contract


def _bind(rpc: Web3, name: str, address: Address) -> Contract:
    return rpc.eth.contract(
        address=Web3.to_checksum_address(address), abi=load_abi(name), decode_tuples=True
    )


def _require_code(rpc: Web3, address: Address, chain_id: int) -> None:
    with translate_errors("the contract's code"):
        code = bytes(rpc.eth.get_code(Web3.to_checksum_address(address)))
    if not code:
        url = get_shown_url(str(getattr(rpc.provider, "endpoint_uri", "")))
        raise NoContractError(
            f"there is no contract at {address} on chain {chain_id} ({url}): check the registry's "
            "address and the RPC's network; a devnet started without its state must be deployed "
            "again"
        )
