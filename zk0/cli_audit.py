"""`zk0 audit`: anyone's check of a finished round."""

from __future__ import annotations

import click

from zk0.console import NetworkOptions, json_option, network_options, print_json

EXIT_CODES = {"confirmed": 0, "refuted": 1, "unchecked": 3}
"""2 is for options that cannot be used."""


@click.command()
@network_options
@click.option(
    "--round", "round_id", type=click.IntRange(1), help="Which round.  [default: the newest]"
)
@click.option(
    "--skip-measurement",
    is_flag=True,
    help="Leave out losses, directions and shares: seconds instead of minutes, no policy needed.",
)
@json_option
def audit(
    options: NetworkOptions, round_id: int | None, skip_measurement: bool, as_json: bool
) -> int:
    """Compute a finished round again from what was published, and compare.

    Exit code 0: everything is confirmed; 1: something is refuted; 3: something could not be
    checked. What is refuted is a reason for `zk0 object`.
    """
    from auditor.bootstrap import audit_round
    from auditor.text import format_audit

    found = audit_round(options, round_id, measured=not skip_measurement)
    if as_json:
        print_json(found.to_json())
    else:
        click.echo(format_audit(found))
    return EXIT_CODES[found.verdict]
