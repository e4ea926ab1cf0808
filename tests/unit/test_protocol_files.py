import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load

from zk0.errors import CheckpointError, StorageError, UpdateError
from zk0.protocol.canonical import decode_canonical, encode_canonical
from zk0.protocol.checkpoint import read_checkpoint
from zk0.protocol.contribution import MissingReason
from zk0.protocol.parameters import ParameterLayout
from zk0.protocol.tensorfile import (
    FileTensors,
    TensorFileError,
    compute_file_digest,
    parse_tensor_file,
    read_tensor_file,
    write_tensor_file,
)
from zk0.protocol.update import UpdateMetadata, quantise, read_update

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "files.json").read_text())
UPDATE = bytes.fromhex(VECTORS["update"]["file"])
CHECKPOINT = bytes.fromhex(VECTORS["checkpoint"]["file"])


@pytest.fixture
def layout() -> ParameterLayout:
    return parse_tensor_file(CHECKPOINT).layout


def write(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "file.safetensors"
    path.write_bytes(data)
    return path


def test_update_file_matches_the_vector(tmp_path: Path, layout: ParameterLayout) -> None:
    path = write(tmp_path, UPDATE)
    update = read_update(path, layout)
    again = tmp_path / "again.safetensors"
    assert update.write(again).hex() == VECTORS["update"]["digest"]
    assert again.read_bytes() == UPDATE
    assert compute_file_digest(path).hex() == VECTORS["update"]["digest"]


def test_checkpoint_file_matches_the_vector(tmp_path: Path) -> None:
    path = write(tmp_path, CHECKPOINT)
    checkpoint = read_checkpoint(path, bytes.fromhex(VECTORS["checkpoint"]["digest"]))
    again = tmp_path / "again.safetensors"
    checkpoint.write(again)
    assert again.read_bytes() == CHECKPOINT


def test_the_safetensors_library_reads_the_same_tensors() -> None:
    ours, theirs = parse_tensor_file(UPDATE).tensors, load(UPDATE)
    assert set(ours) == set(theirs)
    assert all(np.array_equal(ours[n], theirs[n]) for n in ours)


def test_tensors_read_one_by_one_are_the_same(tmp_path: Path) -> None:
    path = write(tmp_path, UPDATE)
    lazy, whole = FileTensors(path), parse_tensor_file(UPDATE)
    assert lazy.metadata == whole.metadata
    assert lazy.layout == whole.layout
    assert all(np.array_equal(lazy[n], whole.tensors[n]) for n in lazy)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("empty", b""),
        ("pickle renamed", pickle.dumps({"a": np.zeros(3)})),
        ("truncated", UPDATE[:-1]),
        ("header cut", UPDATE[:20]),
        ("longer", UPDATE + b"\0"),
        ("huge header", (1 << 60).to_bytes(8, "little") + UPDATE[8:]),
        ("other dtype", UPDATE.replace(b'"I8"', b'"F8"')),
        ("spaces in metadata", UPDATE.replace(b'\\"round\\":3', b'\\"round\\": 3')),
        ("NaN exponent", UPDATE.replace(b'exponent\\":-', b'exponent\\":NaN')),
        ("overlapping offsets", UPDATE.replace(b"[0,4]", b"[0,3]")),
        ("negative shape", UPDATE.replace(b'"shape":[4]', b'"shape":[-4]')),
    ],
)
def test_a_file_that_is_no_update_is_refused(
    tmp_path: Path, layout: ParameterLayout, name: str, data: bytes
) -> None:
    assert data != UPDATE
    path = write(tmp_path, data)
    with pytest.raises(UpdateError, match="not an update file"):
        read_update(path, layout)
    with pytest.raises(TensorFileError):
        FileTensors(path)


def test_an_update_with_other_shapes_is_refused(tmp_path: Path) -> None:
    other = ParameterLayout((("a.bias", (5,)), ("b.weight", (2, 3))))
    with pytest.raises(UpdateError, match="other shapes") as caught:
        read_update(write(tmp_path, UPDATE), other)
    assert caught.value.reason == MissingReason.WRONG_SHAPE


def test_a_checkpoint_is_not_an_update(tmp_path: Path, layout: ParameterLayout) -> None:
    with pytest.raises(UpdateError, match="metadata"):
        read_update(write(tmp_path, CHECKPOINT), layout)


def test_a_missing_update_file_is_named(tmp_path: Path, layout: ParameterLayout) -> None:
    with pytest.raises(UpdateError, match=r"nothing\.safetensors is missing"):
        read_update(tmp_path / "nothing.safetensors", layout)


def test_a_checkpoint_with_another_digest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="expected digest 0000"):
        read_checkpoint(write(tmp_path, CHECKPOINT), bytes(32))


def test_a_checkpoint_with_nan_is_refused(tmp_path: Path) -> None:
    file = parse_tensor_file(CHECKPOINT)
    tensors = {n: t.copy() for n, t in file.tensors.items()}
    tensors["a.bias"][0] = np.nan
    path = tmp_path / "nan.safetensors"
    write_tensor_file(path, tensors, file.metadata)
    with pytest.raises(CheckpointError, match=r"a\.bias is not float32 with finite"):
        read_checkpoint(path)


def test_update_metadata_survives_a_round_trip() -> None:
    meta = UpdateMetadata.from_json(parse_tensor_file(UPDATE).metadata)
    assert UpdateMetadata.from_json(meta.to_json()) == meta


def test_update_metadata_with_an_extra_key_is_refused() -> None:
    value = parse_tensor_file(UPDATE).metadata | {"extra": 1}
    with pytest.raises(ValueError, match="expected the keys"):
        UpdateMetadata.from_json(value)


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot write"):
        write_tensor_file(tmp_path / "absent" / "x", {"a": np.zeros(3, np.int8)}, {})
    target = tmp_path / "full"
    target.mkdir()
    with pytest.raises(StorageError, match="nothing is lost"):
        write_tensor_file(target, {"a": np.zeros(3, np.int8)}, {})
    assert list(tmp_path.iterdir()) == [target]


def test_an_unknown_dtype_is_refused_by_the_writer(tmp_path: Path) -> None:
    with pytest.raises(TensorFileError, match="complex64"):
        write_tensor_file(tmp_path / "x", {"a": np.zeros(3, np.complex64)}, {})
    assert not list(tmp_path.iterdir())


def test_reading_what_was_written_gives_the_same(tmp_path: Path) -> None:
    tensors = {"b": np.arange(6, dtype=np.int64).reshape(2, 3), "a": np.zeros(0, np.uint8)}
    write_tensor_file(tmp_path / "x", tensors, {"k": [1, "ü"]})
    file = read_tensor_file(tmp_path / "x")
    assert file.metadata == {"k": [1, "ü"]}
    assert all(np.array_equal(file.tensors[n], tensors[n]) for n in tensors)


def test_canonical_json_refuses_floats_and_other_spellings() -> None:
    assert encode_canonical({"b": 1, "a": "ü"}) == b'{"a":"\\u00fc","b":1}'
    with pytest.raises(ValueError, match="floats"):
        encode_canonical({"a": [1.0]})
    for text in (b'{"b":1,"a":2}', b'{"a": 1}', b"[1]", b'{"a":1.0}', b'{"a":1,"a":1}'):
        with pytest.raises(ValueError):
            decode_canonical(text)


def test_an_all_zero_update_is_refused() -> None:
    with pytest.raises(UpdateError, match="every digit of the update is zero"):
        quantise({"a": np.zeros(4, np.float32)}, -20, -6)


def test_a_diverged_update_is_refused() -> None:
    with pytest.raises(UpdateError, match="NaN or infinity"):
        quantise({"a": np.array([1, np.inf], np.float32)}, -20, -6)
