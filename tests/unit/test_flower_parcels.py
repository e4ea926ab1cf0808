from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, MetricRecord, RecordDict
from numpy.typing import NDArray

from zk0.errors import TransportError
from zk0.learning.flower_bundle import BUNDLE, BUNDLE_DIGEST
from zk0.learning.flower_parcel import pack_parcel, unpack_parcel
from zk0.ports import Field, Parcel


def array_of(data: bytes) -> Array:
    return Array("float32", (1,), "numpy.ndarray", data)


def records_with(array: Array) -> RecordDict:
    tensors = ArrayRecord(array_dict={"w": array})
    return RecordDict({"fields": ConfigRecord({}), "tensors": tensors})


def save(tensor: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, tensor)
    return stream.getvalue()


def test_parcel_comes_back_as_it_was() -> None:
    tensors: dict[str, NDArray[Any]] = {
        "int8": np.array([[-127, 0, 127]], dtype=np.int8),
        "transposed": np.arange(6, dtype=np.float32).reshape(2, 3).T,
        "scalar": np.array(3, dtype=np.int64),
        "empty": np.zeros((0, 4), dtype=np.float32),
    }
    fields: dict[str, Field] = {
        "round": -(2**63),
        "digest": bytes(range(32)),
        "task": "lift",
        "loss": 0.1,
    }
    parcel = unpack_parcel(pack_parcel(Parcel(fields, tensors)))
    assert parcel.fields == fields
    assert list(parcel.tensors) == list(tensors)
    for name, tensor in tensors.items():
        assert parcel.tensors[name].dtype == tensor.dtype
        np.testing.assert_array_equal(parcel.tensors[name], tensor)


def test_integer_that_flower_cannot_carry_is_refused_before_it_is_sent() -> None:
    with pytest.raises(TransportError, match="'wei' does not fit into 64 bits"):
        pack_parcel(Parcel({"wei": 2**63}))


@pytest.mark.parametrize(
    "records",
    [
        RecordDict(),
        RecordDict({"fields": ConfigRecord({})}),
        RecordDict({"fields": MetricRecord({"a": 1}), "tensors": ArrayRecord()}),
    ],
)
def test_records_of_another_shape_are_refused(records: RecordDict) -> None:
    with pytest.raises(TransportError, match="expected records fields and tensors"):
        unpack_parcel(records)


@pytest.mark.parametrize("value", [True, [1, 2], ["a"]])
def test_fields_of_another_type_are_refused(value: Any) -> None:
    records = RecordDict({"fields": ConfigRecord({"x": value}), "tensors": ArrayRecord()})
    with pytest.raises(TransportError, match="expected a number, text or bytes in field 'x'"):
        unpack_parcel(records)


def test_pickled_tensor_is_refused() -> None:
    data = save(np.array([{"an": "object"}], dtype=object))
    with pytest.raises(TransportError, match="'w' is not a plain NumPy array"):
        unpack_parcel(records_with(array_of(data)))


def test_tensor_that_promises_terabytes_is_refused_without_allocating_them() -> None:
    header = {"descr": "<f4", "fortran_order": False, "shape": (10**12,)}
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, header)  # type: ignore[no-untyped-call]
    with pytest.raises(TransportError, match="its header promises 4000000000000 bytes, found 0"):
        unpack_parcel(records_with(array_of(stream.getvalue())))


@pytest.mark.parametrize("data", [b"", b"\x93NUMPY", b"junk", save(np.zeros(9))[:-1]])
def test_damaged_tensor_is_refused(data: bytes) -> None:
    with pytest.raises(TransportError, match="'w' is not a plain NumPy array"):
        unpack_parcel(records_with(array_of(data)))


def test_bundle_is_the_same_on_every_machine_and_holds_no_code() -> None:
    assert BUNDLE_DIGEST == "2a5dab7d7579fdecedc0ffbd184192ed6ee92e0efa85adc4893cbf151f9f4656"
    with zipfile.ZipFile(io.BytesIO(BUNDLE)) as archive:
        assert archive.namelist() == ["pyproject.toml", ".info/CONTENT"]
        assert archive.testzip() is None
