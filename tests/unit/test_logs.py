"""The shared log: whole lines from several processes, rotation, node ids."""

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from zk0 import logs
from zk0.errors import ConfigError
from zk0.logs import JsonLines, SharedFileHandler, open_shared_log

WRITER = """
import logging, sys
from pathlib import Path
from zk0.logs import JsonLines, SharedFileHandler, identify
handler = SharedFileHandler(Path(sys.argv[1]), max_bytes=1_500, kept=200)
handler.setFormatter(JsonLines())
identify(sys.argv[2])
log = logging.getLogger("zk0")
log.addHandler(handler)
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
    handler = SharedFileHandler(file, **settings)
    handler.setFormatter(JsonLines())
    logger = logging.Logger("zk0.test")
    logger.addHandler(handler)
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
