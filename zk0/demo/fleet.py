"""Starts a network's processes: coordinator, honest nodes, freeloader."""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zk0.demo.processes import Child, find_program
from zk0.errors import TransportError
from zk0.interrupts import hold_interrupts

ROOT = Path(__file__).resolve().parents[2]


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class DemoFleet:
    """Children of one network; `close` ends all of them."""

    rpc_url: str
    home: Path
    logs: Path
    show: Callable[[str, str], None]
    superlink: str = field(default_factory=lambda: f"127.0.0.1:{find_free_port()}")
    children: dict[str, Child] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)

    def _network(self, wallet: int) -> list[str]:
        return [
            "--wallet", f"dev:{wallet}", "--rpc-url", self.rpc_url,
            "--home", str(self.home), "--deployments", str(self.home / "deployments"),
        ]  # fmt: skip

    def _common(self, wallet: int) -> list[str]:
        return [*self._network(wallet), "--superlink", self.superlink]

    def _start(self, name: str, command: list[str], stdout: Path | None = None) -> Child:
        self.logs.mkdir(parents=True, exist_ok=True)
        with hold_interrupts():
            child = Child(name, command, self.logs / f"{name}.log", self.show, stdout)
            self.children[name] = child
            self._stack.callback(child.stop)
        return child

    def start_coordinator(self, rounds: int, result: Path, name: str = "coordinator") -> Child:
        """`zk0-coordinator run-round`; its JSON goes to `result`."""
        command = [find_program("zk0-coordinator"), "run-round", *self._common(0)]
        return self._start(name, [*command, "--rounds", str(rounds), "--json"], result)

    def start_node(self, wallet: int, dataset: str, name: str | None = None) -> Child:
        """`zk0-node join` with an embedded data set."""
        command = [find_program("zk0-node"), "join", *self._common(wallet)]
        return self._start(name or dataset, [*command, "--dataset", dataset, "--yes"])

    def start_freeloader(self, wallet: int, task: str, examples: int) -> Child:
        """A node that does no work and uploads noise."""
        script = str(ROOT / "scripts" / "freeloader.py")
        arguments = [f"dev:{wallet}", self.rpc_url, str(self.home), self.superlink, task]
        return self._start("freeloader", [sys.executable, script, *arguments, str(examples)])

    def claim(self, wallet: int, name: str) -> dict[str, Any]:
        """`zk0-node claim` for all that is open; returns what it says. Raises TransportError."""
        result = self.logs / f"claim-{name}.json"
        command = [find_program("zk0-node"), "claim", *self._network(wallet), "--yes", "--json"]
        child = self._start(f"claim-{name}", command, result)
        while child.exit_code is None:
            time.sleep(0.05)
        child.stop()
        if child.exit_code != 0:
            raise TransportError(
                f"{child.name} ended with exit code {child.exit_code}; its log is in "
                f"{self.logs / (child.name + '.log')}"
            )
        said: dict[str, Any] = json.loads(result.read_bytes())
        return said

    def close(self) -> None:
        self._stack.close()
