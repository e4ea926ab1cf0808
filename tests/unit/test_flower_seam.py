from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PUBLIC = {"flwr", "flwr.app", "flwr.clientapp", "flwr.serverapp"}
SEAM = {
    "zk0/learning/flower_wire.py",
    "zk0/learning/flower_runtime.py",
    "zk0/learning/flower_plain.py",  # Flower's own aggregate, to compare with
}


def find_flower_imports(file: Path) -> Iterator[str]:
    """Modules of Flower that `file` imports, also inside functions."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "flwr":
            yield node.module or ""
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.split(".")[0] == "flwr")


def test_private_modules_of_flower_are_used_behind_one_seam() -> None:
    users = {
        str(file.relative_to(ROOT))
        for room in ("zk0", "node", "coordinator", "circuits")
        for file in (ROOT / room).rglob("*.py")
        if set(find_flower_imports(file)) - PUBLIC
    }
    assert users == SEAM
