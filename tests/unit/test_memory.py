"""Giving memory back: what is only mapped goes, what this process changed stays."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")

RELEASE = """
import ctypes, mmap
from pathlib import Path

import numpy as np
from zk0.memory import release_memory


def read_kilobytes(name):
    text = Path("/proc/self/status").read_text()
    return int(text.partition(name + ":")[2].split()[0])

"""


def run(code: str) -> str:
    """In a process of its own: a mistake here ends it with a signal."""
    done = subprocess.run(
        [sys.executable, "-c", RELEASE + code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_pages_that_only_loading_read_are_given_back_and_libraries_go_on_working() -> None:
    said = run(
        """
before = read_kilobytes("RssFile")
release_memory()
after = read_kilobytes("RssFile")
values = np.linalg.solve(np.eye(3) * 4, np.ones(3))
import hashlib, sqlite3, ssl
row = sqlite3.connect(":memory:").execute("select 6 * 7").fetchone()
print(before > 10_000, after < before / 2, values.tolist(), row)
"""
    )
    assert said == "True True [0.25, 0.25, 0.25] (42,)"


def test_anonymous_memory_is_left_alone() -> None:
    said = run(
        """
kept = np.arange(3_000_000, dtype=np.float64)
release_memory()
print(kept.nbytes // 1024 < read_kilobytes("RssAnon"), kept.sum() == 4499998500000.0)
"""
    )
    assert said == "True True"


def test_a_page_that_the_process_changed_is_kept() -> None:
    """A byte of padding in a library's first page, written as a debugger or a patch would."""
    said = run(
        """
library = str(Path(np._core._multiarray_umath.__file__).resolve())
line = next(l for l in Path("/proc/self/maps").read_text().splitlines() if l.endswith(library))
first, flags, offset = line.split()[0].partition("-")[0], line.split()[1], line.split()[2]
assert (flags, int(offset, 16)) == ("r--p", 0)
address, system = int(first, 16), ctypes.CDLL(None, use_errno=True)
system.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
padding = ctypes.c_uint8.from_address(address + 15)
assert padding.value == 0
assert system.mprotect(address, mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_WRITE) == 0
padding.value = 7
assert system.mprotect(address, mmap.PAGESIZE, mmap.PROT_READ) == 0
release_memory()
print(padding.value)
"""
    )
    assert said == "7"


def test_nothing_happens_where_the_system_does_not_list_its_maps(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from zk0 import memory

    monkeypatch.setattr(memory, "MAPS", tmp_path / "smaps")
    memory.release_memory()
