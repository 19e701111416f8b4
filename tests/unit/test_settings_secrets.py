"""Secrets come from files, whole, and never into a message."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from config.errors import SettingsError
from config.secrets import MAX_BYTES, is_exposed, read_secret

if TYPE_CHECKING:
    from pathlib import Path

KEY = "notify.targets[0].url_file"


def written(folder: Path, content: bytes) -> str:
    path = folder / "secret"
    path.write_bytes(content)
    return str(path)


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_secret_is_read_without_its_line_feed(tmp_path: Path, end: bytes) -> None:
    name = written(tmp_path, b"tgram://token/chat" + end)
    assert read_secret(KEY, name, {}) == "tgram://token/chat"


def test_spaces_within_a_secret_are_kept(tmp_path: Path) -> None:
    assert read_secret(KEY, written(tmp_path, b" a b \n"), {}) == " a b "


def test_a_relative_name_is_a_credential_of_systemd(tmp_path: Path) -> None:
    written(tmp_path, b"token")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert read_secret(KEY, "secret", environ) == "token"


def test_without_credentials_a_relative_name_is_refused() -> None:
    with pytest.raises(SettingsError, match="LoadCredential"):
        read_secret(KEY, "secret", {})


@pytest.mark.parametrize("name", ["../secret", "../credentials/mine", "."])
def test_a_relative_name_cannot_leave_the_credentials(
    tmp_path: Path, name: str
) -> None:
    written(tmp_path, b"of somebody else")
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "mine").write_text("token")
    environ = {"CREDENTIALS_DIRECTORY": str(credentials)}
    assert read_secret(KEY, "mine", environ) == "token"
    with pytest.raises(SettingsError, match="plain name"):
        read_secret(KEY, name, environ)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"one\ntwo\n", "one line"),
        (b"a\x00b", "one line"),
        (b"\xff\xfe", "not UTF-8"),
        (b"x" * (MAX_BYTES + 1), "longer"),
    ],
)
def test_what_is_no_secret_is_refused_without_quoting_it(
    tmp_path: Path, content: bytes, words: str
) -> None:
    with pytest.raises(SettingsError, match=words) as caught:
        read_secret(KEY, written(tmp_path, content), {})
    (mistake,) = caught.value.mistakes
    assert mistake.key == KEY
    assert "one\ntwo" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        read_secret(KEY, str(tmp_path / "absent"), {})


def test_a_fifo_or_a_folder_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for name in (str(tmp_path / "fifo"), str(tmp_path)):
        with pytest.raises(SettingsError):
            read_secret(KEY, name, {})


@pytest.mark.parametrize(
    ("mode", "exposed"), [(0o600, False), (0o640, False), (0o644, True), (0o604, True)]
)
def test_a_file_is_exposed_when_everybody_may_read_it(mode: int, exposed: bool) -> None:
    assert is_exposed(mode) is exposed
