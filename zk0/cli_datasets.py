"""`zk0 datasets`: look at data sets before anything is trained on them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zk0.console import NetworkOptions, json_option, network_options, print_json
from zk0.errors import ConfigError

if TYPE_CHECKING:
    from zk0.learning.federation import Federation
    from zk0.learning.inspection import Inspection
    from zk0.learning.pooled_statistics import FeatureStatistics
    from zk0.learning.robot import Robot

HAS_ERRORS = 2
HAS_WARNINGS = 1


@click.group()
def datasets() -> None:
    """Look at data sets before anything is trained on them."""


federation_option = click.option(
    "--federation",
    "federation_file",
    type=click.Path(path_type=Path),
    help="TOML file with [tool.zk0.datasets], instead of addresses.",
)


@datasets.command()
@click.argument("addresses", metavar="[ADDRESS]...", nargs=-1)
@federation_option
@click.option("--model", help="Compare with this policy: tiny, a folder or a hub id.")
@click.option(
    "--manifest",
    type=click.Path(path_type=Path),
    help="Compare with the policy of the network that has this manifest file.",
)
@click.option("--network", is_flag=True, help="Compare with the policy of the network on chain.")
@network_options
@click.option(
    "--pool",
    type=click.Path(path_type=Path),
    help="The coordinator's pool: no episode may be in it and in a data set.",
)
@click.option("--strict", is_flag=True, help="Exit with 1 for warnings, too.")
@click.option(
    "--convert",
    "target",
    type=click.Path(path_type=Path),
    help="Convert the one v2.1 ADDRESS (local:) into this new folder first.",
)
@json_option
def check(
    options: NetworkOptions,
    addresses: tuple[str, ...],
    federation_file: Path | None,
    model: str | None,
    manifest: Path | None,
    network: bool,
    pool: Path | None,
    strict: bool,
    target: Path | None,
    as_json: bool,
) -> None:
    """Check data sets: format, rate, cameras, times, values, episodes, duplicates.

    An ADDRESS is hf:OWNER/NAME[@REVISION], local:FOLDER, sim:TASK[@SEED] or an embedded
    data set's name. Nothing is written but the caches of downloads and recordings.

    Exit code 0: usable; 1: warnings, with --strict; 2: errors.
    """
    if target is not None:
        addresses = (_convert(addresses, federation_file, target),)
    federation = open_federation(addresses, federation_file)
    robot = _find_robot(federation, model, manifest, options if network else None)
    inspections = _inspect(federation, robot, pool)
    _print(inspections, robot, as_json)
    if any(inspection.errors for inspection in inspections):
        sys.exit(HAS_ERRORS)
    if strict and any(inspection.warnings for inspection in inspections):
        sys.exit(HAS_WARNINGS)


@datasets.command()
@click.argument("addresses", metavar="[ADDRESS]...", nargs=-1)
@federation_option
@click.option(
    "--part",
    "parts",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Statistics that another node computed of its own data; may be repeated.",
)
@click.option("--output", type=click.Path(path_type=Path), required=True, help="New file to write.")
@json_option
def statistics(
    addresses: tuple[str, ...],
    federation_file: Path | None,
    parts: tuple[Path, ...],
    output: Path,
    as_json: bool,
) -> None:
    """Pool the normalisation statistics of data sets into one file.

    A node runs it on its own data set and hands out the file; whoever founds the network
    pools those with --part. The result's digest goes into the network's manifest. Only
    training episodes count.
    """
    from zk0.learning.pooled_statistics import pool_statistics, read_part, write_pooled

    pooled = [read_part(part) for part in parts]
    if addresses or federation_file or not parts:
        federation = open_federation(addresses, federation_file)
        pooled += _compute_parts(federation, _find_robot(federation, None, None, None))
    result = pool_statistics(pooled)
    digest = write_pooled(output, result)
    count = next(iter(result.values())).count
    if as_json:
        print_json({"file": str(output), "sha256": digest.hex(), "frames": count})
    else:
        click.echo(f"{output}: {count} frames of {len(pooled)} data sets, sha256 {digest.hex()}")


def _compute_parts(
    federation: Federation, robot: Robot | None
) -> list[dict[str, FeatureStatistics]]:
    """The clients' own statistics. Raises DatasetError for a data set with an error."""
    import numpy as np

    from zk0.learning.pooled_statistics import FEATURES, compute_part
    from zk0.learning.rows import read_rows

    parts = []
    for inspection in _inspect(federation, robot):
        inspection.validate()
        if inspection.role == "client":
            columns = read_rows(inspection.root).columns
            kept = np.isin(columns["episode_index"], inspection.split.train)
            parts.append(compute_part({key: columns[key][kept] for key in FEATURES}))
    return parts


def open_federation(addresses: tuple[str, ...], file: Path | None) -> Federation:
    """The federation of the file, or one client for each address. Raises ConfigError."""
    from zk0.learning.federation import Federation, choose_dataset, load_federation

    if bool(addresses) == bool(file):
        raise ConfigError("expected either addresses of data sets or --federation FILE")
    if file is not None:
        return load_federation(file)
    return Federation(clients=[choose_dataset(address) for address in addresses])


def _convert(addresses: tuple[str, ...], file: Path | None, target: Path) -> str:
    from zk0.learning.conversion import convert_dataset
    from zk0.learning.sources import parse_source

    source = parse_source(addresses[0]) if len(addresses) == 1 and not file else None
    if source is None or source.scheme != "local":
        raise ConfigError("--convert takes exactly one address, local:<folder>")
    convert_dataset(Path(source.name).expanduser(), target)
    return f"local:{target}"


def _find_robot(
    federation: Federation,
    model: str | None,
    manifest: Path | None,
    options: NetworkOptions | None,
) -> Robot | None:
    """What the policy needs, if one is named; the options come before the federation's file."""
    from zk0.learning.robot import describe_robot

    if sum((model is not None, manifest is not None, options is not None)) > 1:
        raise ConfigError("expected at most one of --model, --manifest and --network")
    if manifest is not None:
        from zk0.config import parse_manifest

        try:
            model = parse_manifest(manifest.read_bytes()).model
        except OSError as error:
            raise ConfigError(f"cannot read {manifest}: {error.strerror}") from error
    if options is not None:
        from zk0.bootstrap import open_ledger, open_manifest
        from zk0.storage import open_store

        ledger = open_ledger(options)
        model = open_manifest(ledger.network, open_store(options.store), options.home).model
    model = model or federation.model
    return describe_robot(model) if model else None


def _inspect(
    federation: Federation, robot: Robot | None, pool: Path | None = None
) -> list[Inspection]:
    from zk0.learning.federation import choose_dataset
    from zk0.learning.inspection import inspect_dataset
    from zk0.learning.overlap import compare_datasets
    from zk0.learning.pool import find_tasks

    inspections = [inspect_dataset(client, robot) for client in federation.clients]
    unseen = list(federation.evaluation)
    if pool is not None:
        unseen += [choose_dataset(f"local:{folder}") for folder in find_tasks(pool)]
    inspections += [inspect_dataset(settings, robot, "evaluation") for settings in unseen]
    return compare_datasets(inspections)


def _print(inspections: list[Inspection], robot: Robot | None, as_json: bool) -> None:
    from zk0.learning.inspection_report import format_inspections, to_json

    if as_json:
        print_json({"datasets": [to_json(inspection) for inspection in inspections]})
        return
    click.echo(format_inspections(inspections))
    if robot is None:
        click.echo("not compared with a policy: give --model, --manifest or --network", err=True)
