"""Run one of Flower's commands as a child that does not outlive its parent.

    python -P flower_child.py PARENT_PID SCRIPT [ARGUMENT …]

A SuperNode that survives a killed node would keep the node's key in use for a minute, and
a forgotten SuperLink its port for ever. When the parent is gone the command is asked to
end (a SuperNode then signs off), and ended if it does not.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time

CHECK_EVERY_S = 0.5
GRACE_S = 5.0


def main() -> None:
    """Take the place of SCRIPT, watched."""
    parent_pid, script = int(sys.argv[1]), sys.argv[2]
    sys.argv = sys.argv[2:]
    threading.Thread(target=_end_with_parent, args=(parent_pid,), daemon=True).start()
    runpy.run_path(script, run_name="__main__")


def _end_with_parent(parent_pid: int) -> None:
    while os.getppid() == parent_pid:
        time.sleep(CHECK_EVERY_S)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    os._exit(1)


if __name__ == "__main__":
    main()
