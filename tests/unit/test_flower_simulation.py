"""The Flower app of a simulation, its messages carried by a function instead of Flower."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from flwr.app import Context, Message, RecordDict
from flwr.supercore.task_identity import TaskIdentity

from flower_simulation import client_app, server_app
from flower_simulation.options import Options
from zk0.errors import TransportError
from zk0.experiments.setting import make_setting
from zk0.experiments.simulation import Simulation

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _as_a_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flower's own processes know which task they run; messages take it from there."""
    for name in ("_task_id", "_run_id", "_node_id"):
        monkeypatch.setattr(TaskIdentity, name, 1)


class Grid:
    """Nodes 100, 101, …; `lost` ones do not answer."""

    def __init__(self, count: int, config: dict[str, Any], lost: Iterable[int] = ()) -> None:
        self._count = count
        self._config = config
        self._lost = set(lost)

    def get_node_ids(self) -> list[int]:
        return [100 + number for number in reversed(range(self._count))]

    def send_and_receive(self, messages: list[Message], *, timeout: float) -> list[Message]:
        return [self._answer(message) for message in messages if message.metadata.dst_node_id
                not in self._lost]  # fmt: skip

    def _answer(self, message: Message) -> Message:
        node = message.metadata.dst_node_id
        context = make_context(
            self._config, {"partition-id": node - 100, "num-partitions": self._count}
        )
        return client_app.app(message, context)


def make_context(config: dict[str, Any], node: dict[str, Any]) -> Context:
    return Context(run_id=1, node_id=1, node_config=node, state=RecordDict(), run_config=config)


def run(grid: Grid, config: dict[str, Any]) -> None:
    server_app.app(grid, make_context(config, {}))  # type: ignore[arg-type]


@pytest.mark.parametrize("strategy", ["fedavg", "fedadam"])
def test_flower_carries_the_same_rounds_bit_for_bit(tmp_path: Path, strategy: str) -> None:
    config = {"nodes": 4, "rounds": 2, "seed": 5, "strategy": strategy, "poisoned": 1}
    run(Grid(4, config), config | {"outputs": str(tmp_path / "rounds.jsonl")})
    lines = [json.loads(line) for line in (tmp_path / "rounds.jsonl").read_text().splitlines()]
    plain = Simulation(make_setting("toy", nodes=4, strategy=strategy, poisoned=1), 5).run(2)
    assert [line["checkpoint"] for line in lines] == [r.checkpoint for r in plain]
    assert [tuple(line["accepted"]) for line in lines] == [r.accepted for r in plain]


def test_a_node_that_does_not_answer_ends_the_run() -> None:
    config = {"nodes": 3, "rounds": 1}
    with pytest.raises(TransportError, match=r"expected answers of 3 members, found \[0, 2\]"):
        run(Grid(3, config, lost=[101]), config)


def test_too_few_nodes_end_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_app, "NODES_WITHIN_S", 0.0)
    with pytest.raises(TransportError, match="expected 5 nodes, found 2"):
        run(Grid(2, {}), {"nodes": 5})


def test_the_projects_file_names_the_apps_and_every_option() -> None:
    app = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["flwr"]["app"]
    assert Options.of(app["config"]) == Options()
    assert set(app["config"]) == set(Options.__dataclass_fields__)
    for name, module in (("serverapp", server_app), ("clientapp", client_app)):
        assert app["components"][name] == f"{module.__name__}:app"
    bundled = [path for pattern in app["fab-include"] for path in ROOT.glob(pattern)]
    assert {path.name for path in bundled} >= {"server_app.py", "client_app.py", "options.py"}
