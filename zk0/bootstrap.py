"""Builds the real adapters that every command line shares. Heavy imports happen here."""

from __future__ import annotations

from pathlib import Path

from zk0.chain.deployments import load_deployment, parse_address
from zk0.chain.ledger import ChainLedger, connect
from zk0.chain.rpc import get_chain_id
from zk0.chain.wallet import open_wallet
from zk0.config import NetworkManifest, fetch_manifest
from zk0.console import NetworkOptions
from zk0.ports import BlobStore, Network
from zk0.protocol.statement import Address


def open_ledger(
    options: NetworkOptions, wallet: str | None = None, password_file: Path | None = None
) -> ChainLedger:
    """The ledger that the options name, signing as `wallet` if one is given.

    Raises:
        RpcUnavailableError, WrongChainError, NoContractError, WalletError, ConfigError.
    """
    chain_id = get_chain_id(options.rpc_url)
    where = (
        Address(options.registry.lower())
        if options.registry
        else load_deployment(options.deployments, chain_id)
    )
    signer = open_wallet(wallet, chain_id, password_file=password_file) if wallet else None
    vault = parse_address(options.vault) if options.vault else None
    return connect(options.rpc_url, where, signer, vault=vault)


def open_manifest(network: Network, store: BlobStore, home: Path) -> NetworkManifest:
    """The network's manifest, checked against the digest on chain."""
    path = home / f"{network.chain_id}-{network.registry}" / "manifest.json"
    return fetch_manifest(store, network.manifest_cid, network.manifest, path)
