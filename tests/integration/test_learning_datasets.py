"""Real LeRobot data sets, whole and broken in every way that an operator may meet."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from zk0.errors import DatasetError
from zk0.learning.datasets import load_dataset, read_episode_digests, read_frames
from zk0.learning.pool import load_pool, validate_disjoint
from zk0.learning.robot import SO101
from zk0.learning.sources import EMBEDDED, list_embedded

ROWS = "data/chunk-000/file-000.parquet"
VIDEO = "videos/observation.images.wrist/chunk-000/file-000.mp4"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the embedded `touch` data set that a test may break."""
    shutil.copytree(EMBEDDED / "datasets" / "touch", tmp_path / "touch")
    return tmp_path / "touch"


def edit_info(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    file = folder / "meta" / "info.json"
    info = json.loads(file.read_text())
    change(info)
    file.write_text(json.dumps(info))


def test_embedded_data_sets_are_split_by_episodes() -> None:
    assert list_embedded() == ["lift", "place", "stack", "touch"]
    dataset = load_dataset("touch")
    assert dataset.train.episodes == list(range(16))
    assert dataset.held_out.episodes == [16, 17, 18, 19]
    assert set(dataset.train.images) == {"observation.images.overhead", "observation.images.wrist"}
    assert dataset.train.images["observation.images.wrist"].shape[1:] == (3, 64, 64)
    assert set(dataset.train.instructions) == {"Touch the green cube."}


def test_decoded_frames_equal_those_of_lerobot() -> None:
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    root = EMBEDDED / "pool" / "touch"
    reference = LeRobotDataset(
        repo_id="local/touch",
        root=root,
        video_backend="pyav",
        delta_timestamps={"action": [i / 10 for i in range(16)]},
    )
    frames = read_frames(root)
    assert len(reference) == len(frames)
    for index in (0, 20, len(frames) - 1):
        row = reference[index]
        action, is_pad = frames.get_chunks([index], 16)
        assert np.array_equal(row["action"].numpy(), action[0])
        assert np.array_equal(row["action_is_pad"].numpy(), is_pad[0])
        assert np.array_equal(row["observation.state"].numpy(), frames.state[index])
        assert row["task"] == frames.instructions[index]
        for key, pixels in frames.images.items():
            assert np.array_equal((row[key].numpy() * 255).round().astype(np.uint8), pixels[index])


def test_pool_is_disjoint_from_every_embedded_data_set() -> None:
    pool = load_pool()
    names = ["lift", "place", "stack", "touch"]
    validate_disjoint(pool, {n: read_episode_digests(EMBEDDED / "datasets" / n) for n in names})
    with pytest.raises(DatasetError, match="no episode in the pool and elsewhere"):
        validate_disjoint(pool, {"copy": read_episode_digests(EMBEDDED / "pool" / "lift")})


def test_provenance_names_seeds_that_do_not_overlap() -> None:
    provenance = json.loads((EMBEDDED / "provenance.json").read_text())
    for task in ("touch", "lift", "place"):
        training, pool = provenance[f"datasets/{task}"], provenance[f"pool/{task}"]
        assert not set(training["seeds_kept"]) & set(pool["seeds_kept"])
        assert (len(training["seeds_kept"]), len(pool["seeds_kept"])) == (20, 6)


@pytest.mark.parametrize("reference", ["juggle", "local:", "ftp:x", "", "hf:"])
def test_unknown_reference_is_refused(reference: str) -> None:
    with pytest.raises(DatasetError, match="expected a data set as"):
        load_dataset(reference)


def test_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"found no meta/info\.json"):
        load_dataset(f"local:{tmp_path / 'nowhere'}")


@pytest.mark.parametrize("content", ["{", "[]", '{"codebase_version": "v3.0"}'])
def test_info_that_is_not_json_with_features_is_refused(folder: Path, content: str) -> None:
    (folder / "meta" / "info.json").write_text(content)
    with pytest.raises(DatasetError, match="damaged"):
        load_dataset(f"local:{folder}")


def test_older_format_is_refused_with_the_converter(folder: Path) -> None:
    edit_info(folder, lambda info: info.update(codebase_version="v2.1"))
    with pytest.raises(DatasetError, match=r"found v2\.1: convert it with .*v21_to_v30"):
        load_dataset(f"local:{folder}")


def test_missing_camera_is_refused(folder: Path) -> None:
    edit_info(folder, lambda info: info["features"].pop("observation.images.wrist"))
    with pytest.raises(DatasetError, match=r"rename or record \['observation\.images\.wrist'\]"):
        load_dataset(f"local:{folder}")


@pytest.mark.parametrize("key", ["action", "observation.state"])
def test_other_joint_names_are_refused(folder: Path, key: str) -> None:
    edit_info(folder, lambda info: info["features"][key].update(names=["x", "y"]))
    with pytest.raises(DatasetError, match=rf"expected {key} with joints"):
        load_dataset(f"local:{folder}")


def test_other_frame_rate_is_refused(folder: Path) -> None:
    edit_info(folder, lambda info: info.update(fps=30))
    with pytest.raises(DatasetError, match="expected 10 frames a second, found 30"):
        load_dataset(f"local:{folder}")


@pytest.mark.parametrize("file", [ROWS, VIDEO])
def test_missing_file_is_refused(folder: Path, file: str) -> None:
    (folder / file).unlink()
    with pytest.raises(DatasetError, match="damaged"):
        load_dataset(f"local:{folder}")


@pytest.mark.parametrize(
    "file", [ROWS, VIDEO, "meta/tasks.parquet", "meta/episodes/chunk-000/file-000.parquet"]
)
@pytest.mark.parametrize("kept", [0.0, 0.6])
def test_truncated_file_is_refused(folder: Path, file: str, kept: float) -> None:
    path = folder / file
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(DatasetError, match="damaged"):
        load_dataset(f"local:{folder}")


@pytest.mark.parametrize("file", ["meta/tasks.parquet", "meta/stats.json", "meta/episodes"])
def test_missing_metadata_is_refused(folder: Path, file: str) -> None:
    path = folder / file
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(DatasetError, match="damaged"):
        load_dataset(f"local:{folder}")


def test_column_that_is_missing_is_refused(folder: Path) -> None:
    table = pq.read_table(folder / ROWS)
    pq.write_table(table.drop_columns(["action"]), folder / ROWS)
    with pytest.raises(DatasetError, match="damaged"):
        load_dataset(f"local:{folder}")


def test_value_that_is_not_a_number_is_refused(folder: Path) -> None:
    table = pq.read_table(folder / ROWS)
    rows = table.column("action").to_pylist()
    rows[3][2] = float("nan")
    column = pa.array(rows, type=table.schema.field("action").type)
    position = table.schema.get_field_index("action")
    pq.write_table(table.set_column(position, "action", column), folder / ROWS)
    with pytest.raises(DatasetError, match="action of frame 3 is not finite"):
        load_dataset(f"local:{folder}")


def test_doubled_data_set_is_a_warning_and_counts_once(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """LeRobot issue 1875: every row twice, and `total_frames` as before."""
    table = pq.read_table(folder / ROWS)
    pq.write_table(pa.concat_tables([table, table]), folder / ROWS)
    with caplog.at_level(logging.WARNING):
        doubled = load_dataset(f"local:{folder}")
    assert "912 rows but says 456 frames" in caplog.text
    whole = load_dataset("touch")
    assert len(doubled.train) == len(whole.train)
    assert np.array_equal(doubled.train.action, whole.train.action)
    assert np.array_equal(doubled.held_out.state, whole.held_out.state)


def test_rows_that_are_missing_are_refused(folder: Path) -> None:
    table = pq.read_table(folder / ROWS)
    pq.write_table(table.slice(0, 300), folder / ROWS)
    with pytest.raises(DatasetError, match="found 300 rows"):
        load_dataset(f"local:{folder}")


@pytest.mark.parametrize("name", ["episode_index", "task_index"])
def test_frames_of_unknown_episodes_or_tasks_are_refused(folder: Path, name: str) -> None:
    table = pq.read_table(folder / ROWS)
    position = table.schema.get_field_index(name)
    column = pa.array([99] * table.num_rows, type=table.schema.field(name).type)
    pq.write_table(table.set_column(position, name, column), folder / ROWS)
    with pytest.raises(DatasetError, match="damaged"):
        load_dataset(f"local:{folder}")


def test_cameras_stored_as_images_are_read_too(tmp_path: Path) -> None:
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    vector = {"dtype": "float32", "shape": (6,), "names": list(SO101.joints)}
    image = {"dtype": "image", "shape": (8, 8, 3), "names": ["height", "width", "channels"]}
    features: dict[str, Any] = {"observation.state": vector, "action": vector}
    features |= dict.fromkeys(SO101.camera_keys, image)
    dataset = LeRobotDataset.create(
        repo_id="local/images",
        root=tmp_path / "images",
        fps=10,
        features=features,
        use_videos=False,
    )
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 8, 8, 3)).astype(np.uint8)
    for number, episode in enumerate(pixels):
        for frame in episode:
            joints = np.full(6, number, np.float32)
            row = dict.fromkeys(("observation.state", "action"), joints)
            dataset.add_frame({**row, **dict.fromkeys(SO101.camera_keys, frame), "task": "Go."})
        dataset.save_episode()
    dataset.finalize()
    loaded = load_dataset(f"local:{tmp_path / 'images'}")
    assert np.array_equal(
        loaded.train.images[SO101.camera_keys[0]], pixels[0].transpose(0, 3, 1, 2)
    )
    assert np.array_equal(
        loaded.held_out.images[SO101.camera_keys[1]], pixels[1].transpose(0, 3, 1, 2)
    )


def test_single_episode_leaves_nothing_to_hold_out(folder: Path) -> None:
    table = pq.read_table(folder / ROWS)
    first = table.filter(pa.compute.equal(table.column("episode_index"), 0))
    pq.write_table(first, folder / ROWS)
    edit_info(folder, lambda info: info.update(total_episodes=1, total_frames=first.num_rows))
    with pytest.raises(DatasetError, match=r"1 episode\(s\) and none to hold out"):
        load_dataset(f"local:{folder}")


def test_empty_pool_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="expected a pool"):
        load_pool(tmp_path)
