"""Which processes of a network are still there."""

from pathlib import Path


def list_processes(folder: Path) -> dict[int, str]:
    """Pid → command line, of every process whose command line names `folder`."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if str(folder) in command:
            found[int(entry.name)] = command
    return found
