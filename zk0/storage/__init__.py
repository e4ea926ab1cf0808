"""Content-addressed storage: the only room that talks to IPFS.

`open_store` is the door: `dir:/path` for a folder, `http://host:5001` for a Kubo RPC.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from zk0.errors import ConfigError

if TYPE_CHECKING:
    from zk0.ports import BlobStore

__all__ = ["open_store"]


def open_store(url: str) -> BlobStore:
    """The store behind `url`.

    Args:
        url: `dir:PATH` (created if missing), or the `http(s)://host:port` of a Kubo RPC,
            without `/api/v0`.

    Raises:
        ConfigError: when `url` is neither.
        StorageError: when the folder cannot be used.
    """
    scheme, _, rest = url.partition(":")
    if scheme == "dir" and rest:
        from zk0.storage.directory import DirectoryStore

        return DirectoryStore(Path(rest).expanduser())
    if scheme in ("http", "https") and rest.startswith("//") and rest.strip("/"):
        from zk0.storage.kubo import KuboStore

        return KuboStore(url)
    raise ConfigError(
        f"expected a store such as dir:/var/lib/zk0/blobs or http://127.0.0.1:5001, found {url!r}"
    )
