"""Ctrl-C and SIGTERM between the start of a child process and the note of who ends it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_NUMBERS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def hold_interrupts() -> Iterator[None]:
    """SIGINT and SIGTERM that arrive inside the block take effect at its end.

    A handler that raises between `Popen` and the place that remembers the child would leave a
    process that nobody ends. Outside the main thread, where no handler runs, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    previous = {n: signal.signal(n, lambda number, _frame: held.append(number)) for n in _NUMBERS}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        for arrived in held:
            signal.raise_signal(arrived)
