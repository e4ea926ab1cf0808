"""A node that joins, does no work and uploads noise: what the demo's contract turns away.

usage: freeloader.py WALLET RPC_URL HOME SUPERLINK TASK EXAMPLES
"""

from __future__ import annotations

from pathlib import Path

import click

from node.joining import JoinOptions, take_part
from zk0.console import NetworkOptions, run, start_logging
from zk0.testing.noise import NoiseLearner

NOISE_SCALE = 5e-4
"""About what honest training moves a parameter by in one round, so that no norm gives it away."""


@click.command()
@click.argument("wallet")
@click.argument("rpc_url")
@click.argument("home", type=click.Path(path_type=Path))
@click.argument("superlink")
@click.argument("task")
@click.argument("examples", type=int)
def main(wallet: str, rpc_url: str, home: Path, superlink: str, task: str, examples: int) -> None:
    """Join as a node without data."""
    start_logging()
    network = NetworkOptions(rpc_url, home / "deployments", None, f"dir:{home / 'blobs'}", home)
    options = JoinOptions(
        wallet=wallet,
        password_file=None,
        dataset=task,
        task=task,
        superlink=superlink,
        superlink_ca=home / "superlink-ca.pem",
        examples=None,
        yes=True,
    )
    seed = int.from_bytes(wallet.encode()[-4:], "little")
    take_part(
        network, options, lambda _manifest, _dataset: NoiseLearner(seed, NOISE_SCALE, examples)
    )


if __name__ == "__main__":
    run(main)
