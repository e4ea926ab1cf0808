"""The ledger's double: one account's view of a `zk0.testing.chain.MemoryChain`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from zk0.errors import ChainError, WalletError
from zk0.ports import Block, Cid, Event, Network, PublishedChallenge, Receipt, Registration
from zk0.protocol.contribution import MissingReason
from zk0.protocol.coordinators import Coordinators
from zk0.protocol.round import Finalization, Round, Rules
from zk0.protocol.statement import Address, Agreement, Commitment, Digest
from zk0.testing import rounds
from zk0.testing.chain import MemoryChain


class MemoryLedger:
    """`zk0.ports.Ledger` in memory; `account` None makes it read-only."""

    def __init__(self, chain: MemoryChain, account: Address | None) -> None:
        self.chain = chain
        self._account = account

    @property
    def account(self) -> Address:
        if self._account is None:
            raise WalletError("this ledger has no account, so it can only read")
        return self._account

    @property
    def network(self) -> Network:
        return self.chain.network

    def sign(self, message_hash: bytes) -> bytes:
        """A toy: whoever knows an address can sign for it."""
        if len(message_hash) != 32:
            raise WalletError(f"expected a hash of 32 bytes to sign, found {len(message_hash)}")
        account = bytes.fromhex(self.account[2:])
        return _seal(message_hash, account) + account.rjust(32, b"\0") + bytes([27])

    def recover(self, message_hash: bytes, signature: bytes) -> Address | None:
        if len(signature) != 65 or signature[64] not in (27, 28):
            return None
        padding, account = signature[32:44], signature[44:64]
        if any(padding) or signature[:32] != _seal(message_hash, account):
            return None
        return Address("0x" + account.hex())

    # ------------------------------------------------------------------ views

    def get_block(self) -> Block:
        return self.chain.blocks[-1]

    def get_balance_wei(self, account: Address) -> int:
        return self.chain.balances[account]

    def get_registration(self, node: Address) -> Registration | None:
        return self.chain.nodes.get(node)

    def get_active_nodes(self) -> Sequence[Registration]:
        return self.chain.get_active()

    def get_idle_rounds(self, node: Address) -> int:
        return self.chain.count_idle_rounds(node)

    def get_coordinators(self) -> Coordinators:
        return self.chain.coordinators

    def get_round_count(self) -> int:
        return len(self.chain.rounds)

    def get_round(self, round_id: int) -> Round:
        round_ = self.chain.get_round(round_id)
        # As on chain: the proven sums are in the proof's event only.
        entries = tuple(replace(c, agreement=None) for c in round_.contributions)
        return replace(round_, contributions=entries)

    def get_rules(self, round_id: int) -> Rules:
        return self.chain.get_rules(round_id)

    def get_next_rules(self) -> Rules:
        return self.chain.rules[-1]

    def get_head(self) -> Digest:
        return self.chain.head

    def get_checkpoint_cid(self, digest: Digest) -> Cid:
        if digest not in self.chain.checkpoints:
            raise ChainError(f"checkpoint {digest.hex()} was never published by this network")
        return self.chain.checkpoints[digest]

    def get_published_challenge(self, round_id: int) -> PublishedChallenge | None:
        return self.chain.challenges.get(round_id)

    def get_events(
        self, *, round_id: int | None = None, node: Address | None = None
    ) -> Sequence[Event]:
        return [
            event
            for event in self.chain.events
            if (round_id is None or event.round_id == round_id)
            and (node is None or event.node == node)
        ]

    def get_gas(self, transaction: bytes) -> int:
        """Nothing costs gas here."""
        return 0

    # ------------------------------------------------------------------ nodes

    def join(self, *, task: int, dataset_size: int, node_key: bytes, bond_wei: int) -> Receipt:
        return self._transact(
            self.chain.join,
            task=task,
            dataset_size=dataset_size,
            node_key=node_key,
            bond_wei=bond_wei,
        )

    def top_up(self, node: Address, amount_wei: int) -> Receipt:
        return self._transact(self.chain.top_up, node, amount_wei)

    def retire(self, node: Address) -> Receipt:
        return self._transact(self.chain.retire, node)

    def bond_coordinator(self, coordinator: Address, amount_wei: int) -> Receipt:
        return self._transact(self.chain.bond_coordinator, coordinator, amount_wei)

    def succeed_coordinator(self) -> Receipt:
        return self._transact(self.chain.succeed_coordinator)

    def request_exit(self) -> Receipt:
        return self._transact(self.chain.request_exit)

    def withdraw_bond(self) -> Receipt:
        return self._transact(self.chain.withdraw_bond)

    # ------------------------------------------------------------------ rounds

    def open_round(self, pool_root: bytes) -> Receipt:
        return self._step(rounds.open_round, pool_root)

    def commit_update(
        self, round_id: int, digest: Digest, num_examples: int, exponent: int
    ) -> Receipt:
        return self._step(rounds.commit_update, round_id, digest, num_examples, exponent)

    def close_commits(self, round_id: int) -> Receipt:
        return self._step(rounds.close_commits, round_id)

    def draw_sample(self, round_id: int) -> Receipt:
        return self._step(rounds.draw_sample, round_id)

    def commit_sample(self, round_id: int, sample_seed: bytes, sample: Commitment) -> Receipt:
        return self._step(rounds.commit_sample, round_id, sample_seed, sample)

    def seal_round(
        self,
        round_id: int,
        candidate: Digest,
        clip_shifts: Sequence[int],
        missing: Sequence[MissingReason],
    ) -> Receipt:
        return self._step(rounds.seal_round, round_id, candidate, clip_shifts, missing)

    def draw_challenge(self, round_id: int) -> Receipt:
        return self._step(rounds.draw_challenge, round_id)

    def publish_challenge(self, challenge: PublishedChallenge) -> Receipt:
        return self._step(rounds.publish_challenge, challenge)

    def prove_contribution(self, round_id: int, agreement: Agreement, proof: bytes) -> Receipt:
        return self._step(rounds.prove_contribution, round_id, agreement, proof)

    def finalize_round(self, round_id: int, end: Finalization) -> Receipt:
        return self._step(rounds.finalize_round, round_id, end)

    def abort_round(self, round_id: int) -> Receipt:
        return self._step(rounds.abort_round, round_id)

    def _step(self, function: Callable[..., None], *args: Any) -> Receipt:
        return self._transact(partial(function, self.chain), *args)

    def _transact(self, action: Callable[..., None], *args: Any, **named: Any) -> Receipt:
        return self.chain.transact(self.account, lambda tx: action(tx, *args, **named))


def _seal(message_hash: bytes, account: bytes) -> bytes:
    return hashlib.sha256(message_hash + account).digest()
