"""What the installer says to words that make no sense, before it touches anything."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

INSTALLER = Path(__file__).resolve().parents[2] / "production" / "install.sh"


@pytest.fixture
def nobody(tmp_path: Path) -> dict[str, str]:
    """An environment in which nobody is root: a test must not install anything."""
    program = tmp_path / "bin" / "id"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 1000\n")
    program.chmod(0o755)
    return {"PATH": f"{program.parent}:/usr/bin:/bin"}


def told(environ: dict[str, str], *words: str) -> tuple[int, str, str]:
    """Exit code, what was printed, and the last line of complaint."""
    done = subprocess.run(
        ["/bin/bash", str(INSTALLER), *words],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, (done.stderr.splitlines() or [""])[-1]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--release"], "--release needs a folder"),
        (["--release", ""], "--release needs a folder"),
        (["--release", "/no/such/folder"], "there is no folder /no/such/folder"),
        (["--purge"], "--purge goes with --uninstall"),
        (["--purge", "--no-start"], "--purge goes with --uninstall"),
        (["--uninstal"], "there is no option --uninstal"),
        (["release"], "there is no option release"),
    ],
)
def test_words_that_make_no_sense_are_a_usage_error(
    nobody: dict[str, str], words: list[str], complaint: str
) -> None:
    assert told(nobody, *words) == (2, "", f"install.sh: {complaint}")


def test_a_folder_that_is_no_release_is_refused(
    nobody: dict[str, str], tmp_path: Path
) -> None:
    code, _, complaint = told(nobody, "--release", str(tmp_path))
    assert code == 65
    assert complaint.endswith("is no release: it has no release.json")


@pytest.mark.parametrize("words", [[], ["--uninstall"], ["--uninstall", "--purge"]])
def test_only_root_installs_and_removes(
    nobody: dict[str, str], words: list[str]
) -> None:
    code, _, complaint = told(nobody, *words)
    assert code == 2
    assert "use sudo" in complaint


def test_help_comes_with_an_example(nobody: dict[str, str]) -> None:
    code, printed, _ = told(nobody, "--help")
    assert code == 0
    assert "example: sudo production/install.sh" in printed
