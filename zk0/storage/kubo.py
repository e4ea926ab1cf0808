"""A Kubo node (or anything that speaks its HTTP RPC) as content-addressed storage.

The RPC is described at https://docs.ipfs.tech/reference/kubo/rpc/. The node is not
trusted for content: what it names and what it returns is compared with CIDs that are
computed here.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import httpx

from zk0.errors import BlobMismatchError, BlobNotFoundError, StorageError
from zk0.ports import Cid
from zk0.storage.files import copy_computing_cid, open_atomic
from zk0.storage.unixfs import CHUNK_BYTES, MAX_LINKS, compute_cid, parse_cid

ADD_OPTIONS = {
    "cid-version": "1",
    "raw-leaves": "true",
    "chunker": f"size-{CHUNK_BYTES}",
    "max-file-links": str(MAX_LINKS),
    "pin": "true",
    "progress": "false",
}
CONNECT_TIMEOUT_S = 5.0


class KuboStore:
    """The BlobStore port on the RPC at `url`."""

    def __init__(self, url: str, timeout_s: float = 60.0) -> None:
        """Nothing is sent yet.

        Args:
            url: Scheme, host and port, as in `http://127.0.0.1:5001`.
            timeout_s: How long the node may stay silent: content that it has to look for in
                the network and does not find in this time counts as not found.
        """
        self._url = httpx.URL(url.rstrip("/"))
        self._timeout_s = timeout_s

    def put(self, file: Path) -> Cid:
        """Add and pin `file`.

        Raises:
            BlobMismatchError: when the node names the content otherwise than we do.
            StorageError: when `file` cannot be read or the node fails.
        """
        cid = compute_cid(file)
        with file.open("rb") as stream:
            reply = self._call("add", ADD_OPTIONS, {"file": (cid, stream)})
        named = _parse_reply(reply, "Hash")
        if named != cid:
            raise BlobMismatchError(
                f"expected {self._name} to add {file} as {cid}, but it answered {named}: it "
                "ignores CID version, raw leaves, chunk size or links; use a Kubo that honours them"
            )
        return cid

    def get(self, cid: Cid, to: Path) -> None:
        """Write the content of `cid` to `to`, atomically, once it matches.

        Raises:
            BlobNotFoundError, BlobMismatchError, StorageError.
        """
        parse_cid(cid)
        with open_atomic(to) as copy:
            found = self._copy(cid, copy, offline=False)
            if found != cid:
                raise BlobMismatchError(
                    f"expected {cid} from {self._name}, found content with CID {found}: the "
                    "transfer was cut or the node's copy is damaged; try again, then another node"
                )

    def pin(self, cid: Cid) -> None:
        """Have the node fetch and keep `cid`.

        Raises:
            BlobNotFoundError: when it cannot get it within the time limit.
            StorageError: when the node fails.
        """
        with self._missing_as_not_found(cid):
            reply = self._call("pin/add", {"arg": parse_cid(cid)})
        if cid not in _parse_reply(reply, "Pins"):
            raise StorageError(f"{self._name} did not confirm the pin of {cid}: {reply[:200]!r}")

    def has(self, cid: Cid) -> bool:
        """Whether the node itself holds all of `cid`, intact and pinned; reads all of it."""
        try:
            with self._missing_as_not_found(cid):
                self._call("pin/ls", {"arg": parse_cid(cid), "type": "recursive"})
            return self._copy(cid, None, offline=True) == cid
        except BlobNotFoundError:
            return False

    @property
    def _name(self) -> str:
        """The address without a password that it may hold."""
        return f"the IPFS node at {self._url.copy_with(userinfo=b'')}"

    def _copy(self, cid: Cid, to: BinaryIO | None, *, offline: bool) -> Cid:
        """Stream the content of `cid` into `to`, if any; the CID of what came."""
        options = {"arg": cid, "offline": str(offline).lower()}
        with self._missing_as_not_found(cid), self._stream("cat", options) as reply:
            return copy_computing_cid(_Body(reply.iter_bytes(CHUNK_BYTES)), to)

    def _call(
        self,
        command: str,
        options: dict[str, str],
        files: dict[str, tuple[str, BinaryIO]] | None = None,
    ) -> str:
        with self._stream(command, options, files) as reply:
            return reply.read().decode(errors="replace")

    @contextlib.contextmanager
    def _stream(
        self,
        command: str,
        options: dict[str, str],
        files: dict[str, tuple[str, BinaryIO]] | None = None,
    ) -> Iterator[httpx.Response]:
        """The reply to one command; transport failures as StorageError."""
        timeout = httpx.Timeout(self._timeout_s, connect=CONNECT_TIMEOUT_S)
        try:
            with (
                httpx.Client(base_url=self._url, timeout=timeout) as client,
                client.stream("POST", f"/api/v0/{command}", params=options, files=files) as reply,
            ):
                if reply.is_error:
                    reply.read()
                    raise _RefusedError(f"{self._name} refused {command}: {_describe(reply)}")
                yield reply
        except (httpx.ReadTimeout, httpx.WriteTimeout) as error:
            raise _SilentError(
                f"{self._name} said nothing for {self._timeout_s:g} s during {command}; "
                "is it overloaded, or looking for content that nobody offers?"
            ) from error
        except httpx.ConnectError as error:
            raise StorageError(
                f"{self._name} cannot be reached ({error}); is its daemon running?"
            ) from error
        except httpx.HTTPError as error:
            raise StorageError(f"{self._name} failed during {command}: {error}") from error

    @contextlib.contextmanager
    def _missing_as_not_found(self, cid: Cid) -> Iterator[None]:
        """Kubo has one status for every failure of a command: here it means "not found"."""
        try:
            yield
        except (_RefusedError, _SilentError) as error:
            raise BlobNotFoundError(f"no {cid}: {error}") from error


class _RefusedError(StorageError):
    """The node answered with an error."""


class _SilentError(StorageError):
    """The node took a connection and then said nothing."""


class _Body:
    """A reply's chunks as a stream to read from."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def read(self, size: int = -1, /) -> bytes:
        """The next chunk, or as much of it as fits; nothing at the end."""
        part = self._rest or next(self._chunks, b"")
        if size < 0:
            size = len(part)
        self._rest = part[size:]
        return part[:size]


def _describe(reply: httpx.Response) -> str:
    """Kubo's own words if it sent any."""
    try:
        return str(json.loads(reply.text)["Message"])[:300]
    except (ValueError, KeyError, TypeError):
        return f"HTTP {reply.status_code}"


def _parse_reply(text: str, key: str) -> str | list[str]:
    """`key` of the last JSON line of a reply. Raises StorageError."""
    try:
        value: str | list[str] = json.loads(text.splitlines()[-1])[key]
    except (ValueError, IndexError, KeyError, TypeError) as error:
        raise StorageError(
            f"expected a Kubo reply with {key!r}, found {text[:200]!r}; is this a Kubo RPC?"
        ) from error
    return value
