"""A hub on loopback that takes models: the real `huggingface_hub` client uploads to it.

Enough of the hub's HTTP interface for `create_repo` and `upload_folder`. Files arrive in the
commit itself, as the real hub asks for small ones; its storage for large files is not here.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "hf_may-write"
MODEL = re.compile(r"^/api/models/(?P<repo>[^/]+/[^/]+)/(?P<what>preupload|commit)/main")
OID = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class ModelHub:
    url: str
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    """Repository → path → content."""
    messages: list[str] = field(default_factory=list)


@contextmanager
def open_model_hub() -> Iterator[ModelHub]:
    hub = ModelHub("")

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            self._send(404, {"error": "Not found"})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                return self._send(401, {"error": "Invalid username or password."})
            if self.path == "/api/repos/create":
                wanted = json.loads(body)
                name = f"{wanted['organization']}/{wanted['name']}"
                hub.files.setdefault(name, {})
                return self._send(200, {"url": f"{hub.url}/{name}"})
            match = MODEL.match(self.path)
            if match is None or match["repo"] not in hub.files:
                return self._send(404, {"error": "Repository not found"})
            if match["what"] == "preupload":
                paths = [file["path"] for file in json.loads(body)["files"]]
                modes = [{"path": p, "uploadMode": "regular", "shouldIgnore": False} for p in paths]
                return self._send(200, {"files": modes})
            for line in map(json.loads, body.splitlines()):
                value = line["value"]
                if line["key"] == "header":
                    hub.messages.append(value["summary"])
                elif line["key"] == "file":
                    hub.files[match["repo"]][value["path"]] = base64.b64decode(value["content"])
            where = f"{hub.url}/{match['repo']}/commit/{OID}"
            return self._send(200, {"success": True, "commitOid": OID, "commitUrl": where})

        def _send(self, status: int, answer: dict[str, Any]) -> None:
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
