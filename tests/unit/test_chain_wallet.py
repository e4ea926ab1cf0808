"""Keystores, passwords and dev wallets, and every mistake with them."""

from __future__ import annotations

import json
import logging
import stat
from pathlib import Path

import pytest

from zk0.chain.wallet import (
    create_keystore,
    find_keystore,
    open_wallet,
    read_password,
    recover_signer,
)
from zk0.errors import WalletError

PASSWORD = "correct horse battery staple"
FAST = 1 << 10
"""A scrypt work factor for tests; real keystores take 2^18."""


def refuse_to_ask(prompt: str) -> str:
    raise AssertionError(f"asked {prompt!r}, although the password was given")


@pytest.fixture(autouse=True)
def no_ambient_wallet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ZK0_PASSWORD", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture
def keystore(tmp_path: Path) -> Path:
    path = tmp_path / "keys" / "node.json"
    create_keystore(path, PASSWORD, work_factor=FAST)
    return path


def test_a_new_keystore_opens_with_its_password_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "new" / "wallet.json"
    address = create_keystore(path, PASSWORD, work_factor=FAST)
    wallet = open_wallet(str(path), 1, ask=lambda prompt: PASSWORD)
    assert wallet.address == address == address.lower()
    assert not wallet.is_dev
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_keystore_is_never_replaced(keystore: Path) -> None:
    before = keystore.read_bytes()
    with pytest.raises(WalletError, match="exists"):
        create_keystore(keystore, PASSWORD, work_factor=FAST)
    assert keystore.read_bytes() == before


def test_a_keystore_needs_a_password(tmp_path: Path) -> None:
    with pytest.raises(WalletError, match="not empty"):
        create_keystore(tmp_path / "k.json", "")
    assert not (tmp_path / "k.json").exists()


def test_a_wrong_password_is_named_as_such_and_never_shown(keystore: Path) -> None:
    with pytest.raises(WalletError, match="wrong password") as caught:
        open_wallet(str(keystore), 1, ask=lambda prompt: "hunter2")
    assert str(keystore) in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_the_password_comes_from_the_file_before_the_environment_before_the_prompt(
    keystore: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "password"
    file.write_text(PASSWORD + "\n")
    monkeypatch.setenv("ZK0_PASSWORD", "wrong")
    opened = open_wallet(str(keystore), 1, password_file=file, ask=refuse_to_ask)
    monkeypatch.setenv("ZK0_PASSWORD", PASSWORD)
    assert open_wallet(str(keystore), 1, ask=refuse_to_ask) == opened
    monkeypatch.delenv("ZK0_PASSWORD")
    assert open_wallet(str(keystore), 1, ask=lambda prompt: PASSWORD) == opened


def test_a_missing_password_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(WalletError, match="nowhere"):
        read_password("? ", password_file=tmp_path / "nowhere")


def test_without_a_terminal_the_ways_to_give_a_password_are_named(
    keystore: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    with pytest.raises(WalletError, match="--password-file, set ZK0_PASSWORD"):
        open_wallet(str(keystore), 1)


def test_a_missing_keystore_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(WalletError, match=r"no keystore nobody nor .*/\.foundry/keystores/nobody"):
        find_keystore("nobody")
    with pytest.raises(WalletError, match=r"no keystore .*/gone\.json: check --wallet"):
        find_keystore(str(tmp_path / "gone.json"))


def test_a_bare_name_is_one_of_foundrys_keystores(keystore: Path, tmp_path: Path) -> None:
    folder = tmp_path / "home" / ".foundry" / "keystores"
    folder.mkdir(parents=True)
    stored = folder / "alice"
    stored.write_bytes(keystore.read_bytes())
    assert find_keystore("alice") == stored
    opened = open_wallet("alice", 1, ask=lambda prompt: PASSWORD)
    assert opened == open_wallet(str(keystore), 1, ask=lambda prompt: PASSWORD)


def test_damaged_and_foreign_files_are_told_apart_from_a_wrong_password(
    keystore: Path, tmp_path: Path
) -> None:
    whole = json.loads(keystore.read_text())
    hollow = {**whole, "crypto": {**whole["crypto"], "kdfparams": {}}}
    odd = {**whole, "crypto": {**whole["crypto"], "kdf": "rot13"}}
    no_cipher = {k: v for k, v in whole.items() if k != "crypto"}
    not_hex = {**whole, "crypto": {**whole["crypto"], "ciphertext": "zz"}}
    cases = {
        "empty": b"",
        "truncated": keystore.read_bytes()[:-40],
        "binary": bytes(range(256)),
        "list": b"[1, 2]",
        "other version": json.dumps({**whole, "version": 2}).encode(),
        "hollow": json.dumps(hollow).encode(),
        "odd": json.dumps(odd).encode(),
        "no cipher": json.dumps(no_cipher).encode(),
        "not hex": json.dumps(not_hex).encode(),
    }
    for name, content in cases.items():
        path = tmp_path / f"{name}.json"
        path.write_bytes(content)
        with pytest.raises(WalletError) as caught:
            open_wallet(str(path), 1, ask=lambda prompt: PASSWORD)
        assert "wrong password" not in str(caught.value), name
        assert name in str(caught.value)


def test_dev_wallets_are_anvils_accounts() -> None:
    first, second = open_wallet("dev:0", 31337), open_wallet("dev:1", 31337)
    assert first.address == "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"
    assert second.address == "0x70997970c51812dc3a010c7d01b50e0d17dc79c8"
    assert first.is_dev


@pytest.mark.parametrize("chain_id", [1, 31336, 11155111, 8453])
def test_a_dev_wallet_is_refused_off_the_devnet(chain_id: int) -> None:
    with pytest.raises(WalletError, match="everybody knows its key"):
        open_wallet("dev:0", chain_id)


@pytest.mark.parametrize("name", ["dev:", "dev:x", "dev:-1", "dev:1.5", "dev:12345678"])
def test_a_malformed_dev_wallet_says_what_is_expected(name: str) -> None:
    with pytest.raises(WalletError, match="expected dev:N"):
        open_wallet(name, 31337)


def test_no_representation_shows_the_key(caplog: pytest.LogCaptureFixture) -> None:
    wallet = open_wallet("dev:0", 31337)
    key = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("zk0").info("%s %r", wallet, wallet)
    shown = f"{wallet} {wallet!r} {[wallet]} {caplog.text}"
    assert wallet.address in shown
    assert key not in shown.lower()
    assert "account" not in repr(wallet).lower()


def test_a_signature_recovers_to_its_signer_in_one_form_only() -> None:
    wallet, message = open_wallet("dev:0", 31337), b"\x05" * 32
    signature = wallet.sign_hash(message)
    assert recover_signer(message, signature) == wallet.address
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    high_s = order - int.from_bytes(signature[32:64], "big")
    twin = signature[:32] + high_s.to_bytes(32, "big") + bytes([55 - signature[64]])
    assert recover_signer(message, twin) is None
    assert recover_signer(message, signature[:64] + bytes([signature[64] - 27])) is None
    assert recover_signer(message[:31], signature) is None
    assert recover_signer(message, bytes(64) + b"\x1b") is None
