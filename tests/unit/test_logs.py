"""The shared log: whole lines from several processes, rotation, node ids."""

import io
import json
import logging
import re
import subprocess
import sys
from pathlib import Path

import pytest

from zk0 import logs
from zk0.errors import ConfigError
from zk0.logs import SharedFile, open_shared_log, route_records

WRITER = """
import logging, sys
from pathlib import Path
from zk0.logs import SharedFile, identify, route_records
shared = SharedFile(Path(sys.argv[1]), max_bytes=1_500, kept=200)
identify(sys.argv[2])
log = logging.getLogger("zk0")
log.addHandler(route_records(None, shared))
print("ready", flush=True)
sys.stdin.readline()
for number in range(200):
    log.warning("line %d of %s", number, sys.argv[2])
"""


def read_lines(folder: Path) -> list[dict]:
    files = sorted(folder.glob("log.jsonl*"))
    return [
        json.loads(line)
        for file in files
        if file.suffix != ".lock"
        for line in file.read_text().splitlines()
    ]


def test_processes_share_one_log_and_no_line_is_lost(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path / "log.jsonl")]
    pipe = subprocess.PIPE
    writers = [
        subprocess.Popen([*command, f"0x{number}"], stdin=pipe, stdout=pipe) for number in range(3)
    ]
    for writer in writers:
        writer.stdout.readline()
    for writer in writers:  # all at once
        writer.stdin.write(b"go\n")
        writer.stdin.flush()
    assert [writer.communicate() and writer.returncode for writer in writers] == [0, 0, 0]
    lines = read_lines(tmp_path)
    found = {(line["node"], line["message"]) for line in lines}
    assert len(lines) == 600
    assert found == {(f"0x{n}", f"line {i} of 0x{n}") for n in range(3) for i in range(200)}
    assert len(list(tmp_path.glob("log.jsonl.*[0-9]"))) > 1


def make_logger(file: Path, **settings: int) -> logging.Logger:
    logger = logging.Logger("zk0.test")
    logger.addHandler(route_records(None, SharedFile(file, **settings)))
    return logger


def test_only_the_newest_files_are_kept(tmp_path: Path) -> None:
    log = make_logger(tmp_path / "log.jsonl", max_bytes=300, kept=2)
    for number in range(20):
        log.warning("%d", number)
    names = {file.name for file in tmp_path.iterdir()}
    assert names == {"log.jsonl", "log.jsonl.1", "log.jsonl.2", "log.jsonl.lock"}
    assert max(int(line["message"]) for line in read_lines(tmp_path)) == 19


def test_a_line_has_time_level_process_node_and_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_identity", {"process": "zk0-node", "node": "0xab"})
    log = make_logger(tmp_path / "log.jsonl")
    try:
        raise ValueError("broken\nin two lines")
    except ValueError:
        log.exception("round %d", 3)
    (line,) = read_lines(tmp_path)
    assert (line["level"], line["process"], line["node"]) == ("ERROR", "zk0-node", "0xab")
    assert (line["logger"], line["message"]) == ("zk0.test", "round 3")
    assert line["time"].endswith("+00:00")
    assert "ValueError: broken" in line["error"]


def test_a_traceback_shows_no_values_of_variables(tmp_path: Path) -> None:
    console = io.StringIO()
    log = logging.Logger("zk0.test")
    log.addHandler(route_records(console, SharedFile(tmp_path / "log.jsonl")))

    def open_wallet(password: str) -> None:
        raise ValueError("cannot open")

    secret = "correct " + "horse"
    try:
        open_wallet(secret)
    except ValueError:
        log.exception("no wallet")
    shown = console.getvalue()
    assert "ValueError: cannot open" in shown
    assert secret not in shown + (tmp_path / "log.jsonl").read_text()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_console_is_coloured_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    log = logging.Logger("zk0.test")
    for console, is_coloured in ((Terminal(), True), (io.StringIO(), False)):
        log.handlers = [route_records(console, None)]
        log.warning("<red> and {braces} stay %s", "words")
        text = console.getvalue()
        assert ("\x1b[" in text) is is_coloured
        assert text.endswith(" <red> and {braces} stay words\n")
    assert re.fullmatch(r"\d\d:\d\d:\d\d WARNING <red> .*\n", text)


def test_a_full_disk_does_not_end_a_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = make_logger(tmp_path / "log.jsonl")

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(SharedFile, "_rotate", refuse)
    log.warning("not written")
    assert "No space left on device" in capsys.readouterr().err


def test_the_shared_log_is_off_unless_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ZK0_LOG", raising=False)
    assert open_shared_log() is None


def test_a_log_that_cannot_be_written_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ZK0_LOG", str(tmp_path / "file" / "log.jsonl"))
    with pytest.raises(ConfigError, match=r"cannot write the log .* that ZK0_LOG names"):
        open_shared_log()
