"""A simulated round's notary on a devnet: commitments, or the whole protocol with proofs.

`CommitmentNotary` puts every update's digest on chain before the sample is drawn from a block
hash, and then gives the round up: nothing is proven, so the contract could not finalize it, and
checkpoints stay off chain. `ProofNotary` goes through to the finalized round.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from zk0.chain.batch import BatchedCall, DevnetBatch
from zk0.chain.deploy import NetworkPlan, deploy_network
from zk0.chain.devnet import DevnetOptions, start_devnet
from zk0.chain.ledger import ChainLedger, connect
from zk0.chain.transactions import SendPolicy
from zk0.chain.wallet import DEVNET_CHAIN_ID, open_dev_wallet
from zk0.errors import ConfigError
from zk0.experiments.seeds import Ending
from zk0.experiments.setting import Setting
from zk0.experiments.updates import Submission
from zk0.ports import Cid, Prover, PublishedChallenge
from zk0.protocol.challenge import Challenge, compute_mean_nano, pack_directions
from zk0.protocol.contribution import MissingReason, Outcome
from zk0.protocol.coordinators import CoordinatorRules
from zk0.protocol.round import Finalization
from zk0.protocol.statement import (
    Address,
    CircuitId,
    Commitment,
    Digest,
    Direction,
    compute_context,
)

POLL_S = 0.002
"""A devnet that mines at once has the receipt ready."""
POOL_ROOT = b"\x01" * 32
"""Of no tree: a simulation publishes no frames."""
OFF_CHAIN = Cid("simulation")
"""In place of a CID: a simulation stores nothing."""
ABORT_PENALTY_WEI = 1
"""A simulation that proves nothing gives up every round, and must not run out of bond by it."""


@dataclass
class CommitmentNotary:
    """Every update committed on chain, then the round given up."""

    coordinator: ChainLedger
    nodes: Sequence[ChainLedger]
    batch: DevnetBatch

    def __post_init__(self) -> None:
        self.chain_id = self.coordinator.network.chain_id
        self.registry = self.coordinator.network.registry

    def get_address(self, number: int) -> Address:
        return self.nodes[number].account

    def commit(self, round_id: int, submissions: Sequence[Submission]) -> bytes:
        boss = self.coordinator.account
        commits = [
            BatchedCall(s.node, "commitUpdate", (round_id, s.digest, s.num_examples, s.exponent))
            for s in submissions
        ]
        self.batch.send([BatchedCall(boss, "openRound", (POOL_ROOT,))])
        self.batch.send(commits)
        self.batch.send([BatchedCall(boss, "closeCommits", (round_id,))])
        self.batch.send([BatchedCall(boss, "drawSample", (round_id,))])
        return self.coordinator.get_round(round_id).sample_seed

    def seal(
        self,
        round_id: int,
        candidate: Digest,
        clip_shifts: Sequence[int],
        samples: Sequence[Direction],
    ) -> bytes:
        """Not on chain: from the round and the candidate."""
        text = b"challenge" + round_id.to_bytes(8, "big") + candidate
        return hashlib.sha256(text).digest()

    def judge(
        self, challenge: Challenge, samples: Sequence[Direction], admitted: Sequence[bool]
    ) -> Sequence[bool]:
        return admitted

    def finish(self, round_id: int, ending: Ending) -> None:
        self.batch.send([BatchedCall(self.coordinator.account, "abortRound", (round_id,))])


@dataclass
class ProofNotary(CommitmentNotary):
    """Samples, seal, challenge, proofs and checkpoints on chain, too."""

    prover: Prover

    def seal(
        self,
        round_id: int,
        candidate: Digest,
        clip_shifts: Sequence[int],
        samples: Sequence[Direction],
    ) -> bytes:
        seed = self.coordinator.get_round(round_id).sample_seed
        for node, sample in zip(self.nodes, samples, strict=True):
            node.commit_sample(round_id, seed, self.prover.compute_commitment(sample))
        here = [MissingReason.NONE] * len(self.nodes)
        self.coordinator.seal_round(round_id, candidate, clip_shifts, here)
        self.coordinator.draw_challenge(round_id)
        return self.coordinator.get_round(round_id).challenge_seed

    def judge(
        self, challenge: Challenge, samples: Sequence[Direction], admitted: Sequence[bool]
    ) -> Sequence[bool]:
        round_id, tasks = challenge.round_id, self.coordinator.network.tasks
        directions = challenge.directions
        commit = self.prover.compute_commitment
        keys: tuple[Commitment, ...] = tuple(commit(directions.tasks[t]) for t in tasks)
        self.coordinator.publish_challenge(
            PublishedChallenge(
                round_id,
                challenge.compute_digest(),
                OFF_CHAIN,
                directions.unit,
                compute_mean_nano(challenge.base_loss_nano),
                compute_mean_nano(challenge.candidate_loss_nano),
                commit(directions.common),
                keys,
                pack_directions(directions, tasks),
            )
        )
        entries = {c.node: c for c in self.coordinator.get_round(round_id).contributions}
        for node, sample in zip(self.nodes, samples, strict=True):
            task = directions.tasks[tasks[entries[node.account].task]]
            context = compute_context(self.chain_id, self.registry, round_id, node.account)
            result = self.prover.prove(directions.common, task, sample, context)
            node.prove_contribution(round_id, result.agreement, result.proof)
        round_ = self.coordinator.get_round(round_id)
        outcomes = {c.node: c.outcome for c in round_.contributions}
        return [outcomes[node.account] is Outcome.ACCEPTED for node in self.nodes]

    def finish(self, round_id: int, ending: Ending) -> None:
        report = hashlib.sha256(ending.checkpoint + round_id.to_bytes(8, "big")).digest()
        self.coordinator.finalize_round(
            round_id,
            Finalization(
                ending.checkpoint,
                OFF_CHAIN,
                Digest(report),
                OFF_CHAIN,
                ending.aggregate_loss_nano,
                ending.final_loss_nano,
                ending.harmful,
            ),
        )


@contextmanager
def open_notary(
    setting: Setting,
    genesis: Digest,
    *,
    circuit: str,
    circuit_id: CircuitId,
    prover: Prover | None,
) -> Iterator[CommitmentNotary]:
    """A devnet with a network for `setting`, every member registered.

    Args:
        prover: of `circuit`; None commits only.

    Raises:
        ConfigError: Foundry is missing, or more members than the devnet has wallets.
        ChainError: Anvil or the deployment failed.
    """
    count = len(setting.members)
    if count >= setting.parameters.max_nodes:
        raise ConfigError(f"a devnet takes {setting.parameters.max_nodes - 1} nodes, found {count}")
    options = DevnetOptions(block_time_s=None, accounts=count + 1)
    with TemporaryDirectory() as scratch, start_devnet(None, options) as devnet:
        owner = open_dev_wallet("dev:0", DEVNET_CHAIN_ID)
        tasks = tuple(sorted(setting.examiner.tasks))
        plan = NetworkPlan(
            circuit=circuit,
            circuit_id=circuit_id,
            sample_size=setting.sample_size,
            devnet_srs=True,
            owner=owner.address,
            coordinator=owner.address,
            tasks=tasks,
            parameters=setting.parameters,
            genesis=genesis,
            genesis_cid=OFF_CHAIN,
            manifest=setting.manifest.digest,
            manifest_cid=OFF_CHAIN,
            coordinator_rules=CoordinatorRules(penalty_wei=ABORT_PENALTY_WEI),
        )
        deployment = deploy_network(devnet.rpc_url, plan, Path(scratch))
        coordinator = connect(devnet.rpc_url, deployment, owner, SendPolicy(poll_s=POLL_S))
        wallets = [open_dev_wallet(f"dev:{i + 1}", DEVNET_CHAIN_ID) for i in range(count)]
        nodes = [coordinator.open_for(wallet) for wallet in wallets]
        for node, member in zip(nodes, setting.members, strict=True):
            size = member.learner.num_examples
            node.join(
                task=tasks.index(member.task),
                dataset_size=size,
                node_key=node.account.encode(),
                bond_wei=coordinator.network.compute_bond_wei(size),
            )
        # A round is for those who joined in an earlier second.
        devnet.advance(1)
        batch = DevnetBatch(devnet.rpc_url, deployment.registry)
        if prover is None:
            yield CommitmentNotary(coordinator, nodes, batch)
        else:
            yield ProofNotary(coordinator, nodes, batch, prover)
