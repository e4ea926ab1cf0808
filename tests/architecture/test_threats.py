"""docs/threats.md names tests: each of them exists, and a row without one says that it is open."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "threats.md"
LINK = re.compile(r"\[`([^`:]+)::(\w+)`\]\(([^)]+)\)")
ROW = re.compile(r"\| (\d+) \|.*")


def read_rows() -> list[list[str]]:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    return [[c.strip() for c in line.strip("|").split(" | ")] for line in lines if ROW.match(line)]


def test_every_test_that_the_threats_name_exists() -> None:
    links = LINK.findall(PAGE.read_text(encoding="utf-8"))
    broken = []
    for file, name, path in links:
        target = (PAGE.parent / path).resolve()
        is_there = target.is_file() and target.name == file
        if not is_there or not re.search(rf"\b(?:def|function) {name}\(", target.read_text()):
            broken.append(f"{path}::{name}")
    assert len(links) > 50
    assert broken == []


def test_a_threat_without_a_test_is_open() -> None:
    rows = read_rows()
    assert [int(row[0]) for row in rows] == list(range(1, len(rows) + 1))
    silent = [row[0] for row in rows if not LINK.search(row[-1]) and "open" not in row[3]]
    assert silent == []
