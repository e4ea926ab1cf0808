"""How the Kubo store meets a node that misbehaves; the good case is in tests/ports."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from zk0.errors import BlobMismatchError, BlobNotFoundError, StorageError
from zk0.storage.kubo import KuboStore
from zk0.storage.unixfs import compute_cid

Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def misbehaving_node(answer: Answer) -> Iterator[str]:
    """The URL of a server that answers every command with `answer`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer(self)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def reply(status: int, body: bytes) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    return path


def test_unreachable_node_is_named_without_its_password(file: Path, tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://user:secret@127.0.0.1:{closed.getsockname()[1]}"
        store = KuboStore(url)
        with pytest.raises(StorageError, match="cannot be reached") as caught:
            store.put(file)
        assert "secret" not in str(caught.value)
        with pytest.raises(StorageError, match="cannot be reached"):
            store.get(compute_cid(file), tmp_path / "copy")
        with pytest.raises(StorageError, match="cannot be reached"):
            store.has(compute_cid(file))


def test_silent_node_is_given_up_after_the_time_limit(file: Path, tmp_path: Path) -> None:
    released = threading.Event()

    def stay_silent(handler: BaseHTTPRequestHandler) -> None:
        released.wait(30)

    with misbehaving_node(stay_silent) as url:
        store = KuboStore(url, timeout_s=0.2)
        with pytest.raises(StorageError, match=r"said nothing for 0\.2 s"):
            store.put(file)
        with pytest.raises(BlobNotFoundError, match=r"said nothing for 0\.2 s"):
            store.get(compute_cid(file), tmp_path / "copy")
        released.set()
    assert not (tmp_path / "copy").exists()


def test_node_that_names_the_content_otherwise_is_refused(file: Path) -> None:
    other = json.dumps({"Hash": "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH"}).encode()
    with (
        misbehaving_node(reply(200, other)) as url,
        pytest.raises(BlobMismatchError, match="but it answered Qmb"),
    ):
        KuboStore(url).put(file)


def test_node_that_returns_other_content_is_refused(file: Path, tmp_path: Path) -> None:
    with (
        misbehaving_node(reply(200, b"Content")) as url,
        pytest.raises(BlobMismatchError, match="found content with CID"),
    ):
        KuboStore(url).get(compute_cid(file), tmp_path / "copy")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_cut_transfer_is_an_error_and_leaves_no_file(file: Path, tmp_path: Path) -> None:
    def cut(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "7")
        handler.end_headers()
        handler.wfile.write(b"cont")

    with misbehaving_node(cut) as url, pytest.raises(StorageError, match="failed during cat"):
        KuboStore(url).get(compute_cid(file), tmp_path / "copy")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"Name": "x"}', b"null"])
def test_server_that_is_no_kubo_is_recognised(file: Path, body: bytes) -> None:
    with (
        misbehaving_node(reply(200, body)) as url,
        pytest.raises(StorageError, match="is this a Kubo RPC"),
    ):
        KuboStore(url).put(file)


def test_words_of_the_node_are_passed_on(file: Path) -> None:
    refusal = json.dumps({"Message": "no space left on device", "Code": 0}).encode()
    with (
        misbehaving_node(reply(500, refusal)) as url,
        pytest.raises(StorageError, match="refused add: no space left on device"),
    ):
        KuboStore(url).put(file)
    with misbehaving_node(reply(403, b"")) as url, pytest.raises(StorageError, match="HTTP 403"):
        KuboStore(url).put(file)


def test_pin_without_confirmation_is_an_error(file: Path) -> None:
    with (
        misbehaving_node(reply(200, b'{"Pins": []}')) as url,
        pytest.raises(StorageError, match="did not confirm the pin"),
    ):
        KuboStore(url).pin(compute_cid(file))
