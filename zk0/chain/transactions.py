"""Sending transactions: one sender per key, nonces in order, and no waiting for ever."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import Any

from hexbytes import HexBytes
from web3 import Web3
from web3.contract.contract import ContractFunction
from web3.exceptions import TransactionNotFound, Web3RPCError
from web3.types import Nonce, TxParams, TxReceipt

from zk0.chain.rpc import get_rpc_message, translate_errors
from zk0.chain.wallet import Wallet
from zk0.errors import (
    ContractRevertError,
    InsufficientFundsError,
    RpcUnavailableError,
    TransactionError,
)
from zk0.ports import Receipt

WEI_PER_ETH = 10**18
GWEI = 10**9
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SendPolicy:
    """How patiently a transaction is sent. Times in seconds."""

    poll_s: float = 0.2
    resend_after_s: float = 30.0
    """Unmined for so long, it is replaced by one that pays more."""
    give_up_after_s: float = 300.0
    gas_margin_percent: int = 25
    """Above the estimate: state may change before the transaction is mined."""
    raise_percent: int = 25
    """By how much a replacement pays more; nodes want at least 10."""


@dataclass(frozen=True, slots=True)
class _Fees:
    """Wei per gas, EIP-1559."""

    max_fee: int
    tip: int

    def raised(self, percent: int) -> _Fees:
        factor = 100 + percent
        return _Fees(self.max_fee * factor // 100 + 1, self.tip * factor // 100 + 1)


class _NonceTakenError(TransactionError):
    """The RPC counts fewer transactions than there are."""


class Sender:
    """The one sender of a key. Threads may share it; processes must not share the key."""

    def __init__(self, rpc: Web3, chain_id: int, wallet: Wallet, policy: SendPolicy) -> None:
        self._rpc = rpc
        self._chain_id = chain_id
        self._wallet = wallet
        self._policy = policy
        self._lock = threading.Lock()
        self._next_nonce = 0
        self._in_flight = 0

    def copy_for(self, wallet: Wallet) -> Sender:
        """Another key's sender, over the same RPC and with the same policy."""
        return Sender(self._rpc, self._chain_id, wallet, self._policy)

    @property
    def wallet(self) -> Wallet:
        return self._wallet

    def send(self, function: ContractFunction, value_wei: int = 0) -> Receipt:
        """Call `function` in a transaction and wait until it is mined.

        Raises:
            ContractRevertError: the contract refuses; before any gas is spent, unless the state
                changed before the transaction was mined.
            InsufficientFundsError: the balance does not cover value and gas.
            TransactionError: not mined in time, or mined and failed.
            RpcUnavailableError: before it was sent; afterwards the RPC is asked again.
        """
        what = str(function.fn_name)
        call = self._prepare(function, value_wei, what)
        with translate_errors(what), self._lock:
            transaction, fees, first = self._start(call, what)
            self._in_flight += 1
        try:
            return self._await_receipt(transaction, fees, first, what)
        finally:
            with self._lock:
                self._in_flight -= 1

    def _prepare(self, function: ContractFunction, value_wei: int, what: str) -> TxParams:
        """The call with its gas limit; the estimate is also the rehearsal.

        On top of the pending block, which is where it will run: a draw needs a block later than
        the one that has just been mined.
        """
        sender = Web3.to_checksum_address(self._wallet.address)
        with translate_errors(what):
            balance = self._rpc.eth.get_balance(sender)
            self._require_funds(balance, value_wei, what)
            call: TxParams = {
                "from": sender,
                "to": function.address,
                "data": function._encode_transaction_data(),
                "value": Web3.to_wei(value_wei, "wei"),
            }
            estimate = self._rpc.eth.estimate_gas(call, "pending")
        gas = estimate * (100 + self._policy.gas_margin_percent) // 100
        return {**call, "gas": gas}

    def _start(self, call: TxParams, what: str) -> tuple[TxParams, _Fees, bytes]:
        """Broadcast under the next nonce: what was signed, its fees, its hash.

        With nothing under way the RPC's count is right, also after a reorganisation that lost
        some of ours. Otherwise, and when it proves stale, our own is the better one.
        """
        transaction, fees = self._price(call, what)
        counted = int(transaction["nonce"])
        nonce = max(counted, self._next_nonce) if self._in_flight else counted
        try:
            first = self._broadcast({**transaction, "nonce": Nonce(nonce)}, what)
        except _NonceTakenError:
            nonce = max(nonce + 1, self._next_nonce)
            first = self._broadcast({**transaction, "nonce": Nonce(nonce)}, what)
        self._next_nonce = nonce + 1
        return {**transaction, "nonce": Nonce(nonce)}, fees, first

    def _price(self, call: TxParams, what: str) -> tuple[TxParams, _Fees]:
        """The RPC's nonce, and fees, checked against the balance."""
        base_fee = int(self._rpc.eth.get_block("latest").get("baseFeePerGas", 0))
        tip = self._get_tip()
        fees = _Fees(2 * base_fee + tip, tip)
        sender = call["from"]
        assert isinstance(sender, str)
        need = int(call["value"]) + int(call["gas"]) * fees.max_fee
        self._require_funds(self._rpc.eth.get_balance(Web3.to_checksum_address(sender)), need, what)
        nonce = int(
            self._rpc.eth.get_transaction_count(Web3.to_checksum_address(sender), "pending")
        )
        transaction: dict[str, Any] = {**call, "chainId": self._chain_id, "nonce": nonce}
        return _with_fees(transaction, fees), fees

    def _get_tip(self) -> int:
        try:
            return int(self._rpc.eth.max_priority_fee)
        except Web3RPCError:
            return GWEI

    def _require_funds(self, have_wei: int, need_wei: int, what: str) -> None:
        if have_wei < need_wei:
            raise InsufficientFundsError(
                f"{what} needs {show_eth(need_wei)} (value and gas), and {self._wallet.address} on "
                f"chain {self._chain_id} has {show_eth(have_wei)}: fund the account"
            )

    def _broadcast(self, transaction: TxParams, what: str) -> bytes:
        raw = self._wallet.sign_transaction(transaction)
        try:
            sent = bytes(self._rpc.eth.send_raw_transaction(raw))
        except Web3RPCError as error:
            message = get_rpc_message(error)
            is_taken = "nonce too low" in message.lower()
            raise (_NonceTakenError if is_taken else TransactionError)(
                f"the RPC did not take the transaction for {what} (nonce {transaction['nonce']}): "
                f"{message}; does another process send with the same key?"
            ) from error
        logger.info("sent %s in transaction 0x%s", what, sent.hex())
        return sent

    def _await_receipt(
        self, transaction: TxParams, fees: _Fees, first: bytes, what: str
    ) -> Receipt:
        sent = [first]
        started = resent = time.monotonic()
        while time.monotonic() - started < self._policy.give_up_after_s:
            receipt = self._find_receipt(sent)
            if receipt is not None:
                return self._to_receipt(receipt, transaction, what)
            if time.monotonic() - resent >= self._policy.resend_after_s:
                resent = time.monotonic()
                fees = fees.raised(self._policy.raise_percent)
                sent += self._resend(transaction, fees, what)
            time.sleep(self._policy.poll_s)
        hashes = ", ".join("0x" + h.hex() for h in sent)
        raise TransactionError(
            f"{what} was sent (nonce {transaction['nonce']}, {hashes}) and not mined within "
            f"{self._policy.give_up_after_s:.0f} s: it may still be; look it up before repeating it"
        )

    def _find_receipt(self, sent: list[bytes]) -> TxReceipt | None:
        for transaction in sent:
            try:
                return self._rpc.eth.get_transaction_receipt(HexBytes(transaction))
            except TransactionNotFound:
                continue
            except (Web3RPCError, RpcUnavailableError) as error:
                logger.warning("while waiting for 0x%s: %s", transaction.hex(), error)
        return None

    def _resend(self, transaction: TxParams, fees: _Fees, what: str) -> list[bytes]:
        """A replacement's hash; none if the RPC refuses it, as when the first is mined."""
        raised = _with_fees(dict(transaction), fees)
        raw = self._wallet.sign_transaction(raised)
        try:
            replacement = bytes(self._rpc.eth.send_raw_transaction(raw))
        except (Web3RPCError, RpcUnavailableError) as error:
            logger.warning("%s could not be sent again: %s", what, error)
            return []
        logger.warning(
            "%s is stuck: sent again with a tip of %d wei as 0x%s",
            what, fees.tip, replacement.hex(),
        )  # fmt: skip
        return [replacement]

    def _to_receipt(self, receipt: TxReceipt, transaction: TxParams, what: str) -> Receipt:
        mined = bytes(receipt["transactionHash"])
        if receipt["status"] != 1:
            self._raise_failure(receipt, transaction, what)
        return Receipt(
            transaction=mined,
            block=receipt["blockNumber"],
            block_hash=bytes(receipt["blockHash"]),
            gas=receipt["gasUsed"],
            fee_wei=receipt["gasUsed"] * receipt["effectiveGasPrice"],
        )

    def _raise_failure(self, receipt: TxReceipt, transaction: TxParams, what: str) -> None:
        """Say why a mined transaction failed, as far as a replay after its block can tell."""
        name = f"transaction {Web3.to_hex(receipt['transactionHash'])} for {what}"
        call: Any = {key: transaction[key] for key in ("from", "to", "data", "value")}
        try:
            with translate_errors(what):
                self._rpc.eth.call(call, receipt["blockNumber"])
        except ContractRevertError as error:
            message = f"{error}; {name} was mined before this was known, and its gas is spent"
            raise type(error)(message, error.arguments) from error
        raise TransactionError(
            f"{name} was mined in block {receipt['blockNumber']} and failed, using "
            f"{receipt['gasUsed']} of {transaction['gas']} gas; a replay does not fail: try again"
        )


def _with_fees(transaction: dict[str, Any], fees: _Fees) -> TxParams:
    priced: Any = {
        **transaction,
        "maxFeePerGas": fees.max_fee,
        "maxPriorityFeePerGas": fees.tip,
    }
    result: TxParams = priced
    return result


def show_eth(wei: int) -> str:
    """Wei as ETH for a person, rounded down to a gwei."""
    whole, rest = divmod(wei, WEI_PER_ETH)
    return f"{whole}.{rest // GWEI:09d} ETH"
