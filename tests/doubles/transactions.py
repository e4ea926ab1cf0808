"""Transactions of accounts that Anvil has unlocked."""

from __future__ import annotations

import time
from typing import Any

from zk0.chain.devnet import Devnet

RECEIPT_S = 60.0


def send_unlocked(devnet: Devnet, call: dict[str, str]) -> Any:
    """The receipt of a call that has to succeed. Anvil answers before it has mined it."""
    transaction = devnet.request("eth_sendTransaction", call)
    deadline = time.monotonic() + RECEIPT_S
    while (receipt := devnet.request("eth_getTransactionReceipt", transaction)) is None:
        assert time.monotonic() < deadline, f"{transaction} is not mined"
        time.sleep(0.02)
    assert receipt["status"] == "0x1"
    return receipt
