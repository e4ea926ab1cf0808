from __future__ import annotations

import ssl
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from zk0.errors import ConfigError, TransportError
from zk0.learning.flower_keys import (
    compute_public_key_bytes,
    load_or_create_certificates,
    load_or_create_node_key,
    load_public_key,
)
from zk0.learning.flower_process import SupervisedCommand, read_last_words


def test_node_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "node_key"
    first = compute_public_key_bytes(load_or_create_node_key(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert compute_public_key_bytes(load_or_create_node_key(path)) == first
    assert len(first) == 120
    assert [entry.name for entry in path.parent.iterdir()] == ["node_key"]


def test_node_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "node_key"
    load_or_create_node_key(path)
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        load_or_create_node_key(path)


def test_file_that_is_no_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "node_key"
    path.write_text("not a key")
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="expected an OpenSSH private key"):
        load_or_create_node_key(path)


def test_key_of_a_wallet_is_no_node_key() -> None:
    wallet = ec.generate_private_key(ec.SECP256K1()).public_key()
    der = wallet.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(ConfigError, match="expected a P-384 node key"):
        load_public_key(der)
    with pytest.raises(ConfigError, match="expected a node key in DER"):
        load_public_key(b"anything")


def test_public_key_comes_back(tmp_path: Path) -> None:
    key = load_or_create_node_key(tmp_path / "node_key")
    assert load_public_key(compute_public_key_bytes(key)) == key.public_key()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_certificates_are_made_once_and_fit_together(tmp_path: Path, host: str) -> None:
    files = load_or_create_certificates(tmp_path, host)
    before = files.ca.read_bytes()
    assert load_or_create_certificates(tmp_path, host).ca.read_bytes() == before
    assert stat.S_IMODE(files.private_key.stat().st_mode) == 0o600
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.private_key)
    context.load_verify_locations(files.ca)


def test_last_words_are_those_of_the_last_start(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert read_last_words(log) == "nothing was logged"
    log.write_text(
        "INFO: Starting Flower SuperNode\nERROR : an old one\n"
        "INFO: Starting Flower SuperNode\nfine so far\n"
    )
    assert read_last_words(log) == "fine so far"
    with log.open("a") as stream:
        stream.write("\x1b[91mERROR \x1b[0m: Exit Code: 305\nFailed.\n\nRefused.\nShutting down\n")
    assert read_last_words(log) == "ERROR : Exit Code: 305 Failed. Refused."


def test_command_that_is_not_installed_is_named(tmp_path: Path) -> None:
    command = SupervisedCommand("flower-nothing", tmp_path / "log", list)
    with pytest.raises(TransportError, match="flower-nothing; install"):
        command.ensure_running()


def test_command_that_fails_is_not_started_again_at_once(tmp_path: Path) -> None:
    command = SupervisedCommand("flower-supernode", tmp_path / "log", lambda: ["--no-such-option"])
    assert command.ensure_running()
    assert isinstance(command.process, subprocess.Popen)
    command.process.wait()
    assert not command.ensure_running()
    assert not command.ensure_running()
    assert command.starts == 1
    command.stop()
