"""The reward vault's double: a vault of native coins over a `zk0.testing.chain.MemoryChain`.

Checks stand in the contract's order, so that the same mistake gets the same error.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from zk0.chain import refusals
from zk0.errors import InsufficientFundsError, WalletError
from zk0.ports import Cid, Receipt, VaultTerms
from zk0.protocol.credits import RoundCredits
from zk0.protocol.payout import Settlement, compute_part_wei, compute_payout_wei
from zk0.protocol.statement import Address, Digest
from zk0.testing.chain import MemoryChain, Transaction

MAX_AMOUNT_WEI = (1 << 96) - 1
MAX_STREAM = 1 << 32
DEFAULT_TERMS = VaultTerms(
    vault=Address("0x" + "fa" * 20),
    asset=None,
    objection_window_s=10,
    ruling_window_s=60,
    objection_bond_wei=10**17,
)
_NOTHING = RoundCredits((), 0, {})


class MemoryVault:
    """The state that all accounts share."""

    def __init__(
        self,
        chain: MemoryChain,
        terms: VaultTerms = DEFAULT_TERMS,
        rate_wei_per_nano: int = 10**9,
    ) -> None:
        self.chain = chain
        self.terms = terms
        self.rate_wei_per_nano = rate_wei_per_nano
        self.pot_wei = 0
        self.next_round = 1
        self.streams: list[tuple[int, int, int]] = []
        """First round, the one after the last, wei for each."""
        self.settlements: dict[int, Settlement] = {}
        self.unclaimed: defaultdict[int, set[Address]] = defaultdict(set)

    def get_credit_nano(self, round_id: int, node: Address) -> int:
        credits_nano = self.chain.credits.get(round_id, _NOTHING).credit_nano
        entries = self.chain.get_round(round_id).contributions
        found = (c for entry, c in zip(entries, credits_nano, strict=False) if entry.node == node)
        return next(found, 0)

    def get_owed_wei(self, round_id: int, node: Address) -> int:
        waiting = self.unclaimed[round_id]
        if node not in waiting:
            return 0
        credit = self.get_credit_nano(round_id, node)
        return compute_part_wei(self.settlements[round_id], credit, is_last=waiting == {node})

    # ------------------------------------------------------------------ writes

    def fund(self, tx: Transaction, first_round: int, rounds: int, amount_wei: int) -> None:
        if first_round < self.next_round:
            raise refusals.AlreadySettledError(
                arguments={"next": self.next_round, "actual": first_round}
            )
        for number in (first_round - self.next_round, rounds):
            if number > MAX_STREAM or rounds == 0:
                raise refusals.StreamOutOfRangeError(
                    arguments={"max": MAX_STREAM, "actual": number}
                )
        if not 0 < amount_wei <= MAX_AMOUNT_WEI:
            raise refusals.AmountOutOfRangeError(
                arguments={"max": MAX_AMOUNT_WEI, "actual": amount_wei}
            )
        self._take(tx, rounds * amount_wei)
        self.streams.append((first_round, first_round + rounds, amount_wei))
        self._emit(
            tx, "Funded", firstRound=first_round, **{"from": tx.sender}, rounds=rounds,
            amountPerRound=amount_wei,
        )  # fmt: skip

    def settle(self, tx: Transaction, round_id: int) -> None:
        if round_id != self.next_round:
            raise refusals.NotNextError(arguments={"expected": self.next_round, "actual": round_id})
        round_ = self.chain.get_round(round_id)
        if not round_.phase.is_over:
            raise refusals.NotOverError(arguments={"round": round_id})
        earned = self.chain.credits.get(round_id, _NOTHING)
        stream = sum(wei for first, end, wei in self.streams if first <= round_id < end)
        available, total = self.pot_wei + stream, earned.total_nano
        payout = compute_payout_wei(available, self.rate_wei_per_nano, total, earned.drop_nano)
        opens_at = tx.now + self.terms.objection_window_s
        self.pot_wei, self.next_round = available - payout, round_id + 1
        self.settlements[round_id] = Settlement(round_id, payout, payout, total, opens_at)
        if payout:
            pairs = zip(round_.contributions, earned.credit_nano, strict=True)
            self.unclaimed[round_id] = {entry.node for entry, credit in pairs if credit}
        self._emit(
            tx, "RoundPaidOut", round=round_id, payout=payout, totalNano=total,
            rolledOver=self.pot_wei, opensAt=opens_at,
        )  # fmt: skip

    def claim(self, tx: Transaction, round_ids: Sequence[int]) -> None:
        if not round_ids:
            raise refusals.EmptyListError
        # All or nothing, as a transaction is.
        before = (dict(self.settlements), {k: set(v) for k, v in self.unclaimed.items()})
        total = 0
        try:
            for round_id in round_ids:
                total += self._claim_one(tx, round_id)
        except refusals.RewardVaultError:
            self.settlements = before[0]
            self.unclaimed = defaultdict(set, before[1])
            raise
        self.chain.balances[tx.sender] += total

    def _claim_one(self, tx: Transaction, round_id: int) -> int:
        settled = self._get_settled(round_id)
        if tx.now < settled.opens_at:
            raise refusals.ClaimsNotOpenError(
                arguments={"round": round_id, "opensAt": settled.opens_at, "timestamp": tx.now}
            )
        if settled.is_frozen(tx.now):
            raise refusals.FrozenError(
                arguments={"round": round_id, "rulingDeadline": settled.ruling_deadline}
            )
        if tx.sender not in self.unclaimed[round_id]:
            raise refusals.NothingToClaimError(arguments={"round": round_id, "node": tx.sender})
        amount = self.get_owed_wei(round_id, tx.sender)
        self.unclaimed[round_id].discard(tx.sender)
        self.settlements[round_id] = replace(settled, unpaid_wei=settled.unpaid_wei - amount)
        self._emit(tx, "RewardClaimed", round=round_id, node=tx.sender, amount=amount)
        return amount

    def object_to(self, tx: Transaction, round_id: int, evidence: Digest, cid: Cid) -> None:
        settled = self._get_settled(round_id)
        if settled.payout_wei == 0:
            raise refusals.NothingToObjectError(arguments={"round": round_id})
        if tx.now >= settled.opens_at:
            raise refusals.ObjectionTooLateError(
                arguments={"opensAt": settled.opens_at, "timestamp": tx.now}
            )
        if evidence == bytes(32) or not cid:
            raise refusals.NoEvidenceError
        if settled.ruling_deadline:
            raise refusals.FrozenError(
                arguments={"round": round_id, "rulingDeadline": settled.ruling_deadline}
            )
        self._take(tx, self.terms.objection_bond_wei)
        deadline = tx.now + self.terms.ruling_window_s
        self.settlements[round_id] = replace(settled, ruling_deadline=deadline)
        self._emit(
            tx, "ObjectionFiled", round=round_id, objector=tx.sender, evidenceDigest=evidence,
            cid=cid, rulingDeadline=deadline,
        )  # fmt: skip

    # ------------------------------------------------------------------ parts

    def _get_settled(self, round_id: int) -> Settlement:
        found = self.settlements.get(round_id)
        if found is None:
            raise refusals.NotSettledError(arguments={"next": self.next_round, "actual": round_id})
        return found

    def _take(self, tx: Transaction, amount_wei: int) -> None:
        have = self.chain.balances[tx.sender]
        if amount_wei > have:
            raise InsufficientFundsError(f"{tx.sender} has {have} of {amount_wei} wei")
        self.chain.balances[tx.sender] -= amount_wei

    def _emit(self, tx: Transaction, name: str, **args: Any) -> None:
        tx.events.append((name, self.terms.vault, args))


class MemoryRewards:
    """`zk0.ports.RewardLedger` in memory; `account` None makes it read-only."""

    def __init__(self, vault: MemoryVault, account: Address | None) -> None:
        self.vault = vault
        self._account = account

    @property
    def account(self) -> Address:
        if self._account is None:
            raise WalletError("this ledger has no account, so it can only read")
        return self._account

    @property
    def terms(self) -> VaultTerms:
        return self.vault.terms

    def get_next_round(self) -> int:
        return self.vault.next_round

    def get_pot_wei(self) -> int:
        return self.vault.pot_wei

    def get_rate_wei_per_nano(self, round_id: int) -> int:
        return self.vault.rate_wei_per_nano

    def get_settlement(self, round_id: int) -> Settlement | None:
        return self.vault.settlements.get(round_id)

    def get_owed_wei(self, round_id: int, node: Address) -> int:
        return self.vault.get_owed_wei(round_id, node)

    def fund(self, first_round: int, rounds: int, amount_per_round_wei: int) -> Receipt:
        return self._transact(self.vault.fund, first_round, rounds, amount_per_round_wei)

    def settle(self, round_id: int) -> Receipt:
        return self._transact(self.vault.settle, round_id)

    def claim(self, round_ids: Sequence[int]) -> Receipt:
        return self._transact(self.vault.claim, round_ids)

    def object_to(self, round_id: int, evidence: Digest, cid: Cid) -> Receipt:
        return self._transact(self.vault.object_to, round_id, evidence, cid)

    def _transact(self, action: Callable[..., None], *args: Any) -> Receipt:
        return self.vault.chain.transact(self.account, lambda tx: action(tx, *args))
