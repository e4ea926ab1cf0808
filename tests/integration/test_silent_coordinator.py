"""Anvil: the coordinator closes commits and is not heard of again; its nodes draw and sample."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from circuits.catalog import get_circuit
from circuits.prover import EzklProver
from node.drawing import DRAW_AFTER_BLOCKS, OVERTAKEN
from node.home import NodeHome
from node.pipeline import NodePipeline
from node.runner import NodeRunner
from tests.doubles.world import MANIFEST, PARAMETERS, SHAPE
from zk0.chain.deploy import NetworkPlan, deploy_network
from zk0.chain.devnet import DevnetOptions, start_devnet
from zk0.chain.ledger import ChainLedger, connect
from zk0.chain.transactions import SendPolicy
from zk0.chain.wallet import open_wallet
from zk0.learning.linear import LinearLearner
from zk0.ports import Cid
from zk0.protocol.checkpoint import (
    NO_PARENT,
    NO_REGISTRY,
    Checkpoint,
    CheckpointMetadata,
    read_checkpoint,
)
from zk0.protocol.round import Phase
from zk0.protocol.statement import Digest
from zk0.provers import Provers

CIRCUIT = get_circuit("alignment-960")
TASKS = ("lift", "place")
RULES = replace(PARAMETERS, collect_window_s=900, quorum=2)


def join(ledger: ChainLedger, task: str, root: Path) -> tuple[NodePipeline, NodeRunner]:
    learner = LinearLearner(task, SHAPE)
    size = learner.num_examples
    ledger.join(
        task=TASKS.index(task), dataset_size=size, node_key=task.encode(),
        bond_wei=ledger.network.compute_bond_wei(size),
    )  # fmt: skip
    home = NodeHome.of(root, 31337, ledger.network.registry, ledger.account)
    provers = Provers(lambda _circuit: EzklProver(CIRCUIT, chain_id=31337))
    pipeline = NodePipeline(
        ledger=ledger, provers=provers, learner=learner, manifest=MANIFEST, home=home
    )
    return pipeline, NodeRunner(pipeline, ledger, home.root, poll_s=0)


def test_the_nodes_of_a_silent_coordinator_draw_and_commit_their_samples(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    genesis_file = tmp_path / "genesis.safetensors"
    meta = CheckpointMetadata(0, NO_REGISTRY, 0, NO_PARENT, "linear", "all")
    genesis = Checkpoint(SHAPE.make_base(), meta).write(genesis_file)
    plan = NetworkPlan(
        circuit="alignment-960", circuit_id=CIRCUIT.circuit_id, sample_size=960, devnet_srs=True,
        owner=open_wallet("dev:0", 31337).address,
        coordinator=open_wallet("dev:1", 31337).address, tasks=TASKS, parameters=RULES,
        genesis=genesis, genesis_cid=Cid("bafkgenesis"),
        manifest=Digest(b"\x33" * 32), manifest_cid=Cid("bafkmanifest"),
    )  # fmt: skip
    with start_devnet(None, DevnetOptions(block_time_s=None)) as devnet:
        deployment = deploy_network(devnet.rpc_url, plan, tmp_path / "deployments")
        boss, *ledgers = (
            connect(
                devnet.rpc_url, deployment, open_wallet(f"dev:{i}", 31337), SendPolicy(poll_s=0.01)
            )
            for i in (1, 2, 3)
        )
        nodes = [
            join(ledger, task, tmp_path / task) for ledger, task in zip(ledgers, TASKS, strict=True)
        ]
        devnet.advance(1)
        boss.open_round(b"\x44" * 32)
        base = read_checkpoint(genesis_file)
        for pipeline, _ in nodes:
            pipeline.commit(1, pipeline.train(1, base, genesis))
        boss.close_commits(1)

        closing = boss.get_round(1).closing_block
        devnet.request("anvil_mine", hex(DRAW_AFTER_BLOCKS - 1))
        for _, runner in nodes:
            runner.on_idle()
        assert boss.get_round(1).phase is Phase.SAMPLING
        devnet.request("anvil_mine", hex(1))
        assert boss.get_block().number == closing + DRAW_AFTER_BLOCKS
        with caplog.at_level(logging.WARNING):
            for _ in range(2):
                for _, runner in nodes:
                    runner.on_idle()
        assert not [r for r in caplog.records if r.levelno >= logging.WARNING]
        round_ = boss.get_round(1)
        assert round_.phase is Phase.COLLECTING
        assert [c.sample_key is not None for c in round_.contributions] == [True, True]
        with pytest.raises(OVERTAKEN):
            ledgers[1].draw_sample(1)
        names = [event.name for event in boss.get_events(round_id=1)]
        assert names[-3:] == ["SampleDrawn", "SampleCommitted", "SampleCommitted"]
