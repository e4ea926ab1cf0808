"""How every zk0 command line behaves: options, errors, logs, JSON.

Results go to stdout, logs to stderr. A user's mistake is one sentence and a non-zero exit.
"""

from __future__ import annotations

import functools
import json
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import click

from zk0.errors import Zk0Error
from zk0.logs import open_shared_log, route_records

INTERRUPTED = 130
DEFAULT_RPC_URL = "http://127.0.0.1:8545"


def get_home() -> Path:
    """Where zk0 keeps a user's files: ZK0_HOME, else `~/.zk0`."""
    return Path(os.environ.get("ZK0_HOME", Path.home() / ".zk0"))


@dataclass(frozen=True, slots=True)
class NetworkOptions:
    """Which network, and as whom."""

    rpc_url: str
    deployments: Path
    registry: str | None
    store: str
    home: Path
    vault: str | None = None


def network_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that say which network is meant; the command gets one NetworkOptions."""

    @functools.wraps(command)
    def wrapper(
        rpc_url: str, deployments: Path | None, registry: str | None, vault: str | None,
        store: str | None, home: Path, **rest: Any,
    ) -> Any:  # fmt: skip
        url = store or f"dir:{home / 'blobs'}"
        folder = deployments or home / "deployments"
        return command(NetworkOptions(rpc_url, folder, registry, url, home, vault), **rest)

    for option in reversed(
        (
            click.option(
                "--rpc-url",
                default=DEFAULT_RPC_URL,
                envvar="ZK0_RPC_URL",
                show_default=True,
                help="JSON-RPC of the chain.",
            ),
            click.option(
                "--deployments",
                type=click.Path(path_type=Path),
                envvar="ZK0_DEPLOYMENTS",
                help="Folder with <chainId>.json files.  [default: <home>/deployments]",
            ),
            click.option(
                "--registry",
                envvar="ZK0_REGISTRY",
                help="ContributionRegistry's address, instead of a deployment file.",
            ),
            click.option(
                "--vault",
                envvar="ZK0_VAULT",
                help="Another RewardVault of this registry than the deployment file's.",
            ),
            click.option(
                "--store",
                envvar="ZK0_STORE",
                help="BlobStore: dir:PATH or a Kubo RPC's URL.  [default: dir:<home>/blobs]",
            ),
            click.option(
                "--home",
                type=click.Path(path_type=Path),
                default=get_home,
                help="Where this machine's files are kept.  [default: ~/.zk0]",
            ),
        )
    ):
        wrapper = option(wrapper)
    return wrapper


def wallet_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--wallet` and `--password-file`. A private key is never an argument."""
    command = click.option(
        "--password-file",
        type=click.Path(path_type=Path),
        help="File with the keystore's password; else ZK0_PASSWORD, else a prompt.",
    )(command)
    return click.option(
        "--wallet",
        required=True,
        envvar="ZK0_WALLET",
        help="Encrypted keystore: a file or a name of Foundry's; dev:N on the devnet.",
    )(command)


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2))


def confirm(question: str, yes: bool) -> None:
    """Ask before anything that costs or cannot be taken back. Raises click.Abort on no."""
    if not yes:
        click.confirm(question, abort=True, err=True)


def start_logging(verbose: bool = False) -> None:
    """Log lines to stderr, and to the machine's shared log where ZK0_LOG names one.

    In colour on a terminal. Third parties only from warnings on.

    Raises ConfigError (that log cannot be written).
    """
    root = logging.getLogger()
    root.handlers = [route_records(sys.stderr, open_shared_log())]
    root.setLevel(logging.WARNING)
    for name in ("zk0", "node", "coordinator", "auditor", "circuits"):
        logging.getLogger(name).setLevel(logging.DEBUG if verbose else logging.INFO)
    for name in ("flwr", "httpx"):
        logging.getLogger(name).setLevel(logging.WARNING)


def run(group: click.Group) -> NoReturn:
    """Run a command line: one sentence for a user's mistake, never a traceback for it."""
    try:
        code = group.main(standalone_mode=False)
    except Zk0Error as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except click.exceptions.Abort:
        click.echo("stopped", err=True)
        sys.exit(INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        click.echo("stopped", err=True)
        sys.exit(INTERRUPTED)
    sys.exit(code if isinstance(code, int) else 0)
