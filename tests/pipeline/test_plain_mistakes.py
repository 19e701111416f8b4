"""What an operator is told who forgot something: what to do, never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from doorbell.cli import audit_actions
from doorbell.cli.main import main
from production.deployment.commands import main as deploy

if TYPE_CHECKING:
    from pathlib import Path

TERMINAL = "there is no terminal to ask for the passphrase"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A machine on which nothing was installed yet."""
    (tmp_path / "settings.toml").touch()
    return {
        "DOORBELL_CONFIG": str(tmp_path / "settings.toml"),
        "DOORBELL_STORAGE__DIR": str(tmp_path / "state"),
    }


@pytest.mark.parametrize("command", ["status", "health", "metrics", "setup"])
def test_without_a_daemon_they_say_how_to_start_it(
    environ: dict[str, str], capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert main([command], environ=environ) == 69
    told = capsys.readouterr().err
    assert "no doorbell is running on this machine" in told
    assert "systemctl start doorbell@blue" in told


def test_a_passphrase_is_not_asked_of_nobody(environ: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "doorbell.cli.main", "backup", "door.backup"],
        env={**os.environ, **environ},
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # No terminal either.
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert TERMINAL in done.stderr
    assert "--passphrase-file FILE" in done.stderr


def test_a_passphrase_file_is_found_where_the_caller_stands(
    environ: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["backup", "door.backup", "--passphrase-file", "words"]
    assert main(words, environ=environ) == 2
    assert "cannot be read: No such file" in capsys.readouterr().err
    # Found and read: it is refused for what it holds, before a slow key is made of it.
    (tmp_path / "words").write_text("short\n")
    assert main(words, environ=environ) == 2
    assert "fewer than 10 characters" in capsys.readouterr().err


def test_a_publisher_who_names_no_file_is_told_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys, absent = str(tmp_path / "keys"), str(tmp_path / "absent")
    words = ["publish", "refresh", str(tmp_path), "--keys", keys]
    assert deploy([*words, "--passphrase-file", absent]) == 69
    assert f"error: {absent}: No such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("module", "code", "said"),
    [
        ("cv2", 69, "the Python package cv2 is not installed"),
        ("doorbell.cli.evaluations", 1, "this is a bug"),
    ],
)
def test_only_a_package_of_others_may_be_missing(
    environ: dict[str, str], module: str, code: int, said: str
) -> None:
    program = (
        f"import sys; sys.modules[{module!r}] = None; "
        "from doorbell.cli.main import main; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "evaluate", "gallery"],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said in done.stderr
    assert done.returncode == code


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")
def test_who_may_not_read_the_audit_log_is_told_who_may(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "state"
    (state / "audit").mkdir(parents=True)
    (state / "keys").mkdir()
    (state / "keys").chmod(0)
    # Loaded now: nobody may not even read the interpreter's library everywhere.
    assert audit_actions.verify
    os.seteuid(65534)
    try:
        code = main(["audit", "verify"], environ={"DOORBELL_STORAGE__DIR": str(state)})
    finally:
        os.seteuid(0)
    assert code == 69
    assert "as the user of the doorbell or as root" in capsys.readouterr().err
