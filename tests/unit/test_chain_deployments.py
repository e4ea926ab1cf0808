"""Deployment files: read, compared with the shipped ABIs, and every mistake with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from zk0.chain.deployments import load_deployment, parse_address, read_deployment
from zk0.chain.interfaces import compute_abi_digest
from zk0.errors import ConfigError, WrongChainError

ENTRY: dict[str, Any] = {
    "abiDigest": compute_abi_digest(),
    "alignmentVerifier": "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512",
    "block": 7,
    "chainId": 31337,
    "circuit": "alignment-960",
    "circuitId": "0x" + "11" * 32,
    "contributionRegistry": "0xCf7Ed3AccA5a467e9e704C703E8D87F634fB0Fc9",
    "ezklVerifier": "0x5FbDB2315678afecb367f032d93F642f64180aa3",
    "nodeRegistry": "0x9fE46736679d2D9a65F0992F2272dE9f3c7fa6e0",
}


def write(folder: Path, entry: object, name: str = "31337.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(entry))
    return path


def test_a_deployment_is_read_with_addresses_in_lower_case(tmp_path: Path) -> None:
    write(tmp_path, ENTRY)
    found = load_deployment(tmp_path, 31337)
    assert found.registry == ENTRY["contributionRegistry"].lower()
    assert found.node_registry == ENTRY["nodeRegistry"].lower()
    assert (found.chain_id, found.block, found.circuit) == (31337, 7, "alignment-960")
    assert found.circuit_id == b"\x11" * 32


def test_a_network_may_have_a_reward_vault(tmp_path: Path) -> None:
    vault = "0xA51c1fc2f0D1a1b8494Ed1FE312d7C3a78Ed91C0"
    assert read_deployment(write(tmp_path, ENTRY)).reward_vault is None
    found = read_deployment(write(tmp_path, {**ENTRY, "rewardVault": vault}))
    assert found.reward_vault == vault.lower()
    with pytest.raises(ConfigError, match="address"):
        read_deployment(write(tmp_path, {**ENTRY, "rewardVault": ""}))


def test_an_unknown_chain_id_names_the_known_ones_and_what_to_do(tmp_path: Path) -> None:
    write(tmp_path, ENTRY)
    write(tmp_path, ENTRY, "8453.json")
    with pytest.raises(WrongChainError) as caught:
        load_deployment(tmp_path, 5)
    for said in ("chain id 5", "8453, 31337", "--rpc-url", "5.json", "--registry"):
        assert said in str(caught.value)
    with pytest.raises(WrongChainError, match="none"):
        load_deployment(tmp_path / "nowhere", 5)


def test_a_file_about_another_chain_is_refused(tmp_path: Path) -> None:
    write(tmp_path, ENTRY, "5.json")
    with pytest.raises(ConfigError, match="about chain id 31337, not 5"):
        load_deployment(tmp_path, 5)


def test_contracts_of_another_version_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, {**ENTRY, "abiDigest": "ab" * 32})
    with pytest.raises(ConfigError, match="install the version that the network runs"):
        read_deployment(path)


@pytest.mark.parametrize("key", ENTRY)
def test_a_file_that_lacks_an_entry_is_refused(tmp_path: Path, key: str) -> None:
    path = write(tmp_path, {k: v for k, v in ENTRY.items() if k != key})
    with pytest.raises(ConfigError, match=r"31337\.json is not a deployment file"):
        read_deployment(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"contributionRegistry": "0x12"},
        {"nodeRegistry": 5},
        {"circuitId": "0x1234"},
        {"circuitId": "0xzz"},
        {"block": "soon"},
        {"chainId": None},
    ],
)
def test_a_file_with_a_damaged_entry_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    path = write(tmp_path, {**ENTRY, **changes})
    with pytest.raises(ConfigError, match="is not a deployment file or is damaged"):
        read_deployment(path)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff\xfe"])
def test_a_file_that_is_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "31337.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="damaged"):
        read_deployment(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the deployment file"):
        read_deployment(tmp_path / "31337.json")


@pytest.mark.parametrize("text", ["", "0x", "12" * 20, "0x" + "g" * 40, "0x" + "1" * 41, None])
def test_what_is_no_address_is_refused(text: str | None) -> None:
    with pytest.raises(ConfigError, match="expected an address"):
        parse_address(text)
