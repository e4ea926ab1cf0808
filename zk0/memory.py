"""Gives memory back to the system between a node's stages."""

from __future__ import annotations

import ctypes
import gc
import mmap
import sys
from pathlib import Path
from typing import Any

MAPS = Path("/proc/self/smaps")
LOADED, WRITABLE = 1, 2
"""A segment's type that is mapped from the file (PT_LOAD), and its flag PF_W."""


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


class _Segment(ctypes.Structure):
    """Elf64_Phdr."""

    _fields_ = (
        ("kind", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("offset", ctypes.c_uint64),
        ("address", ctypes.c_uint64),
        ("physical", ctypes.c_uint64),
        ("file_size", ctypes.c_uint64),
        ("memory_size", ctypes.c_uint64),
        ("alignment", ctypes.c_uint64),
    )


class _Library(ctypes.Structure):
    """The head of dl_phdr_info."""

    _fields_ = (
        ("base", ctypes.c_uint64),
        ("name", ctypes.c_char_p),
        ("segments", ctypes.POINTER(_Segment)),
        ("count", ctypes.c_uint16),
    )


_Visit = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Library), ctypes.c_size_t, ctypes.c_void_p)


def _unmap_libraries() -> None:
    """Let the pages of libraries' read-only segments go; a page that is used is mapped again.

    The file has the same bytes, and its pages stay in the system's cache while nothing else needs
    the room. What this process changed, by whatever means, is left alone.
    """
    # PyDLL: holding Python's lock, no thread can import a library while they are being listed
    system = ctypes.PyDLL(None)
    if not (MAPS.exists() and hasattr(system, "dl_iterate_phdr")) or sys.maxsize < 2**32:
        return
    system.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    changed = _find_changed()

    def visit(found: Any, _size: int, _data: Any) -> int:
        library = found.contents
        for segment in library.segments[: library.count]:
            if segment.kind != LOADED or segment.flags & WRITABLE:
                continue
            first = library.base + segment.address
            # whole pages only: those at the edges may belong to two segments
            start = -(-first // mmap.PAGESIZE) * mmap.PAGESIZE
            end = (first + segment.file_size) // mmap.PAGESIZE * mmap.PAGESIZE
            if start < end and not any(start < high and low < end for low, high in changed):
                system.madvise(start, end - start, mmap.MADV_DONTNEED)
        return 0

    system.dl_iterate_phdr(_Visit(visit), None)


def _find_changed() -> list[tuple[int, int]]:
    """Address ranges of mapped files in which a page is no longer the file's."""
    found: list[tuple[int, int]] = []
    area = (0, 0)
    for line in MAPS.read_text(errors="replace").splitlines():
        name, _, value = line.partition(" ")
        if not name.endswith(":"):
            low, _, high = name.partition("-")
            area = (int(low, 16), int(high, 16)) if "/" in value else (0, 0)
        elif name == "Anonymous:" and value.split()[0] != "0" and area != (0, 0):
            found.append(area)
    return found
