"""Gas in docs/measurements.md is what snapshots/ says, which forge compares with the contracts."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLE = re.compile(r"^\| Transaction \| Gas .*\n\|[-| ]+\n((?:\|.*\n)+)", re.MULTILINE)


def test_every_figure_of_the_gas_table_is_a_snapshot() -> None:
    found = TABLE.search((ROOT / "docs" / "measurements.md").read_text(encoding="utf-8"))
    assert found is not None
    figures = {
        figure
        for row in found[1].splitlines()
        for figure in re.findall(r"\d[\d,]*\d", row.split(" | ")[1])
    }
    files = (ROOT / "snapshots").glob("*.json")
    snapshots = {
        f"{int(gas):,}" for file in files for gas in json.loads(file.read_bytes()).values()
    }
    assert len(figures) >= 10
    assert figures - snapshots == set()
