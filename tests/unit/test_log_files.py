"""Log files: put aside when full, whole and complete with several writers."""

from __future__ import annotations

import fcntl
import json
import logging
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from doorbell.testing.waiting import until
from monitoring.logging.files import LOCK, FileHandler, LogFiles, SharedFile
from monitoring.logging.formatters import JsonFormatter

if TYPE_CHECKING:
    from pathlib import Path

WRITER = """
import sys
from pathlib import Path
from monitoring.logging.files import SharedFile
file = SharedFile(Path(sys.argv[1]), 4000, 400)
for number in range(int(sys.argv[3])):
    file.append(f"{sys.argv[2]} {number} {'x' * 40}\\n".encode())
"""


def lines_in(folder: Path, name: str) -> list[str]:
    return [
        line
        for path in folder.glob(f"{name}*")
        for line in path.read_text().splitlines()
    ]


def test_a_full_file_is_put_aside_and_the_oldest_goes(tmp_path: Path) -> None:
    file = SharedFile(tmp_path / "main.log", limit_bytes=20, kept=2)
    for number in range(8):
        file.append(f"line {number}..\n".encode())  # ten bytes: two fit
    file.close()
    found = {path.name: path.read_text() for path in tmp_path.glob("main.log*")}
    assert found == {
        "main.log": "line 6..\nline 7..\n",
        "main.log.1": "line 4..\nline 5..\n",
        "main.log.2": "line 2..\nline 3..\n",
    }


def test_several_processes_lose_and_mix_no_line(tmp_path: Path) -> None:
    path, count = tmp_path / "main.log", 600
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), name, str(count)])
        for name in "abcd"
    ]
    assert [writer.wait(30) for writer in writers] == [0] * 4
    wanted = {f"{name} {n} {'x' * 40}" for name in "abcd" for n in range(count)}
    found = lines_in(tmp_path, "main.log")
    assert set(found) == wanted
    assert len(found) == len(wanted)
    aside = [path.stat().st_size for path in tmp_path.glob("main.log.*")]
    assert len(aside) > 4
    # Put aside once, when full: not again by the next who had waited to do it.
    assert min(aside) > 3900


def test_who_was_stopped_while_it_rotates_holds_nobody_up(tmp_path: Path) -> None:
    file = SharedFile(tmp_path / "main.log", limit_bytes=20, kept=2)
    with (tmp_path / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for number in range(5):
            file.append(f"line {number}..\n".encode())
    assert len((tmp_path / "main.log").read_text().splitlines()) == 5
    file.append(b"line 5..\n")
    assert (tmp_path / "main.log").read_text() == "line 5..\n"


def test_a_file_that_is_taken_away_is_begun_anew(tmp_path: Path) -> None:
    file = SharedFile(tmp_path / "main.log", limit_bytes=1000, kept=2)
    file.append(b"one\n")
    (tmp_path / "main.log").unlink()
    file.append(b"two\n")
    assert (tmp_path / "main.log").read_text() == "two\n"


@pytest.fixture
def handler(tmp_path: Path) -> FileHandler:
    one = FileHandler(LogFiles(tmp_path / "logs"))
    one.setFormatter(JsonFormatter())
    return one


def say(handler: FileHandler, logger: str, level: int, event: str) -> None:
    record = logging.LogRecord(logger, level, "", 0, event, (), None)
    handler.handle(record)


def test_each_line_is_in_the_files_it_belongs_to(
    handler: FileHandler, tmp_path: Path
) -> None:
    say(handler, "doorbell.hub", logging.INFO, "visit_ring")
    say(handler, "doorbell.hub", logging.ERROR, "task_failed")
    say(handler, "doorbell.security", logging.WARNING, "security_event")
    handler.close()
    events = {
        path.name: [json.loads(line)["event"] for line in path.read_text().splitlines()]
        for path in (tmp_path / "logs").glob("*.log")
    }
    assert events == {
        "main.log": ["visit_ring", "task_failed", "security_event"],
        "errors.log": ["task_failed"],
        "security.log": ["security_event"],
    }
    assert all(
        path.stat().st_mode & 0o007 == 0 for path in (tmp_path / "logs").iterdir()
    )


def test_an_error_has_one_id_in_every_file(
    handler: FileHandler, tmp_path: Path
) -> None:
    say(handler, "doorbell.hub", logging.ERROR, "task_failed")
    handler.close()
    ids = {
        json.loads((tmp_path / "logs" / name).read_text())["error_id"]
        for name in ("main.log", "errors.log")
    }
    assert len(ids) == 1
    assert all(ids)


def test_a_disk_that_takes_nothing_raises_nothing(
    handler: FileHandler, tmp_path: Path
) -> None:
    (tmp_path / "logs" / "main.log").symlink_to("/dev/full")
    say(handler, "doorbell.hub", logging.INFO, "visit_ring")
    until(lambda: handler._scribe.dropped == 1, 2.0, "the line is given up")
    handler.close()
