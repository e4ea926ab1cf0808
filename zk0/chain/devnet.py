"""The devnet: the real Anvil, its state in a file, and the network's contracts deployed on it."""

from __future__ import annotations

import fcntl
import os
import platform
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from web3.types import RPCEndpoint

import zk0
from zk0.chain.rpc import open_rpc, translate_errors
from zk0.chain.wallet import DEV_MNEMONIC, DEVNET_CHAIN_ID
from zk0.errors import ChainError, ConfigError, RpcUnavailableError
from zk0.interrupts import hold_interrupts
from zk0.protocol.statement import Address

ROOT = Path(zk0.__file__).resolve().parent.parent
STATE_FILE = "anvil-state.json"
LOG_FILE = "anvil.log"
ANVIL_VARIABLE = "ZK0_ANVIL"
_SYSTEMS = {"Linux": "linux", "Darwin": "darwin"}
_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
_START_S = 30.0
_STOP_S = 30.0
_PORT_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class DevnetOptions:
    """How Anvil runs."""

    port: int = 0
    """0 takes a free one."""
    block_time_s: int | None = 1
    """None mines a block for each transaction, at once."""
    accounts: int = 20
    """How many of the mnemonic's accounts hold 10,000 ETH from the start."""
    state_interval_s: int = 60
    """The state is also written while running, for when the machine stops."""
    chain_id: int = DEVNET_CHAIN_ID
    """Another one only to see what is refused there."""


def find_anvil(root: Path = ROOT) -> Path:
    """The Anvil binary: ZK0_ANVIL, else npm's package for this platform.

    npm's own launcher is not used: it exits 0 whatever happens.

    Raises:
        ConfigError: there is none; says how to get it.
    """
    given = os.environ.get(ANVIL_VARIABLE)
    if given:
        path = Path(given).expanduser()
        if not os.access(path, os.X_OK) or path.is_dir():
            raise ConfigError(f"{ANVIL_VARIABLE} names {path}, which is not a program")
        return path
    system = _SYSTEMS.get(platform.system(), platform.system().lower())
    machine = _MACHINES.get(platform.machine().lower(), platform.machine())
    path = root / "node_modules" / "@foundry-rs" / f"anvil-{system}-{machine}" / "bin" / "anvil"
    if not path.is_file():
        raise ConfigError(
            f"there is no Anvil for {system}-{machine} at {path}: run `npm ci` in {root}, or let "
            f"{ANVIL_VARIABLE} name the anvil of a Foundry installation"
        )
    return path


class Devnet:
    """A running Anvil that this process started. Use `start_devnet`; `stop` writes the state."""

    def __init__(
        self, process: subprocess.Popen[bytes], rpc_url: str, chain_id: int, state: Path | None
    ) -> None:
        self._process = process
        self.rpc_url = rpc_url
        self.chain_id = chain_id
        self.state = state

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        """End Anvil and wait until its state is written. Does nothing the second time.

        Raises:
            ChainError: it had to be killed, or left no state.
        """
        if not self.is_running:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise ChainError(f"Anvil did not end within {_STOP_S:.0f} s: state not saved") from None
        if self.state is not None and not self.state.is_file():
            raise ChainError(f"Anvil ended without writing its state to {self.state}")

    def abandon(self) -> None:
        """End an Anvil that never answered: there is no state to ask for."""
        with suppress(ChainError):
            self.stop()

    def fund(self, account: Address, balance_wei: int) -> None:
        """Set an account's balance, as only a devnet can."""
        self.request("anvil_setBalance", account, hex(balance_wei))

    def advance(self, seconds: int) -> None:
        """Move the clock and mine a block."""
        self.request("evm_increaseTime", seconds)
        self.request("evm_mine")

    def request(self, method: str, *params: object) -> Any:
        """The result of one of Anvil's own methods. Raises RpcUnavailableError."""
        response = open_rpc(self.rpc_url).provider.make_request(RPCEndpoint(method), list(params))
        if "error" in response:
            raise RpcUnavailableError(f"Anvil refused {method}: {response['error']}")
        return response["result"]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def start_devnet(folder: Path | None = None, options: DevnetOptions | None = None) -> Devnet:
    """Start Anvil on loopback and wait until it answers.

    Args:
        folder: for its state and log, created if need be; a state that is there is continued.
            None keeps nothing.

    Raises:
        ConfigError: no Anvil is installed, the port is taken, or a devnet runs in `folder`.
        ChainError: it ended at once, or never answered.
    """
    chosen = options or DevnetOptions()
    anvil = find_anvil()
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    if chosen.port:
        _require_free(chosen.port)
    attempts = 1 if chosen.port else _PORT_ATTEMPTS
    for attempt in range(attempts):
        port = chosen.port or _find_free_port()
        state = folder and folder / STATE_FILE
        with ExitStack() as stack:
            with hold_interrupts():
                process = _spawn(anvil, folder, chosen, port)
                devnet = Devnet(process, f"http://127.0.0.1:{port}", chosen.chain_id, state)
                stack.callback(devnet.abandon)
            try:
                _await_answer(devnet)
            except ChainError:
                if devnet.is_running or attempt == attempts - 1:
                    raise
            else:
                stack.pop_all()
                return devnet
    raise AssertionError("unreachable: the last attempt returns or raises")


def _spawn(
    anvil: Path, folder: Path | None, options: DevnetOptions, port: int
) -> subprocess.Popen[bytes]:
    command = [str(anvil), "--host", "127.0.0.1", "--port", str(port), "--quiet"]
    command += ["--chain-id", str(options.chain_id), "--mnemonic", DEV_MNEMONIC]
    command += ["--accounts", str(options.accounts)]
    if options.block_time_s is not None:
        command += ["--block-time", str(options.block_time_s)]
    if folder is None:
        return _popen(command, subprocess.DEVNULL)
    command += ["--state", str(folder / STATE_FILE)]
    command += ["--state-interval", str(options.state_interval_s)]
    with (folder / LOG_FILE).open("ab") as log:
        _lock(log, folder)
        return _popen(command, log.fileno())


def _lock(log: IO[bytes], folder: Path) -> None:
    """Anvil inherits the open log and with it the lock: two would overwrite one state."""
    try:
        fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise ConfigError(
            f"a devnet is running with the state in {folder}: stop it, or give another folder"
        ) from error


def _popen(command: Sequence[str], log: int) -> subprocess.Popen[bytes]:
    """In a session of its own: Ctrl-C is for us, and we end it in order."""
    try:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    except OSError as error:
        raise ConfigError(f"cannot run {command[0]}: {error.strerror}") from error


def _await_answer(devnet: Devnet) -> None:
    rpc = open_rpc(devnet.rpc_url)
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if not devnet.is_running:
            raise ChainError(
                f"Anvil ended at once: see {LOG_FILE} next to its state, and whether the port of "
                f"{devnet.rpc_url} is free and the state file is intact"
            )
        with suppress(RpcUnavailableError), translate_errors("the chain id"):
            if rpc.eth.chain_id == devnet.chain_id and devnet.is_running:
                return
        time.sleep(0.05)
    raise ChainError(f"Anvil did not answer at {devnet.rpc_url} within {_START_S:.0f} s")


def _find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ConfigError(
                f"port {port} is taken: is a devnet running already? Give another --port"
            ) from error
