"""The ledger: a network's contracts seen by one account, over JSON-RPC."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from web3 import Web3
from web3.exceptions import Web3RPCError

from zk0.chain.contracts import Contracts, call, open_contracts
from zk0.chain.deployments import Deployment, parse_address
from zk0.chain.events import find_first_block
from zk0.chain.refusals import HarmfulNotAcceptedError
from zk0.chain.rewards import ChainRewards
from zk0.chain.rpc import open_rpc, translate_errors
from zk0.chain.timelock import Timelock
from zk0.chain.transactions import Sender, SendPolicy
from zk0.chain.views import ChainViews
from zk0.chain.wallet import DEVNET_CHAIN_ID, Wallet, recover_signer
from zk0.errors import (
    ConfigError,
    NoContractError,
    TransactionError,
    WalletError,
    WrongChainError,
)
from zk0.ports import PublishedChallenge, Receipt
from zk0.protocol.contribution import MissingReason
from zk0.protocol.round import Finalization
from zk0.protocol.statement import Address, Agreement, Commitment, Digest


def connect(
    rpc_url: str,
    deployment: Deployment | Address,
    wallet: Wallet | None = None,
    policy: SendPolicy | None = None,
    vault: Address | None = None,
) -> ChainLedger:
    """The ledger of a network.

    Args:
        deployment: a deployment record, or only the ContributionRegistry's address (its first
            block is then searched for).
        wallet: who signs; None for a read-only ledger.
        vault: another reward vault of this network than the deployment record's.

    Raises:
        RpcUnavailableError: no chain answers at `rpc_url`.
        WrongChainError: another chain than the deployment's answers there.
        NoContractError: nothing, or another contract, is at the registry's address.
        WalletError: a dev wallet off the devnet.
    """
    rpc = open_rpc(rpc_url)
    known = deployment if isinstance(deployment, Deployment) else None
    address = known.registry if known else parse_address(deployment)
    with translate_errors("the chain id"):
        chain_id = int(rpc.eth.chain_id)
    if known is not None and known.chain_id != chain_id:
        raise WrongChainError(
            f"the network is deployed on chain {known.chain_id}, and the RPC is on chain "
            f"{chain_id}: check --rpc-url"
        )
    if wallet is not None and wallet.is_dev and chain_id != DEVNET_CHAIN_ID:
        raise WalletError(f"dev wallets are for chain {DEVNET_CHAIN_ID} only, not {chain_id}")
    if vault is None and known is not None:
        vault = known.reward_vault
    contracts = open_contracts(rpc, address, vault)
    if known is not None and contracts.addresses[1] != known.node_registry:
        raise NoContractError(
            f"the registry {address} belongs to node registry {contracts.addresses[1]}, and the "
            f"deployment file says {known.node_registry}: restore the file"
        )
    first_block = known.block if known else _search_first_block(contracts)
    sender = Sender(rpc, chain_id, wallet, policy or SendPolicy()) if wallet else None
    return ChainLedger(contracts, first_block, sender)


def _search_first_block(contracts: Contracts) -> int:
    """Where the contracts appeared; 0 if the RPC does not keep old states."""
    rpc = contracts.rpc

    def has_code(block: int) -> bool:
        addresses = map(Web3.to_checksum_address, contracts.event_sources)
        return any(rpc.eth.get_code(address, block) for address in addresses)

    try:
        return find_first_block(has_code, int(rpc.eth.block_number))
    except Web3RPCError:
        return 0


class ChainLedger(ChainViews):
    """`zk0.ports.Ledger` over web3. Use `connect`."""

    def __init__(self, contracts: Contracts, first_block: int, sender: Sender | None) -> None:
        super().__init__(contracts, first_block)
        self._sender = sender

    # ------------------------------------------------------------------ who

    def open_for(self, wallet: Wallet) -> ChainLedger:
        """The same contracts for another account, which sends as this one does."""
        sender = self._require_sender().copy_for(wallet)
        return ChainLedger(self._contracts, self.network.first_block, sender)

    @property
    def account(self) -> Address:
        return self._require_sender().wallet.address

    def sign(self, message_hash: bytes) -> bytes:
        return self._require_sender().wallet.sign_hash(message_hash)

    def recover(self, message_hash: bytes, signature: bytes) -> Address | None:
        return recover_signer(message_hash, signature)

    @property
    def rewards(self) -> ChainRewards:
        """The network's reward vault, seen by the same account. Raises ConfigError without one."""
        vault = self._contracts.vault
        if vault is None:
            raise ConfigError(
                f"no reward vault is known for registry {self._network.registry}: use a deployment "
                "file that has rewardVault, or give --vault ADDRESS"
            )
        return ChainRewards(vault, self._require_sender)

    def open_timelock(self) -> Timelock:
        """The owner of the rules. Raises NoContractError when it is no timelock."""
        return Timelock(self._contracts, self.network.first_block, self._sender)

    # ------------------------------------------------------------------ nodes

    def join(self, *, task: int, dataset_size: int, node_key: bytes, bond_wei: int) -> Receipt:
        receipt = self._send("NodeRegistry", "join", task, dataset_size, node_key, value=bond_wei)
        found = self.get_registration(self.account)
        expected = (task, dataset_size, bond_wei)
        if found is None or (found.task, found.dataset_size, found.bond_wei) != expected:
            raise TransactionError(
                f"joined in transaction 0x{receipt.transaction.hex()}, but the chain reads back "
                f"{found}, expected task, size and bond {expected}: was the block replaced?"
            )
        return receipt

    def top_up(self, node: Address, amount_wei: int) -> Receipt:
        account = Web3.to_checksum_address(node)
        return self._send("NodeRegistry", "topUp", account, value=amount_wei)

    def retire(self, node: Address) -> Receipt:
        return self._send("NodeRegistry", "retire", Web3.to_checksum_address(node))

    def bond_coordinator(self, coordinator: Address, amount_wei: int) -> Receipt:
        account = Web3.to_checksum_address(coordinator)
        return self._send("CoordinatorSet", "bond", account, value=amount_wei)

    def succeed_coordinator(self) -> Receipt:
        return self._send("CoordinatorSet", "succeed")

    def request_exit(self) -> Receipt:
        return self._send("NodeRegistry", "requestExit")

    def withdraw_bond(self) -> Receipt:
        return self._send("NodeRegistry", "withdrawBond")

    # ------------------------------------------------------------------ rounds

    def open_round(self, pool_root: bytes) -> Receipt:
        return self._send("ContributionRegistry", "openRound", pool_root)

    def commit_update(
        self, round_id: int, digest: Digest, num_examples: int, exponent: int
    ) -> Receipt:
        args = (round_id, digest, num_examples, exponent)
        receipt = self._send("ContributionRegistry", "commitUpdate", *args)
        raw = call(
            self._contracts.registry,
            "contribution",
            round_id,
            Web3.to_checksum_address(self.account),
        )
        if (bytes(raw.digest), raw.numExamples, raw.exponent) != (digest, num_examples, exponent):
            raise TransactionError(
                f"round {round_id}: committed in transaction 0x{receipt.transaction.hex()}, but "
                f"the chain reads back digest {bytes(raw.digest).hex()}: was the block replaced?"
            )
        return receipt

    def close_commits(self, round_id: int) -> Receipt:
        return self._send("ContributionRegistry", "closeCommits", round_id)

    def draw_sample(self, round_id: int) -> Receipt:
        return self._send("ContributionRegistry", "drawSample", round_id)

    def commit_sample(self, round_id: int, sample_seed: bytes, sample: Commitment) -> Receipt:
        args = (round_id, sample_seed, sample.point)
        return self._send("ContributionRegistry", "commitSample", *args)

    def seal_round(
        self,
        round_id: int,
        candidate: Digest,
        clip_shifts: Sequence[int],
        missing: Sequence[MissingReason],
    ) -> Receipt:
        args = (round_id, candidate, list(clip_shifts), [int(reason) for reason in missing])
        return self._send("ContributionRegistry", "sealRound", *args)

    def draw_challenge(self, round_id: int) -> Receipt:
        return self._send("ContributionRegistry", "drawChallenge", round_id)

    def publish_challenge(self, challenge: PublishedChallenge) -> Receipt:
        values = (
            challenge.digest,
            challenge.cid,
            challenge.unit,
            challenge.base_loss_nano,
            challenge.candidate_loss_nano,
            challenge.common.point,
            [task.point for task in challenge.tasks],
            challenge.directions,
        )
        return self._send("ContributionRegistry", "publishChallenge", challenge.round_id, values)

    def prove_contribution(self, round_id: int, agreement: Agreement, proof: bytes) -> Receipt:
        sums = (agreement.common, agreement.task, agreement.square, agreement.absolute)
        return self._send("ContributionRegistry", "proveContribution", round_id, *sums, proof)

    def finalize_round(self, round_id: int, end: Finalization) -> Receipt:
        values = (
            end.checkpoint,
            end.checkpoint_cid,
            end.report,
            end.report_cid,
            end.aggregate_loss_nano,
            end.final_loss_nano,
            self._compute_bitmap(round_id, end.harmful),
        )
        return self._send("ContributionRegistry", "finalizeRound", round_id, values)

    def abort_round(self, round_id: int) -> Receipt:
        return self._send("ContributionRegistry", "abortRound", round_id)

    # ------------------------------------------------------------------ parts

    def _require_sender(self) -> Sender:
        if self._sender is None:
            raise WalletError("this needs an account: give --wallet with a keystore")
        return self._sender

    def _send(self, contract: str, name: str, *args: Any, value: int = 0) -> Receipt:
        sender = self._require_sender()
        target = self._contracts.by_name(contract)
        with translate_errors(name):
            function = target.functions[name](*args)
        return sender.send(function, value)

    def _compute_bitmap(self, round_id: int, nodes: frozenset[Address]) -> int:
        if not nodes:
            return 0
        positions = {c.node: i for i, c in enumerate(self.get_round(round_id).contributions)}
        if unknown := sorted(nodes - positions.keys()):
            raise HarmfulNotAcceptedError(
                f"round {round_id}: only accepted contributions can be left out, and {unknown} "
                "have none in this round"
            )
        return sum(1 << positions[node] for node in nodes)
