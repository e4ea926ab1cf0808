"""Sends the round's messages to the nodes and takes their answers, again until it is enough."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from collections.abc import Collection as Set
from typing import Protocol

from coordinator.collection import Collection
from zk0.errors import TransportError, UpdateError
from zk0.messages import ProveRequest, TrainReply, TrainRequest, UploadReply, find_error
from zk0.ports import Fleet, Ledger, Parcel, Registration, Reply
from zk0.protocol.checkpoint import Checkpoint
from zk0.protocol.commitment import compute_receipt_hash
from zk0.protocol.round import Round
from zk0.protocol.statement import Address, Digest

log = logging.getLogger(__name__)


class NodeRegistrar(Protocol):
    """Lets the registered nodes' keys in."""

    def admit(self, node_key: bytes) -> None: ...


def choose_owners(active: Sequence[Registration]) -> dict[bytes, Registration]:
    """Node key → whose it is: the node that registered it first.

    Keys are public, and nothing on chain keeps others from registering the same bytes. Whoever
    does so later must not be taken for the machine behind the key.
    """
    owners: dict[bytes, Registration] = {}
    for registration in sorted(active, key=lambda r: r.key_since):
        owners.setdefault(registration.node_key, registration)
    return owners


class Dispatch:
    """Addresses in, Flower node keys out."""

    def __init__(
        self,
        fleet: Fleet,
        ledger: Ledger,
        registrar: NodeRegistrar,
        *,
        ask_timeout_s: float = 20.0,
        pause: Callable[[], None],
    ) -> None:
        self._fleet = fleet
        self._ledger = ledger
        self._registrar = registrar
        self._ask_timeout_s = ask_timeout_s
        self._pause = pause
        self._trained: set[tuple[int, Address]] = set()

    def _get_connected(self) -> dict[bytes, Registration]:
        """Node key → registration, of active nodes that are connected now."""
        registrations = choose_owners(self._ledger.get_active_nodes())
        for key in registrations:
            self._registrar.admit(key)
        connected = set(self._fleet.get_nodes())
        return {key: r for key, r in registrations.items() if key in connected}

    def get_reachable(self, round_: Round) -> set[Address]:
        """Addresses of the nodes that are connected now and may take part in `round_`."""
        connected = self._get_connected().values()
        return {r.node for r in connected if r.joined_at < round_.opened_at}

    def _ask(
        self,
        kind: str,
        parcels: dict[Address, Parcel],
        on_reply: Callable[[Address, Parcel], None],
        is_done: Callable[[], bool],
    ) -> None:
        connected = self._get_connected()
        by_key = {k: parcels[r.node] for k, r in connected.items() if r.node in parcels}
        if not by_key:
            self._pause()
            return

        def take(key: bytes, reply: Reply) -> None:
            node = connected[key].node
            if isinstance(reply, TransportError):
                log.warning("%s: no answer from %s: %s", kind, node, reply)
            elif (error := find_error(reply)) is not None:
                log.warning("%s: %s answers: %s", kind, node, error)
            else:
                on_reply(node, reply)

        self._fleet.ask(kind, by_key, timeout_s=self._ask_timeout_s, on_reply=take, is_done=is_done)
        self._pause()

    def train(
        self, round_id: int, base: Checkpoint, digest: Digest, is_done: Callable[[], bool]
    ) -> None:
        """One go at every connected node that has not committed."""
        round_ = self._ledger.get_round(round_id)
        committed = {c.node for c in round_.contributions}
        parcel = TrainRequest(round_id, base, digest).to_parcel()
        waiting = dict.fromkeys(self.get_reachable(round_) - committed, parcel)

        def take(node: Address, reply: Parcel) -> None:
            trained = TrainReply.from_parcel(reply)
            if (round_id, node) not in self._trained:
                self._trained.add((round_id, node))
                log.info(
                    "round %d: %s trained on %d examples in %.1f s, its held-out loss %.4f → %.4f",
                    round_id,
                    node,
                    trained.num_examples,
                    trained.seconds,
                    trained.loss_before,
                    trained.loss_after,
                )

        self._ask("train", waiting, _safely(take), is_done)

    def upload(self, round_id: int, waiting: Set[Address], collection: Collection) -> None:
        """One go at every connected node whose update is not here; receipts go back."""
        request = Parcel({"round": round_id})
        received: list[Address] = []

        def take(node: Address, reply: Parcel) -> None:
            collection.accept(node, UploadReply.from_parcel(reply))
            log.info("round %d: update of %s received and checked", round_id, node)
            received.append(node)

        self._ask("upload", dict.fromkeys(waiting, request), _safely(take), lambda: False)
        if received:
            receipts = {node: self._make_receipt(round_id, node) for node in received}
            self._ask("receipt", receipts, lambda _node, _reply: None, lambda: False)

    def _make_receipt(self, round_id: int, node: Address) -> Parcel:
        network = self._ledger.network
        entry = self._ledger.get_round(round_id).contribution_of(node)
        if entry is None or entry.sample_key is None:
            raise TransportError(f"round {round_id}: no sample of {node} to give a receipt for")
        message = compute_receipt_hash(
            network.chain_id, network.registry, round_id, node, entry.digest, entry.sample_key
        )
        return Parcel(
            {
                "round": round_id,
                "node": node,
                "digest": entry.digest.hex(),
                "sample_key": entry.sample_key.hex(),
                "coordinator": self._ledger.account,
                "signature": self._ledger.sign(message).hex(),
            }
        )

    def prove(self, round_id: int, waiting: Set[Address], challenge_file: bytes) -> None:
        """One go at every connected node whose contribution is not proven."""
        parcel = ProveRequest(round_id, challenge_file).to_parcel()

        def is_done() -> bool:
            round_ = self._ledger.get_round(round_id)
            return all(int(c.outcome) for c in round_.available)

        self._ask("prove", dict.fromkeys(waiting, parcel), lambda _n, _r: None, is_done)


def _safely(
    take: Callable[[Address, Parcel], None],
) -> Callable[[Address, Parcel], None]:
    """One node's bad answer must not stop the others'."""

    def guarded(node: Address, reply: Parcel) -> None:
        try:
            take(node, reply)
        except (UpdateError, TransportError) as error:
            log.warning("%s: %s", node, error)

    return guarded
