"""The reward vault seen by one account, over JSON-RPC."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from web3 import Web3
from web3.contract import Contract

from zk0.chain.contracts import call, to_address
from zk0.chain.rpc import translate_errors
from zk0.chain.transactions import Sender
from zk0.errors import InsufficientFundsError
from zk0.ports import Cid, Receipt, VaultTerms
from zk0.protocol.payout import Objection, Settlement, compute_bond_wei
from zk0.protocol.statement import Address, Digest

_NO_ADDRESS = "0x" + "0" * 40
_TOKEN_ABI: list[dict[str, Any]] = [
    {
        "type": "function",
        "name": name,
        "stateMutability": "view",
        "inputs": [{"name": f"account{i}", "type": "address"} for i in range(count)],
        "outputs": [{"name": "", "type": "uint256"}],
    }
    for name, count in (("balanceOf", 1), ("allowance", 2))
]


class ChainRewards:
    """`zk0.ports.RewardLedger` over web3. Use `ChainLedger.rewards`."""

    def __init__(self, vault: Contract, require_sender: Callable[[], Sender]) -> None:
        self._vault = vault
        self._require_sender = require_sender
        self._terms = _read_terms(vault)

    @property
    def account(self) -> Address:
        return self._require_sender().wallet.address

    @property
    def terms(self) -> VaultTerms:
        return self._terms

    # ------------------------------------------------------------------ views

    def get_next_round(self) -> int:
        return int(call(self._vault, "nextRound"))

    def get_pot_wei(self) -> int:
        return int(call(self._vault, "pot"))

    def get_rate_wei_per_nano(self, round_id: int) -> int:
        return int(call(self._vault, "rateWeiPerNano", round_id))

    def get_settlement(self, round_id: int) -> Settlement | None:
        raw = call(self._vault, "settlement", round_id)
        if raw.opensAt == 0:
            return None
        return Settlement(
            round_id=round_id,
            payout_wei=raw.payout,
            unpaid_wei=raw.unpaid,
            total_nano=raw.totalNano,
            opens_at=raw.opensAt,
            ruling_deadline=call(self._vault, "objection", round_id).rulingDeadline,
            objections=raw.objections,
        )

    def get_held_wei(self) -> int:
        return int(call(self._vault, "held"))

    def get_judge(self) -> Address:
        return to_address(call(self._vault, "judge"))

    def get_objection(self, round_id: int) -> Objection | None:
        raw = call(self._vault, "objection", round_id)
        if raw.rulingDeadline == 0:
            return None
        number = int(call(self._vault, "settlement", round_id).objections)
        return Objection(number, to_address(raw.objector), raw.bond, raw.rulingDeadline)

    def get_free_bond_wei(self, account: Address) -> int:
        return int(call(self._vault, "freeBonds", Web3.to_checksum_address(account)))

    def get_owed_wei(self, round_id: int, node: Address) -> int:
        return int(call(self._vault, "owed", round_id, Web3.to_checksum_address(node)))

    # ------------------------------------------------------------------ writes

    def fund(self, first_round: int, rounds: int, amount_per_round_wei: int) -> Receipt:
        args = (first_round, rounds, amount_per_round_wei)
        return self._send("fund", *args, value=self._prepare_payment(rounds * amount_per_round_wei))

    def settle(self, round_id: int) -> Receipt:
        return self._send("settle", round_id)

    def claim(self, round_ids: Sequence[int]) -> Receipt:
        return self._send("claim", list(round_ids))

    def object_to(self, round_id: int, evidence: Digest, cid: Cid) -> Receipt:
        filed = int(call(self._vault, "settlement", round_id).objections)
        bond = compute_bond_wei(self._terms.objection_bond_wei, filed)
        value = self._prepare_payment(bond)
        return self._send("object", round_id, evidence, cid, value=value)

    def rule(self, round_id: int, number: int, *, upheld: bool) -> Receipt:
        return self._send("rule", round_id, number, upheld)

    def expire_objection(self, round_id: int) -> Receipt:
        return self._send("expireObjection", round_id)

    def withdraw_bond(self) -> Receipt:
        return self._send("withdraw")

    # ------------------------------------------------------------------ parts

    def _prepare_payment(self, amount_wei: int) -> int:
        """What goes with the transaction; a token is pulled by the vault, if it may.

        Raises:
            InsufficientFundsError: the account has not enough of the token, or has not allowed the
                vault to take it.
        """
        asset = self._terms.asset
        if asset is None:
            return amount_wei
        account = Web3.to_checksum_address(self.account)
        token = self._vault.w3.eth.contract(address=Web3.to_checksum_address(asset), abi=_TOKEN_ABI)
        have = int(call(token, "balanceOf", account))
        allowed = int(call(token, "allowance", account, self._vault.address))
        if min(have, allowed) < amount_wei:
            raise InsufficientFundsError(
                f"this takes {amount_wei} units of token {asset}; {self.account} has {have} and "
                f"lets the vault take {allowed}: allow it with `cast send {asset} "
                f"'approve(address,uint256)' {self._terms.vault} {amount_wei}`"
            )
        return 0

    def _send(self, name: str, *args: Any, value: int = 0) -> Receipt:
        sender = self._require_sender()
        with translate_errors(name):
            function = self._vault.functions[name](*args)
        return sender.send(function, value)


def _read_terms(vault: Contract) -> VaultTerms:
    asset = to_address(call(vault, "asset"))
    return VaultTerms(
        vault=to_address(vault.address),
        asset=None if asset == _NO_ADDRESS else asset,
        objection_window_s=int(call(vault, "objectionWindow")),
        ruling_window_s=int(call(vault, "rulingWindow")),
        objection_bond_wei=int(call(vault, "objectionBond")),
    )
