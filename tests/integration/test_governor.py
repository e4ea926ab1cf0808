"""The governor's script, broadcast on Anvil: from one owner's timelock to the contributors'."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from eth_abi.abi import encode
from eth_hash.auto import keccak

from tests.doubles.transactions import send_unlocked
from tests.ports.test_ledger import PARAMETERS, PLAN, POOL, digest_of, make_challenge, point_of
from zk0.chain.deploy import deploy_network
from zk0.chain.deployments import Deployment
from zk0.chain.devnet import ROOT, Devnet, DevnetOptions, start_devnet
from zk0.chain.ledger import ChainLedger, connect
from zk0.chain.refusals import AccessControlUnauthorizedAccountError
from zk0.chain.transactions import SendPolicy
from zk0.chain.wallet import open_wallet
from zk0.governance import apply_changes
from zk0.protocol.contribution import MissingReason
from zk0.protocol.round import Finalization
from zk0.protocol.statement import Address, Agreement

SCRIPT = "scripts/deploy/DeployGovernor.s.sol"
DELAY_S = 60
ALWAYS_960 = "0x6103c05f5260205ff3"
"""A verifier that believes everything: whatever it is asked, it answers m."""
PROPOSER = keccak(b"PROPOSER_ROLE")
ADMINISTRATOR = bytes(32)


@dataclass(frozen=True)
class Site:
    """A network on Anvil, its owner and a stranger, and where the script gets its files."""

    devnet: Devnet
    deployment: Deployment
    owner: ChainLedger
    stranger: ChainLedger
    root: Path

    def run_script(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        config = {
            "contributionRegistry": self.deployment.registry,
            "timelock": self.deployment.timelock,
            "block": self.deployment.block,
            "timelockDelay": DELAY_S,
            "votingDelay": 10, "votingPeriod": 100, "quorumPercent": 20,
            "proposalThreshold": str(10**17), "minimumQuorum": str(10**18 + 1),
        }  # fmt: skip
        file = self.root / "governor.json"
        file.write_text(json.dumps(config))
        environment = {
            **os.environ,
            "ZK0_GOVERNOR_CONFIG": str(file),
            "FOUNDRY_BROADCAST": str(self.root / "broadcast"),
        }
        command = [str(ROOT / "scripts" / "forge"), "script", SCRIPT, *arguments]
        command += ["--rpc-url", self.devnet.rpc_url, "--broadcast", "--slow", "--unlocked"]
        command += ["--sender", self.owner.account, "--color", "never"]
        return subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )

    def get_created(self) -> dict[str, Address]:
        """What the script deployed, by name."""
        (written,) = self.root.glob("broadcast/DeployGovernor.s.sol/31337/run-latest.json")
        sent = json.loads(written.read_bytes())["transactions"]
        return {t["contractName"]: t["contractAddress"] for t in sent if "CREATE" in str(t)}

    def send(self, sender: Address, to: str, signature: str, *arguments: object) -> None:
        """One transaction from an account that Anvil has unlocked."""
        data = encode_call(signature, *arguments)
        call = {"from": sender, "to": to, "data": data, "gas": hex(1_000_000)}
        send_unlocked(self.devnet, call)

    def have_granted(self, role: bytes, account: Address) -> None:
        """What the owner could have the timelock do as long as it is the proposer."""
        timelock = self.deployment.timelock
        grant = bytes.fromhex(encode_call("grantRole(bytes32,address)", role, account)[2:])
        call = (timelock, 0, grant, bytes(32), bytes(32))
        kinds = "address,uint256,bytes,bytes32,bytes32"
        self.send(self.owner.account, timelock, f"schedule({kinds},uint256)", *call, DELAY_S)
        self.devnet.advance(DELAY_S)
        self.send(self.owner.account, timelock, f"execute({kinds})", *call)

    def may_propose(self, account: Address) -> bool:
        data = encode_call("hasRole(bytes32,address)", PROPOSER, account)
        asked = {"to": self.deployment.timelock, "data": data}
        return int(self.devnet.request("eth_call", asked, "latest"), 16) == 1


def encode_call(signature: str, *arguments: object) -> str:
    kinds = signature[signature.index("(") + 1 : -1].split(",")
    return "0x" + (keccak(signature.encode())[:4] + encode(kinds, arguments)).hex()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    root = tmp_path_factory.mktemp("governor")
    plan = replace(
        PLAN, parameters=replace(PARAMETERS, quorum=1), timelock_delay_s=DELAY_S, vault=None
    )
    with start_devnet(None, DevnetOptions(block_time_s=None)) as devnet:
        deployment = deploy_network(devnet.rpc_url, plan, root / "deployments")
        policy = SendPolicy(poll_s=0.01)
        owner, boss, node, stranger = (
            connect(devnet.rpc_url, deployment, open_wallet(f"dev:{i}", 31337), policy)
            for i in (0, 1, 2, 3)
        )
        file = root / "deployments" / "31337.json"
        verifier = json.loads(file.read_bytes())["alignmentVerifier"]
        devnet.request("anvil_setCode", verifier, ALWAYS_960)
        bond = node.network.compute_bond_wei(100)
        node.join(task=0, dataset_size=100, node_key=b"k", bond_wei=bond)
        devnet.advance(1)
        earn(boss, node, 1)
        earn(boss, node, 2)
        yield Site(devnet, deployment, owner, stranger, root)


def earn(boss: ChainLedger, node: ChainLedger, round_id: int) -> None:
    """A round whose only contribution is the node's: all of its votes are the node's."""
    candidate = digest_of(30 + round_id)
    boss.open_round(POOL)
    node.commit_update(round_id, digest_of(round_id), 100, -10)
    boss.close_commits(round_id)
    boss.draw_sample(round_id)
    node.commit_sample(round_id, node.get_round(round_id).sample_seed, point_of(1))
    boss.seal_round(round_id, candidate, [0], [MissingReason.NONE])
    boss.draw_challenge(round_id)
    challenge = make_challenge(round_id)
    boss.publish_challenge(challenge)
    node.prove_contribution(round_id, Agreement(50_000, 2000, 100_000, 9000), b"proof")
    loss = challenge.candidate_loss_nano
    boss.finalize_round(
        round_id,
        Finalization(candidate, "bafkcheckpoint", digest_of(99), "bafkreport", loss, loss),
    )


def test_the_governor_takes_the_owners_place_when_it_can_decide_and_nothing_else_waits(
    site: Site,
) -> None:
    deployed = site.run_script()
    assert deployed.returncode == 0, deployed.stderr
    created = site.get_created()
    governor, owner = created["ContributionGovernor"], site.owner.account
    assert not site.may_propose(governor)
    finish = ("--sig", "finish(address,address)", governor, owner)
    site.devnet.advance(DELAY_S)

    powerless = site.run_script(*finish)
    assert powerless.returncode != 0
    assert "ContributionGovernor_TooFewVotes" in powerless.stderr
    node = open_wallet("dev:2", 31337).address
    for round_id in (1, 2):
        site.send(node, created["ContributionVotes"], "mint(uint256,address)", round_id, node)
    site.devnet.advance(1)

    timelock = site.owner.open_timelock()
    timelock.announce(*apply_changes(site.owner.get_next_rules(), ("zMin=9",), None))
    (waiting,) = timelock.list_announced()
    crowded = site.run_script(*finish)
    assert crowded.returncode != 0
    assert "other operations are pending" in crowded.stderr
    assert waiting.operation.hex() in crowded.stdout
    timelock.cancel(waiting)

    roles = (
        (PROPOSER, site.stranger.account, "this account can propose or cancel too"),
        (ADMINISTRATOR, site.stranger.account, "this account administers the timelock"),
        (ADMINISTRATOR, owner, "this account administers the timelock"),
    )
    for role, account, refusal in roles:
        snapshot = site.devnet.request("evm_snapshot")
        site.have_granted(role, account)
        shared = site.run_script(*finish)
        assert shared.returncode != 0
        assert refusal in shared.stderr
        assert site.devnet.request("evm_revert", snapshot) is True

    finished = site.run_script(*finish)
    assert finished.returncode == 0, finished.stderr
    assert site.may_propose(governor)
    assert not site.may_propose(owner)
    with pytest.raises(AccessControlUnauthorizedAccountError):
        timelock.announce(*apply_changes(site.owner.get_next_rules(), ("zMin=9",), None))
