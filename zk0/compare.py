"""`zk0 compare`: one way to train against another, on the same data, steps and seeds."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import click

from zk0.console import json_option, print_json

ARMS = ("verified", "flower", "centralised")


@click.command()
@click.argument("first", type=click.Choice(ARMS), default="verified")
@click.argument("second", type=click.Choice(ARMS), default="centralised")
@click.option(
    "--policy",
    type=click.Choice(["toy", "tiny"]),
    default="toy",
    show_default=True,
    help="A linear control-plane policy, or the embedded tiny SmolVLA on the embedded data.",
)
@click.option("--nodes", type=click.IntRange(1, 63), default=3, show_default=True)
@click.option("--poisoned", type=click.IntRange(0), default=0, help="Of the nodes, send −3·update.")
@click.option("--strategy", default="fedavg", show_default=True, help="Of the verified rounds.")
@click.option("--rounds", type=click.IntRange(1), default=10, show_default=True)
@click.option("--seeds", type=click.IntRange(2), default=5, show_default=True, help="How many.")
@click.option(
    "--outputs", type=click.Path(path_type=Path), default=Path("outputs"), show_default=True
)
@json_option
def compare(
    first: str,
    second: str,
    policy: str,
    nodes: int,
    poisoned: int,
    strategy: str,
    rounds: int,
    seeds: int,
    outputs: Path,
    as_json: bool,
) -> None:
    """Compare FIRST with SECOND: `verified` rounds, plain `flower`, or `centralised` training.

    In one process, without a chain. Writes comparison.json and comparison.png into a folder of
    its own below --outputs.
    """
    from zk0.errors import StorageError
    from zk0.experiments import compare as comparing
    from zk0.experiments.chart import draw_comparison
    from zk0.experiments.setting import make_setting

    setting = make_setting(policy, nodes=nodes, strategy=strategy, poisoned=poisoned)
    found = comparing.compare(
        setting,
        first,
        second,
        rounds=rounds,
        seeds=range(seeds),
        show=lambda line: click.echo(line, err=True),
    )
    value = {
        "policy": policy,
        "nodes": nodes,
        "poisoned": poisoned,
        "strategy": strategy,
        **found.to_json(),
    }
    folder = outputs / datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    try:
        folder.mkdir(parents=True)
        (folder / "comparison.json").write_text(json.dumps(value, indent=2) + "\n")
    except OSError as error:
        raise StorageError(f"cannot write into {folder}: {error.strerror}") from error
    wrong = f", {poisoned} poisoned" if poisoned else ""
    title = f"{policy}, {nodes} nodes{wrong}, {strategy}, {seeds} seeds"
    draw_comparison(found, title, folder / "comparison.png")
    if as_json:
        print_json({"folder": str(folder), **value})
    else:
        click.echo(comparing.format_comparison(found))
        click.echo(f"comparison.json and comparison.png in {folder}")
