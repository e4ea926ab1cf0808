"""The node's side of Flower: a SuperNode as a child, and our ClientApp in this process."""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from flwr.app import Context, Message
from flwr.clientapp import ClientApp

from zk0.errors import TransportError
from zk0.learning.flower_bundle import BUNDLE_DIGEST
from zk0.learning.flower_keys import compute_public_key_bytes, load_or_create_node_key
from zk0.learning.flower_process import SupervisedCommand, find_free_port, read_last_words
from zk0.learning.flower_runtime import (
    ClientTask,
    ClientTasks,
    create_error_reply,
    validate_flower_version,
)
from zk0.learning.flower_wire import SuperLinkEndpoint

IDLE_S = 0.25
MAX_REASON_CHARS = 300

log = logging.getLogger(__name__)


class SuperNodeRuntime:
    """Answers a coordinator's messages with one installed ClientApp.

    The SuperNode keeps the connection, in a process of its own because it ends itself when
    the SuperLink is gone for long; it is started again then. Code that comes with a message
    is never run: a run with a bundle other than ours is answered with an error.
    """

    def __init__(
        self,
        superlink: SuperLinkEndpoint,
        key_path: Path,
        state_dir: Path,
        client_app: ClientApp,
    ) -> None:
        """Nothing is started yet.

        Args:
            superlink: Where the coordinator's SuperLink is.
            key_path: The node's key, made if missing.
            state_dir: Holds the SuperNode's log and the secret that it shares with us.
            client_app: Answers the messages; its exceptions become error replies.

        Raises:
            ConfigError: when the key file is unusable.
            TransportError: when another Flower is installed, or the CA file is missing.
        """
        validate_flower_version()
        superlink.read_ca()
        self.node_key = compute_public_key_bytes(load_or_create_node_key(key_path))
        self._superlink = superlink
        self._key_path = key_path
        self._secret_path = state_dir / "supernode.secret"
        self._client_app = client_app
        self._command = SupervisedCommand(
            "flower-supernode", state_dir / "supernode.log", self._renew_arguments
        )
        self._tasks: ClientTasks | None = None

    @property
    def pid(self) -> int | None:
        """The SuperNode's process id, while it runs."""
        process = self._command.process
        return process.pid if process is not None and process.poll() is None else None

    def serve(
        self, should_stop: Callable[[], bool], on_idle: Callable[[], None] | None = None
    ) -> None:
        """Answer messages until `should_stop`, which is asked between messages.

        `on_idle` is called about four times a second while there is no message.

        Raises:
            TransportError: when `flower-supernode` is not installed.
        """
        while not should_stop():
            task = self._claim()
            if task is not None:
                self._answer(task)
                continue
            if on_idle is not None:
                on_idle()
            time.sleep(IDLE_S)

    def stop(self) -> None:
        """Sign off and end the SuperNode."""
        self._command.stop()
        if self._tasks is not None:
            self._tasks.close()
            self._tasks = None

    def _claim(self) -> ClientTask | None:
        starts = self._command.starts
        if not self._command.ensure_running():
            return None
        if self._command.starts != starts and starts > 0:
            last = read_last_words(self._command.log)
            log.warning("the SuperNode ended (%s) and was started again", last)
        try:
            return self._tasks.claim() if self._tasks is not None else None
        except TransportError as error:
            # It is starting, or about to be found dead.
            log.debug("no task: %s", error)
            return None

    def _answer(self, task: ClientTask) -> None:
        failure = ""
        try:
            message, context, bundle_digest = task.receive()
            if bundle_digest == BUNDLE_DIGEST:
                reply, failure = self._run_app(message, context)
            else:
                failure = f"expected bundle {BUNDLE_DIGEST}, found {bundle_digest}"
                reply = create_error_reply(message, failure, is_foreign_run=True)
            task.reply(reply)
        except TransportError as error:
            failure = str(error)
            log.warning("a message was lost: %s", error)
        finally:
            task.close(failure)

    def _run_app(self, message: Message, context: Context) -> tuple[Message, str]:
        """The app's answer and no failure, or an error reply and the reason."""
        try:
            return self._client_app(message=message, context=context), ""
        except Exception as error:
            # The outermost loop of a service: one bad message must not end it.
            log.exception("message %s failed", message.metadata.message_type)
            reason = f"{type(error).__name__}: {error}"[:MAX_REASON_CHARS]
            return create_error_reply(message, reason), reason

    def _renew_arguments(self) -> Sequence[str]:
        """A fresh port and secret for each start: the old port may be another's by now."""
        secret = secrets.token_bytes(32)
        self._secret_path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._secret_path.unlink(missing_ok=True)
        descriptor = os.open(self._secret_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(secret)
        port = find_free_port("127.0.0.1")
        if self._tasks is not None:
            self._tasks.close()
        self._tasks = ClientTasks(f"127.0.0.1:{port}", secret)
        return [
            f"--superlink={self._superlink.address}",
            f"--root-certificates={self._superlink.ca}",
            f"--auth-supernode-private-key={self._key_path}",
            "--isolation=process",
            "--host=127.0.0.1",
            f"--port={port}",
            f"--superexec-auth-secret-file={self._secret_path}",
        ]
