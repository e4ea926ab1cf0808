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
from zk0.protocol.payout import (
    MAX_OBJECTIONS,
    Objection,
    Purse,
    Settlement,
    compute_bond_wei,
    compute_due_wei,
    compute_opens_at,
    compute_part_wei,
    pay_round,
)
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
DEFAULT_JUDGE = Address("0x" + "1d" * 20)
_NOTHING = RoundCredits((), 0, {})


class MemoryVault:
    """The state that all accounts share."""

    def __init__(
        self,
        chain: MemoryChain,
        terms: VaultTerms = DEFAULT_TERMS,
        rate_wei_per_nano: int = 10**9,
        judge: Address = DEFAULT_JUDGE,
    ) -> None:
        self.chain = chain
        self.terms = terms
        self.rate_wei_per_nano = rate_wei_per_nano
        self.judge = judge
        self.purse = Purse()
        self.next_round = 1
        self.streams: list[tuple[int, int, int]] = []
        """First round, the one after the last, wei for each."""
        self.settlements: dict[int, Settlement] = {}
        self.unclaimed: defaultdict[int, set[Address]] = defaultdict(set)
        self.objections: dict[int, Objection] = {}
        self.free_bonds_wei: defaultdict[Address, int] = defaultdict(int)

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
        total = earned.total_nano
        due = compute_due_wei(self.rate_wei_per_nano, total, earned.drop_nano)
        opens_at = tx.now + self.terms.objection_window_s
        self.purse, payout = pay_round(self.purse, stream, due)
        self.next_round = round_id + 1
        self.settlements[round_id] = Settlement(round_id, payout, payout, total, opens_at)
        if payout:
            pairs = zip(round_.contributions, earned.credit_nano, strict=True)
            self.unclaimed[round_id] = {entry.node for entry, credit in pairs if credit}
        self._emit(
            tx, "RoundPaidOut", round=round_id, payout=payout, totalNano=total,
            rolledOver=self.purse.pot_wei, held=self.purse.held_wei, opensAt=opens_at,
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
        if evidence == bytes(32) or not cid:
            raise refusals.NoEvidenceError
        earlier = self.objections.get(round_id)
        if earlier and tx.now <= earlier.ruling_deadline:
            raise refusals.FrozenError(
                arguments={"round": round_id, "rulingDeadline": earlier.ruling_deadline}
            )
        if settled.objections == MAX_OBJECTIONS:
            raise refusals.NoMoreObjectionsError(
                arguments={"round": round_id, "max": MAX_OBJECTIONS}
            )
        if tx.now >= settled.opens_at:
            raise refusals.ObjectionTooLateError(
                arguments={"opensAt": settled.opens_at, "timestamp": tx.now}
            )
        bond = compute_bond_wei(self.terms.objection_bond_wei, settled.objections)
        self._take(tx, bond)
        if earlier:
            self._expire(tx, round_id, earlier)
        number, deadline = settled.objections + 1, tx.now + self.terms.ruling_window_s
        opens_at = compute_opens_at(deadline + 1, number, self.terms.objection_window_s)
        self.objections[round_id] = Objection(number, tx.sender, bond, deadline)
        self.settlements[round_id] = replace(
            settled, ruling_deadline=deadline, opens_at=opens_at, objections=number
        )
        self._emit(
            tx, "ObjectionFiled", round=round_id, objector=tx.sender, number=number,
            evidenceDigest=evidence, cid=cid, bond=bond, rulingDeadline=deadline, opensAt=opens_at,
        )  # fmt: skip

    def rule(self, tx: Transaction, round_id: int, number: int, upheld: bool) -> None:
        if tx.sender != self.judge:
            raise refusals.NotJudgeError(arguments={"judge": self.judge, "account": tx.sender})
        found = self._get_objection(round_id)
        if number != found.number:
            raise refusals.OtherObjectionError(
                arguments={"round": round_id, "open": found.number, "actual": number}
            )
        if tx.now > found.ruling_deadline:
            raise refusals.RulingTooLateError(
                arguments={"rulingDeadline": found.ruling_deadline, "timestamp": tx.now}
            )
        del self.objections[round_id]
        settled = replace(self.settlements[round_id], ruling_deadline=0)
        if upheld:
            self.free_bonds_wei[found.objector] += found.bond_wei
            to_pot = settled.unpaid_wei
            settled = replace(settled, payout_wei=0, unpaid_wei=0)
            self.unclaimed[round_id] = set()
        else:
            to_pot = found.bond_wei
            opens_at = compute_opens_at(tx.now, number, self.terms.objection_window_s)
            settled = replace(settled, opens_at=opens_at)
        self.settlements[round_id] = settled
        self.purse = replace(self.purse, pot_wei=self.purse.pot_wei + to_pot)
        self._emit(
            tx, "ObjectionRuled", round=round_id, objector=found.objector, number=number,
            upheld=upheld, toPot=to_pot, opensAt=settled.opens_at,
        )  # fmt: skip

    def expire_objection(self, tx: Transaction, round_id: int) -> None:
        found = self._get_objection(round_id)
        if tx.now <= found.ruling_deadline:
            raise refusals.RulingPendingError(
                arguments={"rulingDeadline": found.ruling_deadline, "timestamp": tx.now}
            )
        self._expire(tx, round_id, found)

    def withdraw_bond(self, tx: Transaction) -> None:
        amount = self.free_bonds_wei.pop(tx.sender, 0)
        if not amount:
            raise refusals.NothingToWithdrawError(arguments={"account": tx.sender})
        self.chain.balances[tx.sender] += amount
        self._emit(tx, "BondReturned", objector=tx.sender, amount=amount)

    # ------------------------------------------------------------------ parts

    def _get_settled(self, round_id: int) -> Settlement:
        found = self.settlements.get(round_id)
        if found is None:
            raise refusals.NotSettledError(arguments={"next": self.next_round, "actual": round_id})
        return found

    def _get_objection(self, round_id: int) -> Objection:
        found = self.objections.get(round_id)
        if found is None:
            raise refusals.NoObjectionError(arguments={"round": round_id})
        return found

    def _expire(self, tx: Transaction, round_id: int, expired: Objection) -> None:
        del self.objections[round_id]
        self.free_bonds_wei[expired.objector] += expired.bond_wei
        self.settlements[round_id] = replace(self.settlements[round_id], ruling_deadline=0)
        self._emit(
            tx, "ObjectionExpired", round=round_id, objector=expired.objector,
            number=expired.number,
        )  # fmt: skip

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
        return self.vault.purse.pot_wei

    def get_held_wei(self) -> int:
        return self.vault.purse.held_wei

    def get_judge(self) -> Address:
        return self.vault.judge

    def get_objection(self, round_id: int) -> Objection | None:
        return self.vault.objections.get(round_id)

    def get_free_bond_wei(self, account: Address) -> int:
        return self.vault.free_bonds_wei[account]

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

    def rule(self, round_id: int, number: int, *, upheld: bool) -> Receipt:
        return self._transact(self.vault.rule, round_id, number, upheld)

    def expire_objection(self, round_id: int) -> Receipt:
        return self._transact(self.vault.expire_objection, round_id)

    def withdraw_bond(self) -> Receipt:
        return self._transact(self.vault.withdraw_bond)

    def _transact(self, action: Callable[..., None], *args: Any) -> Receipt:
        return self.vault.chain.transact(self.account, lambda tx: action(tx, *args))
