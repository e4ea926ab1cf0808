"""Every custom error of our contracts can happen: some forge test makes it happen."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ERROR = re.compile(r"^\s*error (\w+)\(", re.MULTILINE)
EXPECTED = re.compile(r"\b(?:\w+\.)?(\w+_\w+)\.selector\b")


def read_all(folder: str) -> str:
    files = sorted((ROOT / folder).rglob("*.sol"))
    return "\n".join(f.read_text(encoding="utf-8") for f in files if "generated" not in f.parts)


def test_every_custom_error_is_expected_by_a_forge_test() -> None:
    declared = set(ERROR.findall(read_all("contracts")))
    expected = set(EXPECTED.findall(read_all("tests/contracts")))
    assert len(declared) > 100
    assert declared - expected == set()
