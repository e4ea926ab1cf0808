"""A hub on loopback: enough of the Hugging Face hub's HTTP interface for LeRobot to download.

It answers the real `huggingface_hub` client; nothing of the client or of LeRobot is replaced.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

TOKEN = "hf_test-token"
API = re.compile(
    r"^/api/datasets/(?P<repo>[^/]+/[^/]+)/(?P<what>refs|revision|tree)/?(?P<rev>[^?]*)"
)
FILE = re.compile(r"^/datasets/(?P<repo>[^/]+/[^/]+)/resolve/(?P<rev>[^/]+)/(?P<path>.+)$")


@dataclass(frozen=True)
class Repository:
    """A data set on the hub."""

    folder: Path
    tags: tuple[str, ...] = ("v3.0",)
    private: bool = False
    gated: bool = False

    @property
    def sha(self) -> str:
        return hashlib.sha1(str(self.folder).encode()).hexdigest()


@dataclass
class Hub:
    """Address and what was asked of it."""

    url: str
    requests: list[str] = field(default_factory=list)


@contextmanager
def open_hub(repositories: Mapping[str, Repository]) -> Iterator[Hub]:
    hub = Hub("")

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            hub.requests.append(f"{self.command} {self.path}")
            match = API.match(self.path) or FILE.match(self.path)
            repository = repositories.get(match["repo"]) if match else None
            allowed = self.headers.get("Authorization") == f"Bearer {TOKEN}"
            if match is None or repository is None or (repository.private and not allowed):
                return self._refuse(401, "RepoNotFound")
            names = {*repository.tags, "main", repository.sha}
            revision = match["rev"] if match.re is FILE or match["what"] != "refs" else "main"
            if revision.split("/")[0] not in names:
                return self._refuse(404, "RevisionNotFound")
            if match.re is API:
                return self._send(json.dumps(self._describe(match, repository)).encode())
            if repository.gated and not allowed:
                return self._refuse(403, "GatedRepo")
            file = repository.folder / match["path"]
            return self._send(file.read_bytes(), repository.sha)

        def _describe(self, match: re.Match[str], repository: Repository) -> Any:
            files = [p for p in sorted(repository.folder.rglob("*")) if p.is_file()]
            paths = [str(p.relative_to(repository.folder)) for p in files]
            if match["what"] == "refs":
                tags = [
                    {"name": t, "ref": f"refs/tags/{t}", "targetCommit": repository.sha}
                    for t in repository.tags
                ]
                main = {"name": "main", "ref": "refs/heads/main", "targetCommit": repository.sha}
                return {"tags": tags, "branches": [main], "converts": []}
            if match["what"] == "revision":
                return {
                    "_id": "1",
                    "id": match["repo"],
                    "sha": repository.sha,
                    "siblings": [{"rfilename": path} for path in paths],
                    "private": repository.private,
                    "tags": [],
                    "downloads": 0,
                    "likes": 0,
                }
            return [
                {
                    "type": "file",
                    "path": path,
                    "size": file.stat().st_size,
                    "oid": hashlib.sha1(file.read_bytes()).hexdigest(),
                }
                for path, file in zip(paths, files, strict=True)
            ]

        def _refuse(self, status: int, code: str) -> None:
            self.send_response(status)
            self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _send(self, body: bytes, commit: str | None = None) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            if commit is not None:
                self.send_header("ETag", f'"{hashlib.sha1(body).hexdigest()}"')
                self.send_header("X-Repo-Commit", commit)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
