"""Gives memory back to the system between a node's stages."""

from __future__ import annotations

import ctypes
import gc
import mmap
import sys
from pathlib import Path

MAPS = Path("/proc/self/smaps")


def release_memory() -> None:
    """Return what loading and training left behind; nothing where the C library cannot.

    glibc keeps freed memory for its process (84 MB after a training of the tiny SmolVLA), and the
    loader reads pages of every library, above all of torch's for CUDA, that nobody reads again.
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's own
    if trim is not None:
        trim(0)
    _unmap_libraries()


def _unmap_libraries() -> None:
    """Let the pages of libraries' read-only parts go; a page that is used is mapped again.

    The file has the same bytes, and its pages stay in the system's cache while nothing else needs
    the room. What this process changed, by whatever means, is left alone. The loader is not asked:
    a thread that lists libraries there keeps its lock while another one has Python's.
    """
    if not MAPS.exists() or sys.maxsize < 2**32:
        return
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    for low, high in _find_unchanged():
        madvise(low, high - low, mmap.MADV_DONTNEED)


def _find_unchanged() -> list[tuple[int, int]]:
    """Address ranges of libraries that cannot be written to, every page as the file has it."""
    found: list[tuple[int, int]] = []
    area: tuple[int, int] | None = None
    for line in MAPS.read_text(errors="replace").splitlines():
        name, _, value = line.partition(" ")
        if not name.endswith(":"):
            low, _, high = name.partition("-")
            is_readonly_library = "w" not in value[:4] and ".so" in value.rpartition("/")[2]
            area = (int(low, 16), int(high, 16)) if is_readonly_library else None
        elif name == "Anonymous:" and area is not None and value.split()[0] == "0":
            found.append(area)
    return found
