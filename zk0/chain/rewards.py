"""The reward vault seen by one account, over JSON-RPC."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from web3 import Web3
from web3.contract import Contract

from zk0.chain.contracts import call, to_address
from zk0.chain.rpc import translate_errors
from zk0.chain.transactions import Sender
from zk0.ports import Cid, Receipt, VaultTerms
from zk0.protocol.payout import Settlement
from zk0.protocol.statement import Address, Digest

_NO_ADDRESS = "0x" + "0" * 40


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
        )

    def get_owed_wei(self, round_id: int, node: Address) -> int:
        return int(call(self._vault, "owed", round_id, Web3.to_checksum_address(node)))

    # ------------------------------------------------------------------ writes

    def fund(self, first_round: int, rounds: int, amount_per_round_wei: int) -> Receipt:
        args = (first_round, rounds, amount_per_round_wei)
        return self._send("fund", *args, value=self._in_coin(rounds * amount_per_round_wei))

    def settle(self, round_id: int) -> Receipt:
        return self._send("settle", round_id)

    def claim(self, round_ids: Sequence[int]) -> Receipt:
        return self._send("claim", list(round_ids))

    def object_to(self, round_id: int, evidence: Digest, cid: Cid) -> Receipt:
        bond = self._in_coin(self._terms.objection_bond_wei)
        return self._send("object", round_id, evidence, cid, value=bond)

    # ------------------------------------------------------------------ parts

    def _in_coin(self, amount_wei: int) -> int:
        """What goes with the transaction; a token is pulled by the vault instead."""
        return amount_wei if self._terms.asset is None else 0

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
