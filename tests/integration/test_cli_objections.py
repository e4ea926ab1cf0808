"""A whole objection as it is typed: filed, rejected, left to expire, upheld, withdrawn."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import zk0.cli
from tests.doubles.payouts import BOND, COIN, PLAN, RULING_S, World, end_round, settle
from tests.ports.test_rewards import build_chain_world
from zk0.chain.deploy import deploy_network
from zk0.chain.devnet import DevnetOptions, start_devnet
from zk0.errors import ConfigError, Zk0Error
from zk0.rewards import show_time


@dataclass(frozen=True, slots=True)
class Setting:
    """A round on Anvil whose payout waits for objections, and the command line."""

    world: World
    round_id: int
    evidence: Path
    run: Callable[..., Result]


@pytest.fixture
def setting(tmp_path: Path) -> Iterator[Setting]:
    with start_devnet(None, DevnetOptions(block_time_s=None)) as devnet:
        deployment = deploy_network(devnet.rpc_url, PLAN, tmp_path / "deployments")
        world = build_chain_world(devnet, deployment)
        round_id = end_round(world, 1000, 1000, 1000)
        settle(world, round_id)
        evidence = tmp_path / "report.json"
        evidence.write_text("{}")

        def run(*arguments: str, answer: str | None = None) -> Result:
            options = ["--rpc-url", devnet.rpc_url, "--home", str(tmp_path)]
            found = CliRunner().invoke(zk0.cli.cli, [*arguments, *options], input=answer)
            if isinstance(found.exception, Zk0Error):
                raise found.exception
            return found

        yield Setting(world, round_id, evidence, run)


def test_an_objection_from_filing_to_the_bond(setting: Setting) -> None:
    run, evidence, rewards = setting.run, str(setting.evidence), setting.world.reader.rewards
    where = ("--round", str(setting.round_id))
    file = ("object", *where, "--wallet", "dev:6", "--evidence", evidence)

    asked = run(*file, answer="n\n")
    for said in ("objection 1 of 3", "a bond of 0.1 ETH", "lost if it is rejected", "[y/N]"):
        assert said in asked.stderr
    assert rewards.get_objection(setting.round_id) is None

    told = json.loads(run(*file, "--yes", "--json").stdout)
    assert (told["objection"], told["bond_wei"]) == (1, BOND)
    digest = "0x" + hashlib.sha256(b"{}").hexdigest()
    assert told["evidence"] == digest

    decide = ("rule", *where, "--objection", "1", "--yes")
    with pytest.raises(ConfigError, match="only the vault's judge"):
        run(*decide, "--uphold", "--wallet", "dev:0")
    with pytest.raises(ConfigError, match="--uphold or --reject"):
        run(*decide, "--wallet", "dev:7")
    rejected = run(*decide, "--reject", "--wallet", "dev:7").stdout
    settled = rewards.get_settlement(setting.round_id)
    assert settled is not None
    assert f"rejected: claims open at {show_time(settled.opens_at)}" in rejected

    again = ("object", *where, "--wallet", "dev:5", "--digest", digest, "--cid", told["cid"])
    assert "objection 2 to round 1 is filed" in run(*again, "--yes").stdout
    with pytest.raises(Zk0Error, match="a ruling is possible until"):
        run("expire-objection", *where, "--wallet", "dev:8", "--yes")
    setting.world.advance(RULING_S + 1)
    freed = run("expire-objection", *where, "--wallet", "dev:8", "--yes").stdout
    assert "zk0 withdraw-bond" in freed
    out = json.loads(run("withdraw-bond", "--wallet", "dev:5", "--yes", "--json").stdout)
    assert out["amount_wei"] == 2 * BOND
    with pytest.raises(ConfigError, match="no free bond"):
        run("withdraw-bond", "--wallet", "dev:5", "--yes")

    assert "objection 3" in run(*file, "--yes").stdout
    with pytest.raises(Zk0Error, match="round 1, 3, found --objection 1"):
        run(*decide, "--uphold", "--wallet", "dev:7")
    upheld = ("rule", *where, "--objection", "3", "--uphold", "--wallet", "dev:7")
    question = run(*upheld, answer="y\n")
    assert "go back to the pot" in question.stderr
    assert "is upheld" in question.stdout
    assert rewards.get_pot_wei() == COIN + BOND
    assert "0.4 ETH paid" in run("withdraw-bond", "--wallet", "dev:6", "--yes").stdout
    with pytest.raises(Zk0Error, match="pays nothing"):
        run(*file, "--yes")


def test_mistakes_are_one_sentence(setting: Setting) -> None:
    where = ("--round", str(setting.round_id), "--wallet", "dev:6", "--yes")
    with pytest.raises(ConfigError, match="expected a settled round, found --round 9"):
        setting.run("object", "--round", "9", "--wallet", "dev:6", "--digest", "00", "--cid", "c")
    with pytest.raises(ConfigError, match="--evidence FILE, or --digest and --cid"):
        setting.run("object", *where)
    with pytest.raises(ConfigError, match="expected --digest of 32 bytes, found 1"):
        setting.run("object", *where, "--digest", "0xab", "--cid", "c")
    with pytest.raises(ConfigError, match="expected --digest in hexadecimal"):
        setting.run("object", *where, "--digest", "lots", "--cid", "c")
    with pytest.raises(ConfigError, match="no open objection"):
        setting.run("expire-objection", *where)
