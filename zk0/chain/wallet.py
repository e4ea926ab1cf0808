"""Wallets: encrypted keystores, and Anvil's accounts on the devnet. `docs/wallets.md`."""

from __future__ import annotations

import getpass
import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature
from eth_typing import Hash32
from eth_utils.exceptions import ValidationError

from zk0.errors import WalletError
from zk0.protocol.statement import Address

DEVNET_CHAIN_ID = 31337
PASSWORD_VARIABLE = "ZK0_PASSWORD"
DEV_MNEMONIC = "test test test test test test test test test test test junk"
"""Anvil's and Hardhat's default: everybody knows the keys."""
_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
_DEV_WALLET = re.compile(r"dev:(\d{1,6})")
_MAX_KEYSTORE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Wallet:
    """An account that signs. The key is in memory only, and in no representation."""

    address: Address
    is_dev: bool
    """Whether the whole world knows its key."""
    _account: LocalAccount = field(repr=False, compare=False)

    def sign_hash(self, message_hash: bytes) -> bytes:
        """r ‖ s ‖ v over 32 bytes; v is 27 or 28."""
        if len(message_hash) != 32:
            raise WalletError(f"expected a hash of 32 bytes to sign, found {len(message_hash)}")
        return bytes(self._account.unsafe_sign_hash(Hash32(message_hash)).signature)

    def sign_transaction(self, transaction: Mapping[str, Any]) -> bytes:
        """The signed raw transaction."""
        return bytes(self._account.sign_transaction(dict(transaction)).raw_transaction)


def open_wallet(
    name: str,
    chain_id: int,
    *,
    password_file: Path | None = None,
    ask: Callable[[str], str] | None = None,
) -> Wallet:
    """The wallet that `--wallet NAME` means.

    Args:
        name: a keystore file, a name in Foundry's keystore folder, or `dev:N`.
        chain_id: where it will sign; `dev:N` is refused unless this is the devnet's.
        password_file: holds the password; else ZK0_PASSWORD, else a prompt.
        ask: prompts for a secret; the terminal's prompt unless given.

    Raises:
        WalletError: missing, damaged, wrong password, or a dev wallet elsewhere.
    """
    if name.startswith("dev:"):
        return open_dev_wallet(name, chain_id)
    path = find_keystore(name)
    keystore = _read_keystore(path)
    password = read_password(f"Password for {path.name}: ", password_file=password_file, ask=ask)
    return _to_wallet(_decrypt(path, keystore, password), is_dev=False)


def open_dev_wallet(name: str, chain_id: int) -> Wallet:
    """Account N of Anvil's mnemonic for `dev:N`. Raises WalletError off chain id 31337."""
    match = _DEV_WALLET.fullmatch(name)
    if match is None:
        raise WalletError(f"expected dev:N with a number like dev:0, found {name!r}")
    if chain_id != DEVNET_CHAIN_ID:
        raise WalletError(
            f"{name} is for the devnet (chain id {DEVNET_CHAIN_ID}) only, this is chain "
            f"{chain_id}: everybody knows its key; give an encrypted keystore"
        )
    Account.enable_unaudited_hdwallet_features()
    key_path = f"m/44'/60'/0'/0/{match[1]}"
    return _to_wallet(Account.from_mnemonic(DEV_MNEMONIC, account_path=key_path), is_dev=True)


def create_keystore(path: Path, password: str, *, work_factor: int | None = None) -> Address:
    """Write a new key, encrypted (scrypt), to `path`, and read it back.

    Args:
        work_factor: scrypt's n, a power of two; the library's default (2^18) unless given.

    Raises:
        WalletError: the file exists, the password is empty, or the file cannot be written.
    """
    if not password:
        raise WalletError("a keystore needs a password that is not empty")
    account = Account.create()
    content = json.dumps(Account.encrypt(account.key, password, "scrypt", work_factor))
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        raise WalletError(f"{path} exists: give another name, a key is never replaced") from error
    except OSError as error:
        raise WalletError(f"cannot write the keystore {path}: {error.strerror}") from error
    wallet = _to_wallet(_decrypt(path, _read_keystore(path), password), is_dev=False)
    if wallet.address != account.address.lower():
        raise WalletError(f"{path} does not hold the key that was written to it: check the disk")
    return wallet.address


def find_keystore(name: str) -> Path:
    """The keystore file that `name` means: a path, or a name of Foundry's.

    Raises:
        WalletError: there is none; says where it was looked for.
    """
    path = Path(name).expanduser()
    if path.is_file():
        return path
    places = [path]
    if path.name == name:
        places.append(Path.home() / ".foundry" / "keystores" / name)
        if places[-1].is_file():
            return places[-1]
    looked = " nor ".join(str(place) for place in places)
    raise WalletError(f"there is no keystore {looked}: check --wallet, or create one")


def read_password(
    prompt: str,
    *,
    password_file: Path | None = None,
    ask: Callable[[str], str] | None = None,
) -> str:
    """A password from a file (its first line), else ZK0_PASSWORD, else a prompt.

    Raises:
        WalletError: the file cannot be read, or there is nobody to ask.
    """
    if password_file is not None:
        try:
            return password_file.read_text().split("\n", 1)[0].rstrip("\r")
        except (OSError, UnicodeDecodeError) as error:
            raise WalletError(f"cannot read the password file {password_file}") from error
    if (password := os.environ.get(PASSWORD_VARIABLE)) is not None:
        return password
    if ask is not None:
        return ask(prompt)
    if not sys.stdin.isatty():
        raise WalletError(
            f"the keystore needs a password: give --password-file, set {PASSWORD_VARIABLE}, or "
            "run this in a terminal"
        )
    return getpass.getpass(prompt)


def _read_keystore(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MAX_KEYSTORE_BYTES:
            raise WalletError(f"{path} is too large to be a keystore")
        keystore = json.loads(path.read_bytes())
    except OSError as error:
        raise WalletError(f"cannot read the keystore {path}: {error.strerror}") from error
    except ValueError as error:
        raise WalletError(f"{path} is not a keystore (JSON, version 3) or is damaged") from error
    if not isinstance(keystore, dict) or keystore.get("version") != 3:
        raise WalletError(f"{path} is not a keystore: expected an encrypted key, version 3")
    return keystore


def _decrypt(path: Path, keystore: dict[str, Any], password: str) -> LocalAccount:
    try:
        key = Account.decrypt(keystore, password)
    except ValueError as error:
        if "MAC" in str(error):
            raise WalletError(f"wrong password for {path}") from None
        raise WalletError(f"the keystore {path} is damaged: restore it from a copy") from None
    except (KeyError, TypeError, AttributeError, NotImplementedError):
        raise WalletError(f"the keystore {path} is damaged: restore it from a copy") from None
    account: LocalAccount = Account.from_key(key)
    return account


def _to_wallet(account: LocalAccount, *, is_dev: bool) -> Wallet:
    return Wallet(Address(account.address.lower()), is_dev, account)


def recover_signer(message_hash: bytes, signature: bytes) -> Address | None:
    """Who signed a 32-byte hash; None when the signature is malformed.

    Only the low-s form with v = 27 or 28 counts, as in contracts: one signature per message.
    """
    if len(signature) != 65 or len(message_hash) != 32 or signature[64] not in (27, 28):
        return None
    r, s = (int.from_bytes(part, "big") for part in (signature[:32], signature[32:64]))
    if s > _HALF_ORDER:
        return None
    try:
        signed = Signature(vrs=(signature[64] - 27, r, s))
        key = signed.recover_public_key_from_msg_hash(message_hash)
    except (BadSignature, ValidationError):
        return None
    return Address(key.to_address())
