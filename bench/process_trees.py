"""CPU-seconds and memory of processes with everything they start, read from /proc (Linux)."""

from __future__ import annotations

import bisect
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PROC = Path("/proc")
TICKS_S = 1 / os.sysconf("SC_CLK_TCK")
PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 2**20
EVERY_S = 0.1
SHARES_EVERY_S = 2.0
"""Finding out who shares a page takes the kernel milliseconds for each process."""


@dataclass(frozen=True, slots=True)
class _Process:
    parent: int
    cpu_s: float
    """Its own, and that of children that it has waited for."""
    rss_mb: float
    anonymous_mb: float


def _read_processes() -> dict[int, _Process]:
    found = {}
    for folder in PROC.iterdir():
        if not folder.name.isdigit():
            continue
        try:
            # the name, in parentheses, may hold spaces
            values = (folder / "stat").read_text().rpartition(")")[2].split()
            _, resident, mapped, *_ = map(int, (folder / "statm").read_text().split())
        except OSError:
            continue
        cpu_s = sum(int(ticks) for ticks in values[11:15]) * TICKS_S
        found[int(folder.name)] = _Process(
            int(values[1]), cpu_s, resident * PAGE_MB, (resident - mapped) * PAGE_MB
        )
    return found


def _read_share_mb(pid: int) -> float:
    """Resident memory, a page that n processes share counted as 1/n of one."""
    try:
        lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


def _read_peak_mb(pid: int) -> float:
    try:
        lines = (PROC / str(pid) / "status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


@dataclass(slots=True)
class Usage:
    """One tree over time."""

    times: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    rss_mb: list[float] = field(default_factory=list)
    """Of all its processes together: pages that two of them share count twice."""
    anonymous_mb: list[float] = field(default_factory=list)
    """The same without pages of files, which the system can drop and read again."""
    share_mb: float = 0.0
    """Largest sum of proportional shares (PSS), looked at every `SHARES_EVERY_S`."""
    own_peak_mb: float = 0.0
    """The root's own, by the kernel's account."""

    def compute_cpu_s(self, start: float, end: float) -> float:
        """Spent between two moments (`time.time`)."""
        if not self.times:
            return 0.0
        last = len(self.times) - 1
        first, second = (min(bisect.bisect_left(self.times, t), last) for t in (start, end))
        return self.cpu_s[second] - self.cpu_s[first]

    @property
    def peak_mb(self) -> float:
        return max(self.rss_mb, default=0.0)

    @property
    def anonymous_peak_mb(self) -> float:
        return max(self.anonymous_mb, default=0.0)


class Sampler:
    """Looks at the trees of `find_roots` (name → process id) until it is stopped."""

    def __init__(self, find_roots: Callable[[], Mapping[str, int]]) -> None:
        self._find_roots = find_roots
        self.usage: dict[str, Usage] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        next_shares = 0.0
        while not self._stop.wait(EVERY_S):
            with_shares = time.monotonic() >= next_shares
            if with_shares:
                next_shares = time.monotonic() + SHARES_EVERY_S
            processes = _read_processes()
            children: dict[int, list[int]] = {}
            for pid, process in processes.items():
                children.setdefault(process.parent, []).append(pid)
            for name, root in dict(self._find_roots()).items():
                if root in processes:
                    tree = _list_tree(root, children)
                    self._look(name, [processes[pid] for pid in tree], _read_peak_mb(root))
                    if with_shares:
                        usage = self.usage[name]
                        share_mb = sum(_read_share_mb(pid) for pid in tree)
                        usage.share_mb = max(usage.share_mb, share_mb)

    def _look(self, name: str, tree: Sequence[_Process], root_peak_mb: float) -> None:
        usage = self.usage.setdefault(name, Usage())
        usage.times.append(time.time())
        usage.cpu_s.append(max(sum(p.cpu_s for p in tree), usage.cpu_s[-1] if usage.cpu_s else 0))
        usage.rss_mb.append(sum(p.rss_mb for p in tree))
        usage.anonymous_mb.append(sum(p.anonymous_mb for p in tree))
        usage.own_peak_mb = max(usage.own_peak_mb, root_peak_mb)


def _list_tree(root: int, children: Mapping[int, Sequence[int]]) -> list[int]:
    """The process and all below it."""
    tree, todo = [], [root]
    while todo:
        pid = todo.pop()
        tree.append(pid)
        todo += children.get(pid, [])
    return tree
