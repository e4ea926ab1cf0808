"""A SuperLink of one's own: a child process on loopback whose state survives it."""

from __future__ import annotations

import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from zk0.errors import TransportError
from zk0.interrupts import hold_interrupts
from zk0.learning.flower_keys import TlsFiles, load_or_create_certificates
from zk0.learning.flower_process import (
    find_free_port,
    read_last_words,
    start_command,
    stop_process,
)
from zk0.learning.flower_runtime import is_superlink_reachable, validate_flower_version
from zk0.learning.flower_wire import SuperLinkEndpoint

START_TIMEOUT_S = 120.0
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class SuperLinkProcess:
    """A running SuperLink; it ends with the process that started it."""

    endpoint: SuperLinkEndpoint
    process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self.process.pid

    def is_running(self) -> bool:
        """Whether the child still runs."""
        return self.process.poll() is None

    def stop(self) -> None:
        """End it; `start_superlink` with the same folder continues where it was."""
        stop_process(self.process)


def start_superlink(state_dir: Path, host: str = LOOPBACK, port: int = 0) -> SuperLinkProcess:
    """Start a SuperLink that admits registered node keys only, and wait until it answers.

    Its control interface has no login: whoever reaches the port can start runs. Leave it on
    loopback, and let a proxy forward `/v1/fleet/` only.

    Args:
        state_dir: Holds its database, certificates and log.
        host: Where it listens; the certificate is made for this name.
        port: 0 means the one of the last start, so that nodes find it again, or a free one.

    Raises:
        TransportError: when it ends or does not answer; the message has its last words.
    """
    validate_flower_version()
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    tls = load_or_create_certificates(state_dir / "tls", host)
    port = port or _recall_port(state_dir, host)
    endpoint = SuperLinkEndpoint(f"{host}:{port}", tls.ca)
    if is_superlink_reachable(endpoint):
        raise TransportError(f"a SuperLink answers at {endpoint.address} already; use that one")
    log = state_dir / "superlink.log"
    arguments = _arguments(state_dir, host, port, tls)
    with ExitStack() as stack:
        with hold_interrupts():
            process = start_command("flower-superlink", arguments, log)
            superlink = SuperLinkProcess(endpoint, process)
            stack.callback(superlink.stop)
        _wait_until_reachable(superlink, log)
        stack.pop_all()
    (state_dir / "superlink.port").write_text(f"{port}\n")
    return superlink


def _arguments(state_dir: Path, host: str, port: int, tls: TlsFiles) -> list[str]:
    return [
        f"--host={host}",
        f"--port={port}",
        f"--database={state_dir / 'superlink.db'}",
        "--enable-supernode-auth",
        "--isolation=process",
        "--disable-runtime-dependency-installation",
        f"--ssl-ca-certfile={tls.ca}",
        f"--ssl-certfile={tls.certificate}",
        f"--ssl-keyfile={tls.private_key}",
    ]


def _recall_port(state_dir: Path, host: str) -> int:
    try:
        return int((state_dir / "superlink.port").read_text())
    except (FileNotFoundError, ValueError):
        return find_free_port(host)


def _wait_until_reachable(superlink: SuperLinkProcess, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not is_superlink_reachable(superlink.endpoint):
        if not superlink.is_running():
            raise TransportError(
                f"the SuperLink ended at its start: {read_last_words(log)} (more in {log})"
            )
        if time.monotonic() > deadline:
            raise TransportError(
                f"expected the SuperLink to answer at {superlink.endpoint.address} within "
                f"{START_TIMEOUT_S:g} s; its log is {log}"
            )
        time.sleep(0.2)
    if not superlink.is_running():
        raise TransportError(
            f"the SuperLink ended, but another one answers at {superlink.endpoint.address}; use "
            "that one, or choose another port"
        )
