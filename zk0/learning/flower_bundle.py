"""The app bundle that Flower wants with every run; ours holds no code.

A SuperLink stores a bundle with a run and hands it to the nodes. Nodes run the ClientApp
that is installed with them, so the bundle only says which messages are meant: a node
answers a run with any other bundle with an error. It is made of fixed bytes, so that
coordinator and nodes agree on its digest whatever machine built it.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from typing import Final

MESSAGES_VERSION = "1.0.0"
"""Changes with the meaning of messages, not with every release."""

_PROJECT = f"""\
[project]
name = "zk0"
version = "{MESSAGES_VERSION}"
description = "Messages of a zk0 network; nodes run their own installed code"
license = "Apache-2.0"
dependencies = []

[tool.flwr.app]
publisher = "zk0"

[tool.flwr.app.components]
serverapp = "coordinator.server_app:app"
clientapp = "node.client_app:app"
"""

_EPOCH = (1980, 1, 1, 0, 0, 0)
_UNIX = 3


def build_bundle(project: str) -> bytes:
    """A Flower app bundle (zip, uncompressed) with `project` as its pyproject.toml."""
    content = project.encode()
    manifest = f"pyproject.toml,{hashlib.sha256(content).hexdigest()},{len(content) * 8}"
    return _zip({"pyproject.toml": content, ".info/CONTENT": manifest.encode()})


def _zip(files: Mapping[str, bytes]) -> bytes:
    """Stored, not deflated: compressors differ between machines."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = _UNIX
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


BUNDLE: Final = build_bundle(_PROJECT)
BUNDLE_DIGEST: Final = hashlib.sha256(BUNDLE).hexdigest()
