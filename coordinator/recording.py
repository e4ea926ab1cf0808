"""After each round: what people want to look at, written beside the protocol's own files."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from coordinator.home import CoordinatorHome
from coordinator.recording_options import RecordingPlan
from coordinator.summary import RoundSummary
from zk0.outputs.folder import OutputFolder
from zk0.outputs.history import EvaluatedRound, add_to_history, read_history
from zk0.outputs.hub import ModelHub
from zk0.outputs.trackers import Tracker, list_figures
from zk0.ports import Ledger, Tensors
from zk0.protocol.aggregation import aggregate
from zk0.protocol.checkpoint import read_checkpoint
from zk0.protocol.parameters import ParameterLayout
from zk0.protocol.round import Round
from zk0.protocol.statement import Address, Digest
from zk0.protocol.tensorfile import compute_file_digest
from zk0.protocol.update import read_update
from zk0.scoring import Evaluator, Score, Simulator

log = logging.getLogger(__name__)


class Recorder:
    """Writes one run's folder. Use as a context: leaving it saves the last round's model and,
    unless something went wrong, evaluates and publishes it."""

    def __init__(
        self,
        folder: OutputFolder,
        ledger: Ledger,
        home: CoordinatorHome,
        evaluator: Evaluator,
        plan: RecordingPlan,
        simulator: Simulator | None = None,
        trackers: Sequence[Tracker] = (),
        hub: ModelHub | None = None,
    ) -> None:
        self._folder = folder
        self._ledger = ledger
        self._home = home
        self._evaluator = evaluator
        self._simulator = simulator
        self._plan = plan
        self._trackers = trackers
        self._hub = hub
        self._count = 0
        self._newest: int | None = None
        self._evaluated: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self._newest is not None:
                self._finish(self._newest, interrupted=kind is not None)
        finally:
            for tracker in self._trackers:
                tracker.close()

    def _finish(self, round_id: int, *, interrupted: bool) -> None:
        self._save(round_id)
        if interrupted:
            return  # somebody waits for the end
        if self._plan.evaluate_every and self._evaluated != round_id:
            self._evaluate(round_id)
        if self._hub is not None and self._plan.push_to:
            folder = self._folder.get_model_folder(round_id)
            where = self._hub.upload(folder, self._plan.push_to, f"zk0 round {round_id}")
            log.info("round %d: pushed to %s", round_id, where)

    def record(self, summary: RoundSummary) -> None:
        """One finished round. Raises StorageError."""
        round_id = summary.round_id
        self._count += 1
        self._newest = round_id
        described = summary.to_json()
        report = self._home.report_file(round_id).read_bytes()
        self._folder.write_round(round_id, described, report)
        for contribution in described["contributions"]:
            name = self._name(contribution["node"])
            self._folder.write_client(name, round_id, {"round": round_id, **contribution})
        if self._is_due(self._plan.save_every):
            self._save(round_id)
        if self._is_due(self._plan.evaluate_every):
            self._evaluate(round_id)

    def _is_due(self, every: int) -> bool:
        return every > 0 and self._count % every == 0

    def _name(self, node: str) -> str:
        return self._plan.names.get(node.lower(), node)

    def _save(self, round_id: int) -> None:
        if self._folder.get_model_folder(round_id).exists():
            return
        digest = self._ledger.get_round(round_id).checkpoint
        tensors = self._read(digest, round_id)

        def save(partial: Path, final: Path) -> None:
            self._evaluator.save_model(tensors, partial, final)
            self._folder.write_json(partial / "zk0.json", self._describe_origin(digest, round_id))

        folder = self._folder.write_model(round_id, save)
        log.info("round %d: model in %s", round_id, folder)

    def _describe_origin(self, digest: Digest, round_id: int) -> dict[str, Any]:
        network = self._ledger.network
        return {
            "chain_id": network.chain_id,
            "registry": network.registry,
            "round": round_id,
            "checkpoint": digest.hex(),
        }

    def _read(self, digest: Digest, round_id: int) -> Tensors:
        """A checkpoint's tensors: the round's own file, or a base where the gate kept it."""
        file = self._home.checkpoint_file(round_id)
        if not file.exists() or compute_file_digest(file) != digest:
            file = self._home.base_file(digest.hex())
        return read_checkpoint(file, digest).tensors

    # --- evaluation ------------------------------------------------------------------------

    def _evaluate(self, round_id: int) -> None:
        start = time.monotonic()
        round_ = self._ledger.get_round(round_id)
        base = read_checkpoint(self._home.base_file(round_.base.hex()), round_.base).tensors
        if not read_history(self._folder):
            before = EvaluatedRound(round_id - 1, self._evaluator.evaluate(base), {})
            add_to_history(self._folder, before)
            self._write_evaluation(before, time.monotonic() - start)
            start = time.monotonic()
        model = self._read(round_.checkpoint, round_id)
        nodes = {
            self._name(node): self._evaluate_node(base, file, network_task)
            for node, file, network_task in self._find_updates(round_)
        }
        evaluated = EvaluatedRound(round_id, self._evaluator.evaluate(model), nodes)
        self._write_evaluation(evaluated, time.monotonic() - start)
        add_to_history(self._folder, evaluated)
        figures = list_figures(evaluated.model, evaluated.nodes)
        for tracker in self._trackers:
            tracker.log(round_id, figures)
        self._evaluated = round_id
        self._roll_out(round_id, model)

    def _find_updates(self, round_: Round) -> list[tuple[Address, Path, str]]:
        """Node, update file and task of every contribution that the seal counts."""
        tasks = self._ledger.network.tasks
        files = [
            (c.node, self._home.update_file(round_.round_id, c.node), tasks[c.task])
            for c in round_.available
        ]
        return [entry for entry in files if entry[1].exists()]

    def _evaluate_node(self, base: Tensors, file: Path, task: str) -> Mapping[str, Score]:
        """The base with this node's update alone, on the sets of the node's task."""
        update = read_update(file, ParameterLayout.of(base))
        own = aggregate(base, [update.digits], [1], [update.metadata.exponent])
        sets = [name for name, of in self._evaluator.sets.items() if of == task]
        return self._evaluator.evaluate(own, sets)

    def _write_evaluation(self, evaluated: EvaluatedRound, seconds: float) -> None:
        folder = self._folder.get_evaluation_folder(evaluated.round_id)
        content: dict[str, Any] = {
            "round": evaluated.round_id,
            "global": {name: score.to_json() for name, score in evaluated.model.items()},
            "nodes": {
                node: {name: score.to_json() for name, score in scores.items()}
                for node, scores in evaluated.nodes.items()
            },
            "seconds": round(seconds, 1),
        }
        self._folder.write_json(folder / "evaluation.json", content)
        log.info("round %d: evaluated in %.0f s", evaluated.round_id, seconds)

    def _roll_out(self, round_id: int, model: Tensors) -> None:
        if self._simulator is None or not self._plan.roll_out:
            return
        folder = self._folder.get_evaluation_folder(round_id)
        results = [
            self._simulator.roll_out(model, task, folder).to_json() for task in self._plan.roll_out
        ]
        self._folder.write_json(folder / "rollouts.json", {"round": round_id, "tasks": results})
