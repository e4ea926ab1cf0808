"""Every line in its room: import rules, and no room without a name."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMELESS = {"utils", "helpers", "common", "misc", "manager"}


def test_imports_point_one_way() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_no_room_is_called_utils() -> None:
    folders = ("zk0", "node", "coordinator", "circuits", "contracts", "tests", "scripts")
    names = {
        p.stem for f in folders for p in (ROOT / f).rglob("*") if "node_modules" not in p.parts
    }
    assert not names & NAMELESS


def test_command_lines_import_nothing_heavy() -> None:
    """`--help` must not pay for torch, web3, Flower or EZKL."""
    code = (
        "import sys, zk0.cli, node.cli, coordinator.cli; "
        "print([m for m in ('torch', 'web3', 'flwr', 'ezkl', 'lerobot') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
