"""Canonical JSON: sorted keys, no spaces, ASCII, no floats; one value has one encoding."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]


def _refuse_floats(value: object, path: str) -> None:
    if isinstance(value, float):
        raise ValueError(f"canonical JSON holds no floats, found {value!r} at {path or 'top'}")
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise ValueError(f"canonical JSON keys are strings, found {key!r}")
            _refuse_floats(inner, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for position, inner in enumerate(value):
            _refuse_floats(inner, f"{path}[{position}]")


def encode_canonical(value: Json) -> bytes:
    """The canonical bytes of `value`. Raises ValueError on floats and non-string keys."""
    _refuse_floats(value, "")
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return text.encode("ascii")


def decode_canonical(data: bytes) -> dict[str, Any]:
    """Parse, and refuse bytes that are not the canonical encoding of what they say.

    Raises:
        ValueError: not JSON, not an object, or another encoding of the same value.
    """
    value = json.loads(data.decode("ascii"))
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object, found {type(value).__name__}")
    if encode_canonical(value) != data:
        raise ValueError("JSON is not in canonical form (sorted keys, no spaces, ASCII, no floats)")
    return value
