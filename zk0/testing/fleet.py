"""A fleet within one process: each node is a function from message to answer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed

from zk0.errors import TransportError
from zk0.ports import Parcel, Reply

Handler = Callable[[str, Parcel], Parcel]


class LocalFleet:
    """Nodes by key. A node in `down` does not answer, and is not connected."""

    def __init__(self, handlers: Mapping[bytes, Handler]) -> None:
        self.handlers = dict(handlers)
        self.down: set[bytes] = set()

    def admit(self, node_key: bytes) -> None:
        """Every key is let in."""

    def get_nodes(self) -> Collection[bytes]:
        return [key for key in self.handlers if key not in self.down]

    def ask(
        self,
        kind: str,
        parcels: Mapping[bytes, Parcel],
        *,
        timeout_s: float,
        on_reply: Callable[[bytes, Reply], None],
        is_done: Callable[[], bool] = lambda: False,
    ) -> None:
        with ThreadPoolExecutor(max_workers=max(1, len(parcels))) as pool:
            waiting = {
                pool.submit(self._answer, kind, key, parcel): key for key, parcel in parcels.items()
            }
            for done in as_completed(waiting, timeout=timeout_s):
                on_reply(waiting[done], done.result())
                if is_done():
                    break

    def _answer(self, kind: str, key: bytes, parcel: Parcel) -> Reply:
        if key in self.down or key not in self.handlers:
            return TransportError(f"node {key.hex()[:16]} does not answer")
        return self.handlers[key](kind, parcel)
