"""`zk0 datasets check` on real data sets, whole and broken; nothing is ever written."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from zk0.cli import cli
from zk0.config import NetworkManifest
from zk0.console import run
from zk0.errors import DatasetError
from zk0.learning.datasets import load_dataset
from zk0.learning.federation import DatasetSettings
from zk0.learning.normalization import load_statistics
from zk0.learning.sources import EMBEDDED
from zk0.networks import make_devnet_manifest

ROWS = "data/chunk-000/file-000.parquet"
EPISODES = "meta/episodes/chunk-000/file-000.parquet"
VIDEO = "videos/observation.images.wrist/chunk-000/file-000.mp4"
TOUCH = EMBEDDED / "pool" / "touch"
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def datasets(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run `zk0 datasets …` as its console script would: exit code, stdout, stderr."""

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["zk0", "datasets", *arguments])
        handlers = logging.getLogger().handlers[:]
        try:
            with pytest.raises(SystemExit) as stopped:
                run(cli)
        finally:
            logging.getLogger().handlers = handlers
        out, err = capsys.readouterr()
        return int(stopped.value.code or 0), out, err

    return call


@pytest.fixture
def check(datasets: Command) -> Command:
    return partial(datasets, "check")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the pool's `touch` episodes that a test may break."""
    shutil.copytree(TOUCH, tmp_path / "touch")
    return tmp_path / "touch"


def edit_info(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    file = folder / "meta" / "info.json"
    info = json.loads(file.read_text())
    change(info)
    file.write_text(json.dumps(info))


def edit_column(folder: Path, name: str, change: Callable[[list[Any]], None]) -> None:
    table = pq.read_table(folder / ROWS)
    values = table.column(name).to_pylist()
    change(values)
    column = pa.array(values, type=table.schema.field(name).type)
    position = table.schema.get_field_index(name)
    pq.write_table(table.set_column(position, name, column), folder / ROWS)


def list_files(folder: Path) -> dict[str, tuple[int, int]]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(p): (p.stat().st_mtime_ns, p.stat().st_size) for p in files}


def findings(out: str, position: int = 0) -> list[tuple[str, str]]:
    return [(f["level"], f["check"]) for f in json.loads(out)["datasets"][position]["findings"]]


def test_embedded_federation_is_fine(check: Command) -> None:
    example = str(Path(__file__).parents[2] / "examples" / "embedded.toml")
    code, out, _ = check("--federation", example, "--strict", "--json")
    assert code == 0
    datasets = {entry["name"]: entry for entry in json.loads(out)["datasets"]}
    assert list(datasets) == ["lift", "place", "touch", "stack"]
    assert datasets["touch"]["held_out_episodes"] == [16, 17, 18, 19]
    assert datasets["stack"]["role"] == "evaluation"
    assert len(datasets["stack"]["held_out_episodes"]) == 20
    assert all(entry["findings"] == [] for entry in datasets.values())


def test_table_names_cameras_codecs_and_ranges(check: Command) -> None:
    code, out, err = check("touch")
    assert code == 0
    assert "touch     client  v3.0    10   16+4      456     overhead,wrist  ok" in out
    assert "observation.images.wrist 64x64 h264" in out
    assert "action shoulder_pan.pos" in out
    assert "not compared with a policy" in err


def make_v21(folder: Path) -> None:
    edit_info(folder, lambda info: info.update(codebase_version="v2.1"))


def break_timestamps(folder: Path) -> None:
    def late(values: list[float]) -> None:
        values[5:10] = [value + 0.35 for value in values[5:10]]

    edit_column(folder, "timestamp", late)


def break_values(folder: Path) -> None:
    def spoil(rows: list[list[float]]) -> None:
        rows[3][2] = float("inf")

    edit_column(folder, "observation.state", spoil)


def break_codec(folder: Path) -> None:
    video = folder / VIDEO
    video.write_bytes(video.read_bytes().replace(b"avc1", b"zzzz"))


def break_size(folder: Path) -> None:
    edit_info(folder, lambda i: i["features"]["observation.images.wrist"].update(shape=[8, 8, 3]))


def rename_by_hand(folder: Path) -> None:
    """As if info.json and the folder had another name before: the episodes' metadata has it yet."""
    table = pq.read_table(folder / EPISODES)
    names = [name.replace("images.wrist", "images.front") for name in table.column_names]
    pq.write_table(table.rename_columns(names), folder / EPISODES)


def break_lengths(folder: Path) -> None:
    table = pq.read_table(folder / EPISODES)
    lengths = pa.array([n + 1 for n in table.column("length").to_pylist()])
    position = table.schema.get_field_index("length")
    pq.write_table(table.set_column(position, "length", lengths), folder / EPISODES)


def drop_joint(folder: Path) -> None:
    edit_info(folder, lambda i: i["features"]["action"].update(names=["a", "b"], shape=[2]))


@pytest.mark.parametrize(
    ("damage", "found", "message"),
    [
        (make_v21, "format", "--push-to-hub=false`, or `zk0 datasets check local:"),
        (break_timestamps, "timestamps", "frame 5 comes 0.4500 s after the one before it (2 such"),
        (break_values, "values", "observation.state of frame 3 is not finite"),
        (break_codec, "cameras", "has a codec that this PyAV cannot decode"),
        (break_size, "cameras", "meta/info.json says 8 x 8 pixels"),
        (rename_by_hand, "cameras", "meta/episodes does not say where the videos of"),
        (break_lengths, "episodes", "frames for episode 0, found"),
        (lambda f: (f / VIDEO).unlink(), "cameras", f"{VIDEO} is missing"),
        (lambda f: edit_info(f, lambda i: i.update(fps=30)), "fps", "found 30"),
        (drop_joint, "joints", "found ['a', 'b'] (2)"),
        (lambda f: shutil.rmtree(f / "meta"), "format", "found no meta/info.json"),
    ],
)
def test_damage_is_found_before_training_and_nothing_is_written(
    damage: Callable[[Path], None], found: str, message: str, check: Command, folder: Path
) -> None:
    damage(folder)
    before = list_files(folder)
    code, out, err = check(f"local:{folder}", "--model", "tiny", "--json")
    assert code == 2
    assert ("error", found) in findings(out)
    assert any(message in f["message"] for f in json.loads(out)["datasets"][0]["findings"])
    assert "Traceback" not in err
    with pytest.raises(DatasetError):
        load_dataset(f"local:{folder}")
    assert list_files(folder) == before


def test_one_problem_does_not_hide_the_next(check: Command, folder: Path) -> None:
    break_values(folder)
    break_codec(folder)
    drop_joint(folder)
    _, out, _ = check(f"local:{folder}", "--model", "tiny", "--json")
    assert [kind for _, kind in findings(out)[:3]] == ["joints", "cameras", "values"]
    with pytest.raises(DatasetError, match=r"and [23] more: `zk0 datasets check local:"):
        load_dataset(f"local:{folder}")


def test_tolerance_decides_what_is_late(folder: Path) -> None:
    break_timestamps(folder)
    with pytest.raises(DatasetError, match=r"within tolerance_s = 0\.1000"):
        load_dataset(f"local:{folder}")
    settings = DatasetSettings(address=f"local:{TOUCH}", tolerance_s=0.0001)
    assert len(load_dataset(settings).train) > 0


@pytest.mark.parametrize(("strict", "expected"), [(False, 0), (True, 1)])
def test_doubled_data_set_is_a_warning(
    strict: bool, expected: int, check: Command, folder: Path
) -> None:
    """LeRobot #1875."""
    table = pq.read_table(folder / ROWS)
    pq.write_table(pa.concat_tables([table, table]), folder / ROWS)
    code, out, _ = check(f"local:{folder}", "--json", *(["--strict"] if strict else []))
    assert code == expected
    assert findings(out) == [("warning", "doubled")]
    assert json.loads(out)["datasets"][0]["frames"] == 142


def test_unusual_values_are_warnings(check: Command, folder: Path) -> None:
    def to_radians(rows: list[list[float]]) -> None:
        rows[:] = [[value / 60 for value in row] for row in rows]

    edit_column(folder, "action", to_radians)
    code, out, _ = check(f"local:{folder}", "--json")
    assert code == 0
    assert findings(out) == [("warning", "statistics"), ("warning", "actions")]


def test_pictures_that_fill_the_memory_are_a_warning(
    check: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zk0.learning.inspection.MEMORY_SHARE", 1e-9)
    code, out, _ = check("touch", "--json")
    assert code == 0
    assert findings(out) == [("warning", "memory")]
    assert "use some of its episodes" in out


def repeat_episode(folder: Path, original: int, number: int) -> None:
    """Give episode `number` the states and actions of another one that is as long."""
    column = pq.read_table(folder / ROWS, columns=["episode_index"]).column(0)
    owners = np.array(column.to_pylist())
    source, copy = np.flatnonzero(owners == original), np.flatnonzero(owners == number)
    assert len(source) == len(copy)
    for name in ("action", "observation.state"):

        def overwrite(rows: list[list[float]]) -> None:
            rows[copy[0] : copy[-1] + 1] = rows[source[0] : source[-1] + 1]

        edit_column(folder, name, overwrite)


@pytest.mark.parametrize(
    ("eval_episodes", "level", "message"),
    [
        (5, "warning", "episode 5 has the states and actions of episode 1"),
        (1, "error", "episode 5, which is held out, has the states and actions of episode 1"),
    ],
)
def test_copied_episode_matters_where_it_is_trained_on_and_held_out(
    eval_episodes: int, level: str, message: str, check: Command, folder: Path, tmp_path: Path
) -> None:
    repeat_episode(folder, 1, 5)
    entry = f'clients]]\nname = "a"\naddress = "local:{folder}"\neval_episodes = {eval_episodes}'
    code, out, _ = check("--federation", federation(tmp_path, entry), "--json")
    assert code == (2 if level == "error" else 0)
    assert (level, "duplicates") in findings(out)
    assert message in out


def federation(tmp_path: Path, *entries: str) -> str:
    file = tmp_path / "federation.toml"
    file.write_text("".join(f"[[tool.zk0.datasets.{entry}\n" for entry in entries))
    return str(file)


def test_same_episodes_under_another_name_are_found(check: Command, tmp_path: Path) -> None:
    shutil.copytree(TOUCH, tmp_path / "stolen")
    file = federation(
        tmp_path,
        f'clients]]\nname = "mine"\naddress = "local:{TOUCH}"\nepisodes = [0, 4]',
        f'clients]]\nname = "other"\naddress = "local:{tmp_path / "stolen"}"\nepisodes = [2, 6]',
    )
    code, out, _ = check("--federation", file, "--json")
    assert code == 2
    assert findings(out) == []
    assert findings(out, 1) == [("error", "duplicates")]
    message = json.loads(out)["datasets"][1]["findings"][0]["message"]
    assert "episode 2 is episode 2 of mine (2 such episodes): expected no episode in two" in message


def test_episodes_in_training_and_evaluation_are_found(check: Command, tmp_path: Path) -> None:
    shutil.copytree(TOUCH, tmp_path / "stolen")
    file = federation(
        tmp_path,
        f'clients]]\nname = "mine"\naddress = "local:{TOUCH}"',
        f'evaluation]]\nname = "unseen"\naddress = "local:{tmp_path / "stolen"}"',
    )
    code, out, _ = check("--federation", file)
    assert code == 2
    assert "expected no episode in training and evaluation" in out


def test_rates_that_differ_between_clients_are_found(
    check: Command, folder: Path, tmp_path: Path
) -> None:
    edit_info(folder, lambda info: info.update(fps=11))
    file = federation(
        tmp_path,
        'clients]]\nname = "a"\naddress = "touch"',
        f'clients]]\nname = "b"\naddress = "local:{folder}"',
    )
    code, out, _ = check("--federation", file, "--json")
    assert code == 2
    assert ("error", "fps") in findings(out, 1)


def test_episodes_of_the_pool_are_found_in_a_data_set(check: Command, tmp_path: Path) -> None:
    (copy := tmp_path / "mine").symlink_to(EMBEDDED / "pool/lift")
    code, out, _ = check("lift", "--pool", str(EMBEDDED / "pool"))
    assert (code, "error" in out) == (0, False)
    code, out, _ = check(f"local:{copy}", "--pool", str(EMBEDDED / "pool"))
    assert code == 2
    assert "expected no episode in training and evaluation" in out
    code, _, errors = check("lift", "--pool", str(tmp_path / "none"))
    assert code == 1
    assert "expected a pool in" in errors


def test_split_that_leaves_nothing_is_found(check: Command, tmp_path: Path) -> None:
    all_held_out = f'clients]]\nname = "a"\naddress = "local:{TOUCH}"\neval_episodes = 6'
    beyond = 'evaluation]]\nname = "b"\naddress = "touch"\nepisodes = [20, 30]'
    code, out, _ = check("--federation", federation(tmp_path, all_held_out, beyond), "--json")
    assert code == 2
    assert findings(out) == findings(out, 1) == [("error", "split")]
    assert "eval_episodes = 6 of 6 episodes leaves none to train on" in out
    assert "has no episode to evaluate on" in out


def test_renamed_cameras_reach_the_policy(check: Command, folder: Path, tmp_path: Path) -> None:
    def rename(info: dict[str, Any]) -> None:
        features = info["features"]
        features["observation.images.top"] = features.pop("observation.images.overhead")

    table = pq.read_table(folder / EPISODES)
    names = [name.replace("images.overhead", "images.top") for name in table.column_names]
    pq.write_table(table.rename_columns(names), folder / EPISODES)
    edit_info(folder, rename)
    videos = folder / "videos"
    (videos / "observation.images.overhead").rename(videos / "observation.images.top")
    code, out, _ = check(f"local:{folder}", "--model", "tiny")
    assert code == 2
    assert "rename or record ['observation.images.overhead']" in out
    head = f'clients]]\nname = "a"\naddress = "local:{folder}"\n'
    good = federation(tmp_path, head + 'rename = { top = "overhead" }')
    code, out, _ = check("--federation", good, "--model", "tiny")
    assert code == 0
    assert "observation.images.overhead 64x64 h264 (recorded as observation.images.top)" in out
    settings = DatasetSettings(address=f"local:{folder}", rename={"top": "overhead"})
    renamed, plain = load_dataset(settings), load_dataset(f"local:{TOUCH}")
    for key, pixels in plain.train.images.items():
        assert np.array_equal(renamed.train.images[key], pixels)
    for wrong, message in (
        ('rename = { up = "overhead" }', "rename names cameras"),
        ('rename = { top = "wrist" }', "would both be"),
    ):
        code, out, _ = check("--federation", federation(tmp_path, head + wrong), "--model", "tiny")
        assert code == 2
        assert message in out


def test_manifest_says_which_policy_is_meant(check: Command, folder: Path, tmp_path: Path) -> None:
    manifest: NetworkManifest = make_devnet_manifest("alignment-960")
    (tmp_path / "manifest.json").write_bytes(manifest.to_bytes())
    edit_info(folder, lambda info: info.update(fps=30))
    code, out, _ = check(f"local:{folder}", "--manifest", str(tmp_path / "manifest.json"))
    assert code == 2
    assert "expected 10 frames a second, found 30" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "expected either addresses of data sets or --federation"),
        (("touch", "--federation", "x.toml"), "expected either addresses"),
        (("juggle",), "expected a data set as"),
        (("--federation", "/nothing.toml"), "expected a TOML file"),
        (("touch", "--model", "/nothing"), "found no config.json"),
        (("touch", "--manifest", "/nothing"), "cannot read /nothing"),
        (("touch", "--model", "tiny", "--network"), "at most one of --model"),
        (("touch", "--network", "--rpc-url", "http://127.0.0.1:1"), "http://127.0.0.1:1"),
        (("touch", "--convert", "/tmp/x"), "--convert takes exactly one address, local:"),
        (("local:/nothing", "--convert", "/nothing"), "found no meta/info.json"),
    ],
)
def test_mistake_on_the_command_line_is_one_sentence(
    arguments: tuple[str, ...], message: str, check: Command
) -> None:
    code, out, err = check(*arguments)
    assert code in (1, 2)
    assert err.strip().splitlines()[-1].startswith("error: ")
    assert message in err
    assert "Traceback" not in err
    assert not out


def downgrade(root: Path, target: Path) -> None:
    """Write the v3.0 data set of `root` as v2.1 did: a file for each episode."""
    import av
    import jsonlines
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    source = LeRobotDataset(repo_id="local/x", root=root, video_backend="pyav")
    info = json.loads((root / "meta" / "info.json").read_text())
    info |= {
        "codebase_version": "v2.1",
        "total_videos": 2 * info["total_episodes"],
        "total_chunks": 1,
        "data_path": "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet",
        "video_path": "videos/chunk-{episode_chunk:03d}/{video_key}/"
        "episode_{episode_index:06d}.mp4",
    }
    (target / "meta").mkdir(parents=True)
    (target / "data" / "chunk-000").mkdir(parents=True)
    (target / "meta" / "info.json").write_text(json.dumps(info))
    with jsonlines.open(target / "meta" / "tasks.jsonl", "w") as file:
        for task, row in source.meta.tasks.iterrows():
            file.write({"task_index": int(row.task_index), "task": task})
    table = pq.read_table(root / ROWS)
    with (
        jsonlines.open(target / "meta" / "episodes.jsonl", "w") as episodes,
        jsonlines.open(target / "meta" / "episodes_stats.jsonl", "w") as stats,
    ):
        for number in range(info["total_episodes"]):
            part = table.filter(pa.compute.equal(table.column("episode_index"), number))
            name = f"episode_{number:06d}"
            pq.write_table(part, target / "data" / "chunk-000" / f"{name}.parquet")
            tasks = source.meta.episodes[number]["tasks"]
            episodes.write({"episode_index": number, "tasks": tasks, "length": part.num_rows})
            plain = {
                key: {
                    name: [part.num_rows] if name == "count" else np.asarray(value).tolist()
                    for name, value in entry.items()
                    if name in ("min", "max", "mean", "std", "count")
                }
                for key, entry in source.meta.stats.items()
            }
            stats.write({"episode_index": number, "stats": plain})
            for key in source.meta.video_keys:
                out = target / "videos" / "chunk-000" / key / f"{name}.mp4"
                out.parent.mkdir(parents=True, exist_ok=True)
                begin = source.meta.episodes[number]["dataset_from_index"]
                with av.open(str(out), "w") as container:
                    stream = container.add_stream("h264", rate=10)
                    stream.width = stream.height = 64
                    stream.pix_fmt = "yuv420p"
                    for index in range(begin, begin + part.num_rows):
                        pixels = (source[index][key].numpy() * 255).round().astype(np.uint8)
                        picture = np.ascontiguousarray(pixels.transpose(1, 2, 0))
                        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                        container.mux(stream.encode(frame))
                    container.mux(stream.encode())


def test_older_format_is_converted_into_a_new_folder(check: Command, tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    downgrade(TOUCH, old)
    before = list_files(old)
    code, out, _ = check(f"local:{old}")
    assert code == 2
    assert f"--root={old} --push-to-hub=false" in out
    code, out, _ = check(f"local:{old}", "--convert", str(new), "--model", "tiny", "--json")
    assert code == 0
    assert not [f for f in findings(out) if f[0] == "error"]
    assert list_files(old) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "old"]
    converted, original = load_dataset(f"local:{new}"), load_dataset(f"local:{TOUCH}")
    assert np.array_equal(converted.train.action, original.train.action)
    assert converted.held_out.instructions == original.held_out.instructions
    for key, pixels in original.train.images.items():
        difference = np.abs(converted.train.images[key].astype(int) - pixels.astype(int))
        assert difference.mean() < 3
    code, _, err = check(f"local:{new}", "--convert", str(tmp_path / "newer"))
    assert code == 1
    assert "expected a data set in format v2.1" in err
    assert not (tmp_path / "newer").exists()
    code, _, err = check(f"local:{old}", "--convert", str(new))
    assert "exists already" in err


@pytest.fixture
def pool(datasets: Command) -> Command:
    return partial(datasets, "statistics")


def test_parts_of_nodes_make_the_embedded_networks_statistics(
    pool: Command, tmp_path: Path
) -> None:
    """Each node hands out its part; together they give what the tiny model was built with."""
    parts = []
    for task in ("lift", "place", "touch"):
        parts += ["--part", str(tmp_path / f"{task}.json")]
        assert pool(task, "--output", parts[-1])[0] == 0
    code, out, _ = pool(*parts, "--output", str(tmp_path / "network.json"), "--json")
    assert code == 0
    found, digest = load_statistics(tmp_path / "network.json")
    assert json.loads(out)["sha256"] == digest.hex()
    assert json.loads(out)["frames"] == 2074
    expected, _ = load_statistics(EMBEDDED / "models" / "tiny" / "statistics.json")
    for key, entry in expected.items():
        for name, values in entry.items():
            assert np.allclose(found[key][name], values, rtol=1e-6)


def test_statistics_of_a_broken_data_set_are_not_written(
    pool: Command, folder: Path, tmp_path: Path
) -> None:
    break_values(folder)
    code, out, err = pool(f"local:{folder}", "--output", str(tmp_path / "s.json"))
    assert code == 1
    assert "is not finite" in err
    assert not out
    assert not (tmp_path / "s.json").exists()
    assert pool("--output", str(tmp_path / "s.json"))[0] == 2
