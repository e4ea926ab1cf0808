"""Proving keys: too large to ship, so each machine derives its own once and keeps it."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from circuits.catalog import Circuit
from circuits.manifest import VERIFYING_KEY, compute_sha256
from circuits.process import run_worker
from zk0.errors import ArtifactError, ProverError, ProverTimeoutError

_KEY = "proving.key"
_DIGEST = "proving.key.sha256"
_POLL_S = 0.1


def get_cache_folder() -> Path:
    """`$ZK0_CACHE_DIR`, or `zk0` in the user's cache directory."""
    chosen = os.environ.get("ZK0_CACHE_DIR")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "zk0"


def get_proving_key(circuit: Circuit, srs: Path, cache: Path, time_limit_s: float) -> Path:
    """The circuit's proving key: from the cache if intact, otherwise derived now.

    Provers that start at once wait for the one that derives it. The key is keyed by
    CircuitId and moved into place as a whole, so a crash leaves none or a good one.

    Raises:
        ProverTimeoutError: not derived, or not released by another process, in time.
        ProverError: EZKL failed, or the folder cannot be written (a full disk).
        ArtifactError: the derived verifying key is not the circuit's.
    """
    folder = cache / "proving-keys" / circuit.circuit_id.hex()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _lock(folder / "lock", time_limit_s):
            if not _is_intact(folder):
                _derive(circuit, srs, folder, time_limit_s)
    except OSError as error:
        raise ProverError(
            f"the proving key of {circuit.manifest.name} cannot be kept in {folder} "
            f"({error.strerror}): make room, or set ZK0_CACHE_DIR to a folder that has some"
        ) from error
    return folder / _KEY


def _is_intact(folder: Path) -> bool:
    """A damaged key would make EZKL hang instead of fail."""
    key, digest = folder / _KEY, folder / _DIGEST
    if not (key.is_file() and digest.is_file()):
        return False
    return digest.read_text(encoding="ascii") == compute_sha256(key)


def _derive(circuit: Circuit, srs: Path, folder: Path, time_limit_s: float) -> None:
    workspace = folder / "unfinished"
    shutil.rmtree(workspace, ignore_errors=True)
    workspace.mkdir()
    key, verifying_key = workspace / _KEY, workspace / VERIFYING_KEY
    try:
        run_worker(
            "setup",
            time_limit_s,
            compiled=circuit.compiled,
            srs=srs,
            verifying_key=verifying_key,
            proving_key=key,
        )
        expected = circuit.manifest.artifacts[VERIFYING_KEY]
        found = compute_sha256(verifying_key)
        if found != expected:
            raise ArtifactError(
                f"the keys derived for {circuit.manifest.name} do not belong to its verifying "
                f"key: expected SHA-256 {expected}, found {found}; reinstall zk0 with the EZKL "
                f"version that the circuit names ({circuit.manifest.ezkl})"
            )
        (folder / _DIGEST).write_text(compute_sha256(key), encoding="ascii")
        key.replace(folder / _KEY)
    finally:
        shutil.rmtree(workspace, ignore_errors=True)


@contextmanager
def _lock(file: Path, time_limit_s: float) -> Iterator[None]:
    """An advisory lock that the system releases when its holder dies."""
    deadline = time.monotonic() + time_limit_s
    with file.open("w") as stream:
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as busy:
                if time.monotonic() > deadline:
                    raise ProverTimeoutError(
                        f"another process holds {file} for more than {time_limit_s:g} s: it is "
                        "deriving the same proving key; wait for it, or stop it"
                    ) from busy
                time.sleep(_POLL_S)
        yield
