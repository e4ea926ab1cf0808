"""Every mistake that a user makes on a command line: one sentence, an exit code, nothing lost.

Real Anvil, real contracts, real data sets; one network serves all tests.
"""

from __future__ import annotations

import json
import logging
import resource
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import coordinator.cli
import node.cli
import zk0.cli
from zk0.chain.ledger import connect
from zk0.chain.wallet import create_keystore, open_dev_wallet
from zk0.console import run
from zk0.devnet import RunningNetwork, open_devnet
from zk0.networks import EMBEDDED

CLIS = {
    "zk0": zk0.cli.cli,
    "zk0-node": node.cli.cli,
    "zk0-coordinator": coordinator.cli.cli,
}
Invoke = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNetwork]:
    home = tmp_path_factory.mktemp("mistakes")
    with open_devnet(home, port=0, quorum=1, circuit="alignment-960", block_time_s=None) as running:
        yield running


@pytest.fixture
def invoke(
    network: RunningNetwork,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Invoke:
    """Run a command line in this process as its console script would."""

    def call(program: str, *arguments: str, **overrides: str) -> tuple[int, str, str]:
        options = {"--rpc-url": network.anvil.rpc_url, "--home": str(network.home)}
        options |= {"--" + k.replace("_", "-"): v for k, v in overrides.items()}
        flat = [x for pair in options.items() for x in pair]
        monkeypatch.setattr("sys.argv", [program, *arguments, *flat])
        handlers = logging.getLogger().handlers[:]
        try:
            with pytest.raises(SystemExit) as stopped:
                run(CLIS[program])
        finally:
            logging.getLogger().handlers = handlers
        out, err = capsys.readouterr()
        return int(stopped.value.code or 0), out, err

    return call


@dataclass(frozen=True)
class Before:
    """What a mistake must not change."""

    nodes: int
    balance: int


@pytest.fixture
def untouched(network: RunningNetwork) -> Iterator[None]:
    def look() -> Before:
        ledger = connect(network.anvil.rpc_url, network.deployment)
        account = open_dev_wallet("dev:5", 31337).address
        return Before(len(ledger.get_active_nodes()), ledger.get_balance_wei(account))

    before = look()
    yield
    assert look() == before


def assert_mistake(result: tuple[int, str, str], *expected: str, code: int | None = None) -> None:
    exit_code, out, err = result
    last = err.strip().splitlines()[-1]
    assert exit_code != 0 if code is None else exit_code == code
    assert last.startswith("error: ")
    assert "Traceback" not in err
    assert not out
    for words in expected:
        assert words in last


def join(invoke: Invoke, dataset: str, wallet: str = "dev:5", **more: str) -> tuple[int, str, str]:
    return invoke(
        "zk0-node", "join", "--yes", "--wallet", wallet, "--dataset", dataset,
        "--task", "touch", **more,
    )  # fmt: skip


@pytest.mark.usefixtures("untouched")
def test_no_rpc(invoke: Invoke) -> None:
    result = invoke("zk0", "history", rpc_url="http://127.0.0.1:1")
    assert_mistake(result, "http://127.0.0.1:1", code=1)


@pytest.mark.usefixtures("untouched")
def test_unknown_chain_id(invoke: Invoke, tmp_path: Path) -> None:
    result = invoke("zk0", "history", deployments=str(tmp_path))
    assert_mistake(result, "no deployment is known for chain id 31337", "--rpc-url")


@pytest.mark.usefixtures("untouched")
def test_wrong_registry_address(invoke: Invoke, network: RunningNetwork) -> None:
    nothing = invoke("zk0", "history", registry="0x" + "12" * 20)
    assert_mistake(nothing, "0x" + "12" * 20)
    other = invoke("zk0", "history", registry=network.deployment.node_registry)
    assert_mistake(other, network.deployment.node_registry)
    malformed = invoke("zk0", "history", registry="0x12")
    assert_mistake(malformed, "0x12")


@pytest.mark.usefixtures("untouched")
def test_wrong_password(invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create_keystore(tmp_path / "key.json", "right", work_factor=2)
    monkeypatch.setenv("ZK0_PASSWORD", "wrong-secret")
    code, out, err = join(invoke, "touch", wallet=str(tmp_path / "key.json"))
    assert_mistake((code, out, err), "password")
    assert "wrong-secret" not in err


@pytest.mark.usefixtures("untouched")
def test_missing_wallet(invoke: Invoke) -> None:
    assert_mistake(join(invoke, "touch", wallet="no-such-wallet"), "no-such-wallet", "--wallet")


@pytest.mark.usefixtures("untouched")
def test_too_little_balance(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = create_keystore(tmp_path / "poor.json", "pw", work_factor=2)
    monkeypatch.setenv("ZK0_PASSWORD", "pw")
    result = join(invoke, "touch", wallet=str(tmp_path / "poor.json"))
    assert_mistake(result, "needs a bond of 1000000000000000 wei", address, "fund it")


@pytest.mark.usefixtures("untouched")
def test_data_set_missing(invoke: Invoke, tmp_path: Path) -> None:
    assert_mistake(join(invoke, f"local:{tmp_path / 'nothing'}"), str(tmp_path / "nothing"))
    assert_mistake(join(invoke, "no-such-set"), "no-such-set", "local:<folder>")


@pytest.mark.usefixtures("untouched")
def test_data_set_damaged(invoke: Invoke, tmp_path: Path) -> None:
    copy = tmp_path / "touch"
    shutil.copytree(EMBEDDED / "datasets" / "touch", copy)
    for parquet in (copy / "data").rglob("*.parquet"):
        parquet.write_bytes(parquet.read_bytes()[:100])
    assert_mistake(join(invoke, f"local:{copy}"), str(copy))


def break_values(copy: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = copy / "data" / "chunk-000" / "file-000.parquet"
    table = pq.read_table(file)
    rows = table.column("action").to_pylist()
    rows[3][2] = float("nan")
    column = pa.array(rows, type=table.schema.field("action").type)
    position = table.schema.get_field_index("action")
    pq.write_table(table.set_column(position, "action", column), file)


def break_codec(copy: Path) -> None:
    for video in (copy / "videos").rglob("*.mp4"):
        video.write_bytes(video.read_bytes().replace(b"avc1", b"zzzz"))


def edit_info(copy: Path, old: str, new: str) -> None:
    file = copy / "meta" / "info.json"
    file.write_text(file.read_text().replace(old, new))


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (break_values, "action of frame 3 is not finite"),
        (break_codec, "has a codec that this PyAV cannot decode"),
        (lambda c: edit_info(c, '"gripper.pos"', '"gripper.pos", "tool.pos"'), "(6), found"),
        (lambda c: edit_info(c, "images.wrist", "images.side"), "rename or record"),
        (lambda c: edit_info(c, '"fps": 10,', '"fps": 30,'), "expected 10 frames a second"),
        (lambda c: edit_info(c, "v3.0", "v2.1"), "--push-to-hub=false"),
    ],
)
def test_data_set_that_does_not_fit(
    invoke: Invoke, tmp_path: Path, damage: Callable[[Path], None], message: str
) -> None:
    copy = tmp_path / "touch"
    shutil.copytree(EMBEDDED / "pool" / "touch", copy)
    damage(copy)
    assert_mistake(join(invoke, f"local:{copy}"), message)


@pytest.mark.usefixtures("untouched")
def test_federation_that_contradicts_itself_or_leaves_nothing(
    invoke: Invoke, tmp_path: Path
) -> None:
    file = tmp_path / "federation.toml"
    entry = "[[tool.zk0.datasets.clients]]\nname = '{}'\naddress = 'touch'\n"
    file.write_text(entry.format("a") + entry.format("b"))
    result = join(invoke, "a", federation=str(file))
    assert_mistake(result, "clients[1].address: expected episodes that no other", code=2)
    file.write_text(entry.format("a") + "eval_episodes = 20\n")
    assert_mistake(join(invoke, "a", federation=str(file)), "leaves none to train on")
    assert_mistake(join(invoke, "c", federation=str(file)), "expected a client of", code=2)
    assert_mistake(join(invoke, "touch", device="tpu"), "found 'tpu'", code=2)
    assert_mistake(join(invoke, "hf:no owner/x"), "expected hf:<owner>/<name>")


@pytest.mark.usefixtures("untouched")
def test_task_that_the_network_does_not_have(invoke: Invoke) -> None:
    result = invoke("zk0-node", "join", "--yes", "--wallet", "dev:5", "--dataset", "stack")
    assert_mistake(result, "['lift', 'place', 'touch']", "'stack'", "--task", code=2)


@pytest.mark.usefixtures("untouched")
def test_coordinator_with_another_wallet(invoke: Invoke) -> None:
    result = invoke("zk0-coordinator", "run-round", "--wallet", "dev:5")
    assert_mistake(
        result, "is not on the list of coordinators", open_dev_wallet("dev:5", 31337).address
    )


@pytest.mark.usefixtures("untouched")
def test_nothing_to_abort(invoke: Invoke) -> None:
    result = invoke("zk0-coordinator", "abort", "--wallet", "dev:0", "--yes")
    assert_mistake(result, "no round is running")


@pytest.mark.usefixtures("untouched")
def test_manifest_that_is_not_the_networks(
    invoke: Invoke, network: RunningNetwork, tmp_path: Path
) -> None:
    """A blob under the right name with other content."""
    blobs = tmp_path / "blobs"
    shutil.copytree(network.home / "blobs", blobs)
    ledger = connect(network.anvil.rpc_url, network.deployment)
    damaged = [p for p in blobs.rglob("*") if ledger.network.manifest_cid in p.name]
    for path in damaged:
        path.chmod(0o644)
        path.write_bytes(path.read_bytes() + b" ")
    assert damaged
    result = join(invoke, "touch", store=f"dir:{blobs}")
    assert_mistake(result, ledger.network.manifest_cid)


@pytest.mark.usefixtures("untouched")
def test_store_without_the_networks_files(invoke: Invoke, tmp_path: Path) -> None:
    assert_mistake(join(invoke, "touch", store=f"dir:{tmp_path / 'empty'}"), "bafk")
    assert_mistake(join(invoke, "touch", store="ftp://x"), "ftp://x", code=2)


def test_missing_or_altered_circuit_artifact(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import circuits.catalog
    import circuits.srs
    from circuits.catalog import ARTIFACTS_FOLDER, get_circuit_by_id

    copy = tmp_path / "artifacts"
    shutil.copytree(ARTIFACTS_FOLDER, copy)
    (copy / "alignment-960" / circuits.catalog.COMPILED).unlink()
    monkeypatch.setattr(
        "node.bootstrap.get_circuit_by_id", lambda circuit: get_circuit_by_id(circuit, copy)
    )
    monkeypatch.setattr("node.pipeline.NodePipeline.prove", lambda self, _round: self.prepare())
    result = invoke("zk0-node", "prove", "--round", "1", "--wallet", "dev:5")
    assert_mistake(result, "alignment-960", circuits.catalog.COMPILED)


def test_full_disk(tmp_path: Path) -> None:
    """A file-size limit stands in for a full disk: the update cannot be written, and is not."""
    from zk0.errors import StorageError
    from zk0.protocol.tensorfile import read_tensor_file, write_tensor_file

    tensors = dict(read_tensor_file(EMBEDDED / "models/tiny/genesis.safetensors").tensors)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
        with pytest.raises(StorageError, match="make room and start again, nothing is lost"):
            write_tensor_file(tmp_path / "update.safetensors", tensors, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert not list(tmp_path.iterdir())
    write_tensor_file(tmp_path / "update.safetensors", tensors, {})


def test_prove_without_a_commitment(invoke: Invoke, network: RunningNetwork) -> None:
    assert_mistake(
        invoke("zk0-node", "prove", "--round", "7", "--wallet", "dev:5"), "round", code=1
    )


def test_history_with_a_malformed_node(invoke: Invoke) -> None:
    assert_mistake(invoke("zk0", "history", "--node", "bob"), "'bob'", code=2)


def test_history_of_a_round_that_is_not_there(invoke: Invoke) -> None:
    assert_mistake(invoke("zk0", "history", "--round", "9"), "found --round 9", code=2)


def test_audits_of_what_is_not_there(invoke: Invoke) -> None:
    assert_mistake(invoke("zk0", "audit", "--round", "9"), "found --round 9", code=2)
    assert_mistake(invoke("zk0", "audit"), "expected a finalized round to audit, found none")


def test_history_and_status_read_what_is_there(invoke: Invoke) -> None:
    code, out, _ = invoke("zk0", "history", "--json")
    assert code == 0
    assert json.loads(out) == {"rounds": []}
    code, out, _ = invoke("zk0-node", "status", "--wallet", "dev:5", "--json")
    assert code == 0
    assert json.loads(out)["registration"] is None


def test_data_sets_are_checked_against_the_network_on_chain(invoke: Invoke) -> None:
    code, out, err = invoke("zk0", "datasets", "check", "sim:touch", "--network", "--json")
    assert code == 0
    assert json.loads(out)["datasets"][0]["findings"] == []
    assert "not compared" not in err


def test_a_doubled_data_set_is_a_warning_and_its_first_frames_are_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """LeRobot #1875; the data set's own tests hold the details."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from zk0.learning.datasets import load_dataset

    copy = tmp_path / "touch"
    shutil.copytree(EMBEDDED / "datasets" / "touch", copy)
    for parquet in (copy / "data").rglob("*.parquet"):
        table = pq.read_table(parquet)
        pq.write_table(pa.concat_tables([table, table]), parquet)
    doubled = load_dataset(f"local:{copy}")
    assert "912 rows but says 456 frames" in caplog.text
    assert len(doubled.train) == len(load_dataset("touch").train)


def test_joining_leaving_and_taking_the_bond_back(
    invoke: Invoke, network: RunningNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole life of a registration; serving is left out."""
    (network.home / "superlink-ca.pem").touch()
    monkeypatch.setattr("node.joining._serve", lambda *_: None)
    monkeypatch.setattr("node.pipeline.NodePipeline.prepare", lambda _self: None)
    assert join(invoke, "touch", wallet="dev:6")[0] == 0
    code, out, _ = invoke("zk0-node", "status", "--wallet", "dev:6", "--json")
    assert code == 0
    # The price of a seat: 359 examples alone would be less.
    assert json.loads(out)["registration"]["bond_wei"] == 10**15
    busy = json.loads(out)["node"]
    early = invoke("zk0-node", "retire", "--wallet", "dev:5", "--node", busy, "--yes")
    assert_mistake(early, "has let 0 rounds in a row pass", "after 20", code=1)
    again = join(invoke, "touch", wallet="dev:6")
    assert again[0] == 0
    other = invoke(
        "zk0-node", "join", "--yes", "--wallet", "dev:6", "--dataset", "lift", "--task", "lift"
    )
    assert_mistake(other, "registered for task touch", "not lift")
    assert invoke("zk0-node", "exit", "--wallet", "dev:6", "--yes")[0] == 0
    assert_mistake(invoke("zk0-node", "withdraw", "--wallet", "dev:6"))
    network.anvil.advance(31 * 86_400)
    assert invoke("zk0-node", "withdraw", "--wallet", "dev:6")[0] == 0


@pytest.mark.usefixtures("untouched")
def test_joining_before_there_is_a_coordinator(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bond is not put up for a network that nobody coordinates."""
    monkeypatch.setattr("node.joining.CA_WAIT_S", 0.1)
    result = join(invoke, "touch", superlink_ca=str(tmp_path / "ca.pem"))
    assert_mistake(result, "CA certificate in", "nothing was written on chain", code=1)


@pytest.mark.usefixtures("untouched")
def test_retiring_nobody(invoke: Invoke) -> None:
    nobody = invoke("zk0-node", "retire", "--wallet", "dev:5", "--node", "0x" + "12" * 20, "--yes")
    assert_mistake(nobody, "is not registered, so it has no seat to take", code=1)
    malformed = invoke("zk0-node", "retire", "--wallet", "dev:5", "--node", "0x12", "--yes")
    assert_mistake(malformed, "0x12")


def test_a_change_is_withdrawn_by_whoever_announced_it(
    invoke: Invoke, network: RunningNetwork
) -> None:
    nothing = invoke("zk0", "cancel-parameters", "0x12", "--wallet", "dev:0", "--yes")
    assert_mistake(nothing, "expected one announced change, found 0 of 0 (nothing)", code=2)
    for value in ("zMin=6", "zMin=7"):
        invoke("zk0", "propose-parameters", "--wallet", "dev:0", "--set", value, "--yes")
    found = json.loads(invoke("zk0", "parameters", "--json")[1])
    first, second = (a["operation"] for a in found["announced"])
    assert [a["follows"] for a in found["announced"]] == [None, first]
    assert found["newest_pending"] == second
    stranger = invoke("zk0", "cancel-parameters", first, "--wallet", "dev:6", "--yes")
    assert_mistake(stranger, "may not do this")
    code, out, _ = invoke("zk0", "cancel-parameters", first, "--wallet", "dev:0", "--yes")
    assert (code, out.startswith("withdrawn, ")) == (0, True)
    network.anvil.advance(60)
    lost = invoke("zk0", "execute-parameters", "--wallet", "dev:6", "--yes")
    assert_mistake(lost, "can never be carried out", "cancel-parameters", code=1)
    assert invoke("zk0", "cancel-parameters", second, "--wallet", "dev:0", "--yes")[0] == 0
    assert "nothing is announced" in invoke("zk0", "parameters")[1]


def test_a_change_of_the_rules_is_announced_shown_and_carried_out(
    invoke: Invoke, network: RunningNetwork
) -> None:
    stranger = invoke(
        "zk0", "propose-parameters", "--wallet", "dev:6", "--set", "zMin=5", "--yes"
    )  # fmt: skip
    assert_mistake(stranger, "may not do this")
    nothing = invoke("zk0", "execute-parameters", "--wallet", "dev:6", "--yes")
    assert_mistake(nothing, "expected one announced change, found 0", code=2)
    senseless = invoke("zk0", "propose-parameters", "--wallet", "dev:0", "--set", "zMin=0")
    assert_mistake(senseless, "zMin ≥ 1", code=2)
    change = ("--set", "zMin=5", "--set", "framesPerTask=16")
    code, out, _ = invoke("zk0", "propose-parameters", "--wallet", "dev:0", *change, "--yes")
    assert (code, out.startswith("announced, ")) == (0, True)
    _, out, _ = invoke("zk0", "parameters")
    assert "zMin 5, framesPerTask 16\n  possible from " in out
    early = invoke("zk0", "execute-parameters", "--wallet", "dev:6", "--yes")
    assert_mistake(early, "the chain's time is", "wait", code=1)
    network.anvil.advance(60)
    code, out, _ = invoke("zk0", "execute-parameters", "--wallet", "dev:6", "--yes")
    assert (code, out.startswith("rules 2 are in force")) == (0, True)
    found = json.loads(invoke("zk0", "parameters", "--json")[1])
    assert (found["version"], found["parameters"]["zMin"], found["announced"]) == (2, 5, [])
    assert found["timelock"] == network.deployment.timelock
