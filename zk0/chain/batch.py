"""Many calls in one request to a devnet, whose accounts are unlocked. For simulations only.

The contract sees ordinary transactions, of one batch in any order.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from web3 import Web3
from web3.types import RPCEndpoint, RPCResponse

from zk0.chain.contracts import open_contracts
from zk0.chain.rpc import RpcProvider, open_rpc, translate_errors
from zk0.chain.wallet import DEVNET_CHAIN_ID
from zk0.errors import RpcUnavailableError, TransactionError, WrongChainError
from zk0.protocol.statement import Address

GAS_LIMIT = 1_000_000
MINED_WITHIN_S = 30.0
POLL_S = 0.005


@dataclass(frozen=True, slots=True)
class BatchedCall:
    """One call of the ContributionRegistry, by whom."""

    sender: Address
    function: str
    args: tuple[Any, ...]


class DevnetBatch:
    """Sends calls in batches.

    Raises:
        WrongChainError: not the devnet: elsewhere accounts are not unlocked.
    """

    def __init__(self, rpc_url: str, registry: Address) -> None:
        rpc = open_rpc(rpc_url)
        contracts = open_contracts(rpc, registry)
        if contracts.chain_id != DEVNET_CHAIN_ID:
            raise WrongChainError(
                f"batches are for the devnet (chain id {DEVNET_CHAIN_ID}) only, this is chain "
                f"{contracts.chain_id}"
            )
        assert isinstance(rpc.provider, RpcProvider)
        self._provider = rpc.provider
        self._registry = contracts.registry

    def send(self, calls: Sequence[BatchedCall]) -> None:
        """All of them, mined. Raises TransactionError for the first that fails."""
        requests = [
            {
                "from": Web3.to_checksum_address(each.sender),
                "to": self._registry.address,
                "gas": hex(GAS_LIMIT),
                "data": self._encode(each),
            }
            for each in calls
        ]
        sent = self._request([("eth_sendTransaction", [r]) for r in requests], calls)
        for each, receipt in zip(calls, self._await_receipts(sent, calls), strict=True):
            if receipt is None or int(receipt["status"], 16) != 1:
                raise TransactionError(
                    f"{each.function} by {each.sender} was not mined or failed in a batch: "
                    f"{receipt}"
                )

    def _await_receipts(self, sent: Sequence[str], calls: Sequence[BatchedCall]) -> list[Any]:
        """None for what is not mined in time."""
        end = time.monotonic() + MINED_WITHIN_S
        while True:
            receipts = self._request([("eth_getTransactionReceipt", [h]) for h in sent], calls)
            if None not in receipts or time.monotonic() > end:
                return receipts
            time.sleep(POLL_S)

    def _encode(self, each: BatchedCall) -> str:
        with translate_errors(each.function):
            return str(self._registry.encode_abi(each.function, args=list(each.args)))

    def _request(
        self, requests: list[tuple[str, list[Any]]], calls: Sequence[BatchedCall]
    ) -> list[Any]:
        batch = [(RPCEndpoint(method), params) for method, params in requests]
        found = self._provider.make_batch_request(batch)
        answers: list[RPCResponse] = found if isinstance(found, list) else [found]
        for each, answer in zip(calls, answers, strict=False):
            if "error" in answer:
                raise TransactionError(f"{each.function} by {each.sender}: {answer['error']}")
        if len(answers) != len(requests):
            raise RpcUnavailableError(
                f"the RPC answered {len(answers)} of {len(requests)} requests in a batch"
            )
        return [answer["result"] for answer in answers]
