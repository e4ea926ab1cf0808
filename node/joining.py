"""Takes part in a network from joining on chain to being stopped."""

from __future__ import annotations

import logging
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from node import bootstrap
from node.pipeline import NodePipeline
from node.registration import join, plan_registration
from zk0.config import NetworkManifest
from zk0.console import NetworkOptions, confirm
from zk0.errors import TransportError
from zk0.learning.federation import DatasetSettings, choose_dataset
from zk0.ports import Learner

log = logging.getLogger(__name__)

INTERRUPTED = 130
CA_WAIT_S = 120.0
MakeLearner = Callable[[NetworkManifest, DatasetSettings], Learner]


@dataclass(frozen=True, slots=True)
class JoinOptions:
    """What `zk0-node join` is told beyond the network."""

    wallet: str
    password_file: Path | None
    dataset: str
    """An address, or a client of `federation`."""
    task: str | None
    superlink: str
    superlink_ca: Path
    examples: int | None
    yes: bool
    federation: Path | None = None
    """TOML file with [tool.zk0.datasets]."""
    device: str | None = None
    """Where training runs; by default the fastest that is there."""


def take_part(
    network: NetworkOptions,
    options: JoinOptions,
    make_learner: MakeLearner | None = None,
) -> None:
    """Join if need be, then answer the coordinator until SIGINT or SIGTERM.

    Everything that a user can have got wrong is found before anything is written on chain.
    """
    dataset = choose_dataset(options.dataset, options.federation)
    tools = bootstrap.open_tools(network, options.wallet, options.password_file)
    ledger = tools.ledger
    task = bootstrap.find_task(ledger.network, dataset, options.task)
    make_learner = make_learner or partial(bootstrap.make_learner, device=options.device)
    learner = make_learner(tools.manifest, dataset)
    size = min(learner.num_examples, options.examples or learner.num_examples)
    plan = plan_registration(ledger, task, size)
    _wait_for_ca(options.superlink_ca)
    if plan is not None:
        confirm(
            f"Join {ledger.network.registry} on chain {ledger.network.chain_id} as "
            f"{ledger.account} with {size} examples and a bond of {plan.bond_wei} wei?",
            options.yes,
        )
        join(ledger, plan, lambda: bootstrap.load_node_key(tools.home))
    pipeline = bootstrap.make_pipeline(tools, learner)
    pipeline.prepare()
    _serve(tools, pipeline, options)


def _serve(tools: bootstrap.NodeTools, pipeline: NodePipeline, options: JoinOptions) -> None:
    stopping: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _frame: stopping.append(received))
    with tempfile.TemporaryDirectory(prefix="zk0-node-") as scratch:
        service, on_idle = bootstrap.make_service(
            tools, pipeline, options.superlink, options.superlink_ca, Path(scratch)
        )
        log.info("%s takes part; stop with Ctrl-C", tools.ledger.account)
        try:
            service.serve(lambda: bool(stopping), on_idle)
        finally:
            service.stop()
    if stopping[:1] == [signal.SIGINT]:
        sys.exit(INTERRUPTED)


def _wait_for_ca(ca: Path) -> None:
    """A coordinator that starts at the same time writes its certificate after a few seconds.

    Raises:
        TransportError: it is not there in time.
    """
    end = time.monotonic() + CA_WAIT_S
    if not ca.exists():
        log.info("waiting for the coordinator's certificate in %s", ca)
    while not ca.exists():
        if time.monotonic() > end:
            raise TransportError(
                f"expected the SuperLink's CA certificate in {ca}, none in {CA_WAIT_S:.0f} s: "
                "start the coordinator, or give the file that it hands out with --superlink-ca; "
                "nothing was written on chain"
            )
        time.sleep(0.5)
