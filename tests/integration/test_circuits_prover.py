"""The prover around EZKL: keys, time limits, other chains, damaged files, a full disk."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import ezkl
import numpy as np
import pytest

from circuits.build import Plan, build_circuit, compile_circuit
from circuits.catalog import Circuit, get_circuit, load_circuit
from circuits.keys import get_cache_folder, get_proving_key
from circuits.manifest import COMPILED, MANIFEST, SETTINGS, VERIFYING_KEY, compute_sha256
from circuits.process import run_worker
from circuits.prover import EzklProver
from circuits.verifier import ProofVerifier
from zk0.errors import ArtifactError, ProverError, ProverTimeoutError
from zk0.protocol.statement import Direction, Statement, compute_agreement

ROOT = Path(__file__).parents[2]
M, K = 16, 9
CHAIN_ID = 8453
"""Not the devnet: the small circuit takes the way of a real network, with a pinned SRS."""


@pytest.fixture(scope="module")
def srs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file: Path = tmp_path_factory.mktemp("srs") / "powers-of-tau"
    ezkl.gen_srs(str(file), K)
    return file


@pytest.fixture(scope="module")
def circuit(srs: Path, tmp_path_factory: pytest.TempPathFactory) -> Circuit:
    plan = Plan(f"alignment-{M}", M, K, srs, srs_kind="ceremony")
    built, _ = build_circuit(plan, tmp_path_factory.mktemp("built") / plan.name)
    return built


def make_arrays(size: int) -> tuple[Direction, Direction, Direction]:
    rng = np.random.default_rng(6)
    common, sample = rng.integers(-127, 128, (2, size)).astype(np.int8)
    return common, rng.integers(-1, 2, size).astype(np.int8), sample


def read_range_checks(settings: Path) -> list[list[int]]:
    return json.loads(settings.read_text())["required_range_checks"]


def list_workers() -> list[str]:
    """Command lines of this process's children that run EZKL."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            text, command = status.read_text(), status.with_name("cmdline").read_text()
        except OSError:
            continue  # It ended in between.
        if f"PPid:\t{os.getpid()}\n" in text and "worker.py" in command:
            found.append(command)
    return found


def test_a_real_round_proof_at_3840_is_verified_before_it_is_returned(tmp_path: Path) -> None:
    shipped = get_circuit("alignment-3840")
    prover = EzklProver(shipped, 31337, cache=tmp_path)
    common, task, sample = make_arrays(3840)
    result = prover.prove(common, task, sample, 2**248 - 1)
    assert result.agreement == compute_agreement(common, task, sample)
    statement = Statement(
        prover.compute_commitment(common),
        prover.compute_commitment(task),
        prover.compute_commitment(sample),
        result.agreement,
        2**248 - 1,
    )
    ProofVerifier(shipped, 31337).verify_proof(result.proof, statement)


def test_off_the_devnet_a_circuit_proves_with_its_pinned_srs(
    circuit: Circuit, srs: Path, tmp_path: Path
) -> None:
    prover = EzklProver(circuit, CHAIN_ID, srs_file=srs, cache=tmp_path)
    assert len(prover.prove(*make_arrays(M), 5).proof) == circuit.manifest.proof_size


def test_off_the_devnet_a_missing_srs_says_which_file_is_needed(circuit: Circuit) -> None:
    with pytest.raises(ArtifactError, match=f"k=9 with SHA-256 {circuit.manifest.srs_sha256}"):
        EzklProver(circuit, CHAIN_ID)


def test_off_the_devnet_another_srs_is_refused(circuit: Circuit, tmp_path: Path) -> None:
    other = tmp_path / "powers-of-tau"
    ezkl.gen_srs(str(other), K)
    with pytest.raises(ArtifactError, match=f"{circuit.manifest.srs_sha256}, found"):
        EzklProver(circuit, CHAIN_ID, srs_file=other)


def test_building_again_over_a_circuit_is_refused(circuit: Circuit, srs: Path) -> None:
    with pytest.raises(ArtifactError, match="would change its CircuitId"):
        build_circuit(Plan("alignment-16", M, K, srs), circuit.folder)


def test_provers_that_start_together_derive_the_key_once(
    circuit: Circuit, srs: Path, tmp_path: Path
) -> None:
    def derive(_: int) -> tuple[int, int]:
        key = get_proving_key(circuit, srs, tmp_path, 60).stat()
        return key.st_ino, key.st_mtime_ns

    with ThreadPoolExecutor(4) as pool:
        keys = set(pool.map(derive, range(4)))
    assert len(keys) == 1


@pytest.mark.parametrize("damage", ["altered", "truncated", "no digest", "interrupted"])
def test_a_damaged_cached_key_is_derived_again(
    circuit: Circuit, srs: Path, tmp_path: Path, damage: str
) -> None:
    key = get_proving_key(circuit, srs, tmp_path, 60)
    digest = compute_sha256(key)
    data = key.read_bytes()
    if damage == "altered":
        key.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    elif damage == "truncated":
        key.write_bytes(data[: len(data) // 2])
    elif damage == "no digest":
        key.with_name("proving.key.sha256").unlink()
    else:
        (key.parent / "unfinished").mkdir()
        key.replace(key.parent / "unfinished" / key.name)
    assert compute_sha256(get_proving_key(circuit, srs, tmp_path, 60)) == digest
    assert not (key.parent / "unfinished").exists()


def test_keys_of_another_circuit_are_not_cached(
    circuit: Circuit, srs: Path, tmp_path: Path
) -> None:
    # The manifest is consistent, but its verifying key is not the compiled circuit's.
    folder = Path(shutil.copytree(circuit.folder, tmp_path / "foreign"))
    (folder / VERIFYING_KEY).write_bytes(b"another circuit's key")
    digests = {**circuit.manifest.artifacts, VERIFYING_KEY: compute_sha256(folder / VERIFYING_KEY)}
    (folder / MANIFEST).write_bytes(replace(circuit.manifest, artifacts=digests).encode())
    foreign = load_circuit(folder)
    with pytest.raises(ArtifactError, match="do not belong to its verifying key"):
        get_proving_key(foreign, srs, tmp_path, 60)
    assert not list(tmp_path.rglob("proving.key"))


def plant_key(prover: EzklProver, compiled: Path, srs: Path) -> None:
    """Put the key of another setup into the cache, as if it were the circuit's."""
    key = prover.prepare()
    run_worker(
        "setup",
        60,
        compiled=compiled,
        srs=srs,
        verifying_key=key.with_name("other.vk"),
        proving_key=key,
    )
    key.with_name("proving.key.sha256").write_text(compute_sha256(key))


def test_a_proof_with_the_key_of_another_srs_is_not_returned(
    circuit: Circuit, srs: Path, tmp_path: Path
) -> None:
    """EZKL makes one and says nothing: only verification notices."""
    other = tmp_path / "other.srs"
    ezkl.gen_srs(str(other), K)
    prover = EzklProver(circuit, CHAIN_ID, srs_file=srs, cache=tmp_path)
    plant_key(prover, circuit.compiled, other)
    with pytest.raises(ProverError, match="verify failed"):
        prover.prove(*make_arrays(M), 5)


def test_a_proof_with_the_key_of_another_layout_hangs_and_is_killed(
    circuit: Circuit, srs: Path, tmp_path: Path
) -> None:
    plan = Plan(circuit.manifest.name, M, K, srs)
    while True:  # EZKL takes either order at random.
        compile_circuit(plan, tmp_path)
        if read_range_checks(tmp_path / SETTINGS) != read_range_checks(circuit.settings):
            break
    plant_key(EzklProver(circuit, CHAIN_ID, srs_file=srs, cache=tmp_path), tmp_path / COMPILED, srs)
    hasty = EzklProver(circuit, CHAIN_ID, srs_file=srs, cache=tmp_path, time_limit_s=3)
    with pytest.raises(ProverTimeoutError, match="prove did not end within 3 s"):
        hasty.prove(*make_arrays(M), 5)
    assert list_workers() == []


def test_a_prover_that_takes_too_long_is_killed(
    circuit: Circuit, srs: Path, tmp_path: Path
) -> None:
    EzklProver(circuit, CHAIN_ID, srs_file=srs, cache=tmp_path).prepare()
    hasty = EzklProver(circuit, CHAIN_ID, srs_file=srs, cache=tmp_path, time_limit_s=0.01)
    with pytest.raises(ProverTimeoutError, match=r"did not end within 0\.01 s and was stopped"):
        hasty.prove(*make_arrays(M), 5)
    assert list_workers() == []


@pytest.mark.timeout(25)  # Below the worker's own alarm, which would end it 30 s later.
def test_ezkl_hanging_for_ever_is_killed(circuit: Circuit, srs: Path, tmp_path: Path) -> None:
    endless = tmp_path / "proof.json"
    os.mkfifo(endless)  # Nobody ever writes to it.
    with pytest.raises(ProverTimeoutError, match="verify did not end"):
        run_worker(
            "verify",
            1.0,
            proof=endless,
            settings=circuit.settings,
            verifying_key=circuit.verifying_key,
            srs=srs,
        )
    assert list_workers() == []


def test_a_worker_whose_parent_died_ends_itself(
    circuit: Circuit, srs: Path, tmp_path: Path
) -> None:
    endless = tmp_path / "proof.json"
    os.mkfifo(endless)
    files = {
        "proof": endless,
        "settings": circuit.settings,
        "verifying_key": circuit.verifying_key,
        "srs": srs,
    }
    arguments = json.dumps({name: str(file) for name, file in files.items()})
    worker = ROOT / "circuits" / "worker.py"
    # Its alarm rings 30 s after the time limit.
    done = subprocess.run([sys.executable, "-P", str(worker), "verify", arguments, "-29"])
    assert done.returncode == -signal.SIGALRM


def test_a_key_that_takes_too_long_is_not_left_half_done(
    circuit: Circuit, srs: Path, tmp_path: Path
) -> None:
    with pytest.raises(ProverTimeoutError, match="setup did not end within"):
        get_proving_key(circuit, srs, tmp_path, 0.01)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["lock"]


def test_a_key_that_another_process_keeps_deriving_is_waited_for_only_so_long(
    circuit: Circuit, srs: Path, tmp_path: Path
) -> None:
    lock = tmp_path / "proving-keys" / circuit.circuit_id.hex() / "lock"
    lock.parent.mkdir(parents=True)
    script = (
        "import fcntl,sys; f=open(sys.argv[1],'w'); fcntl.flock(f,2); print(1,flush=1); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(lock)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        try:
            with pytest.raises(ProverTimeoutError, match="another process holds"):
                get_proving_key(circuit, srs, tmp_path, 0.3)
        finally:
            holder.kill()
    # The system released the dead holder's lock.
    assert get_proving_key(circuit, srs, tmp_path, 60).is_file()


def test_a_full_disk_is_one_sentence_and_leaves_no_key(
    circuit: Circuit, srs: Path, tmp_path: Path
) -> None:
    script = (
        "import resource, sys; from pathlib import Path\n"
        "from circuits.catalog import load_circuit; from circuits.keys import get_proving_key\n"
        "from zk0.errors import ProverError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "folder, srs, cache = map(Path, sys.argv[1:])\n"
        "try: get_proving_key(load_circuit(folder), srs, cache, 60)\n"
        "except ProverError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(circuit.folder), str(srs), str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=True,
    )
    assert done.stdout.startswith("EZKL's setup failed")
    assert done.stderr == ""
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["lock"]


def test_a_cache_that_cannot_be_written_is_named(
    circuit: Circuit, srs: Path, tmp_path: Path
) -> None:
    occupied = tmp_path / "cache"
    occupied.write_text("a file where a folder should be")
    with pytest.raises(ProverError, match=r"cannot be kept in .*set ZK0_CACHE_DIR"):
        get_proving_key(circuit, srs, occupied, 60)


def test_the_cache_is_where_the_user_or_the_system_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZK0_CACHE_DIR", "/somewhere")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert get_cache_folder() == Path("/somewhere")
    monkeypatch.delenv("ZK0_CACHE_DIR")
    assert get_cache_folder() == Path("/cache/zk0")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert get_cache_folder() == Path.home() / ".cache" / "zk0"


def test_importing_the_prover_loads_neither_torch_nor_ezkl() -> None:
    script = (
        "import json, sys, circuits.prover\n"
        "print(json.dumps([m for m in ('torch', 'ezkl', 'web3') if m in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert json.loads(done.stdout) == []
