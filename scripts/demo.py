"""`scripts/demo`: see `zk0.demo`."""

from __future__ import annotations

import signal
from pathlib import Path
from types import FrameType

import click

from zk0.console import run, start_logging
from zk0.demo.run import DemoOptions, run_demo


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@click.command()
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True)
@click.option("--outputs", type=click.Path(path_type=Path), default=Path("outputs"))
@click.option(
    "--circuit",
    type=click.Choice(["alignment-960", "alignment-3840"]),
    default="alignment-3840",
    show_default=True,
)
@click.option(
    "--evaluate-every", type=click.IntRange(0), default=1, show_default=True, help="0: never."
)
def main(rounds: int, outputs: Path, circuit: str, evaluate_every: int) -> None:
    """A devnet, three honest nodes and a freeloader on this machine."""
    start_logging()
    # Also SIGINT: a shell starts background jobs with it ignored, and then Python leaves it so.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    run_demo(DemoOptions(outputs.resolve(), rounds, circuit, evaluate_every))


if __name__ == "__main__":
    run(main)
