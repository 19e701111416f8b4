"""No secret in a log line, a shown setting or an error."""

from __future__ import annotations

import io
import logging
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.masking import mask_url, masked, redact, secrets_in
from config.production.production_settings import ProductionSettings
from config.rendering import to_toml
from doorbell.cli.main import main
from doorbell.core.errors import UnavailableError
from doorbell.testing.connection import ScriptedConnection
from monitoring.logging.structured_logging import Redactor, configure_logging, protect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitoring.logging.structured_logging import Format

CANARY = "c4n4ry-5ecret"


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level, logging.raiseExceptions
    yield
    root.handlers[:], level, logging.raiseExceptions = before
    root.setLevel(level)


@pytest.mark.parametrize(
    "text",
    [
        f"GET https://me:{CANARY}@cam.lan/1 failed",
        f"https://me:pa/{CANARY}@cam.lan/1",
        f"https://push.example.org/send?auth={CANARY}&x=1",
        f"tgram://{CANARY}/12345",
        f"discord://id/{CANARY}",
        f"rtsp://{CANARY}@cam.lan:554/stream",
        f"Authorization: Bearer {CANARY}",
        f'{{"token": "{CANARY}"}}',
        f"password={CANARY}",
        f"PASSWD: '{CANARY}'",
        f"api_key={CANARY};x=1",
        f"X-Api-Key: {CANARY}",
        f"client_secret = {CANARY}",
        f"ntfy said tk_{'a' * 10}{CANARY.replace('-', '')}aaaaaaa",
        f"eyJhbGciOiJIUzI1.{CANARY}.abc",
    ],
)
def test_a_secret_is_known_by_its_shape(text: str) -> None:
    assert CANARY not in redact(text)
    assert CANARY.replace("-", "") not in redact(text)
    assert "***" in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "visit 3f2a9c0d3f2a9c0d3f2a9c0d3f2a9c0d closed after 1.9 s",
        "https://github.com/x/y",
        "file:/var/lib/doorbell/out",
        "the basic idea",
        "monkey=3",
        "12:30:45 ring",
        "",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("ntfy+https://ntfy.sh/my-topic", "ntfy+https://ntfy.sh/***"),
        ("ntfys://my-topic", "ntfys://***"),
        ("tgram://1234:abc/99", "tgram://***"),
        ("webhook+https://me:pw@h.lan:8/x?y=1", "webhook+https://***@h.lan:8/***"),
        ("https://h.lan?y=1", "https://h.lan?***"),
        ("rtsp://cam.lan/user=a_password=b", "rtsp://cam.lan/***"),
        ("rtsp://cam.lan/", "rtsp://cam.lan/"),
        ("file:/folder", "file:/folder"),
        ("file:///folder", "file:///folder"),
        ("console:", "console:"),
        ("mailto:me@example.org", "***"),
    ],
)
def test_an_address_keeps_its_scheme_and_host_only(url: str, shown: str) -> None:
    assert mask_url(url) == shown


secrets = st.text("abcXYZ0189-_.~%", min_size=8, max_size=20).map(lambda s: f"q{s}z")


@given(secrets, st.sampled_from(["ntfys", "tgram", "https", "webhook+https", "rtsp"]))
def test_no_part_of_an_address_that_is_secret_survives(
    secret: str, scheme: str
) -> None:
    """Kills: user info, path or query left in place for one of the schemes."""
    for url in (
        f"{scheme}://u:{secret}@h.lan/p",
        f"{scheme}://h.lan/{secret}",
        f"{scheme}://h.lan/p?k={secret}",
        f"{scheme}://h.lan/p#{secret}",
    ):
        assert secret not in mask_url(url)


def test_shown_settings_hold_no_secret() -> None:
    raw = {
        "camera": {"source": f"rtsp://me:{CANARY}@cam.lan/{CANARY}"},
        "chime": {
            "command": [
                "curl",
                f"https://h.lan/{CANARY}",
                f"--oauth2-bearer=Bearer {CANARY}",
                f"token={CANARY}",
            ]
        },
        "notify": {
            "targets": [
                {"name": "a", "url": f"tgram://{CANARY}/1"},
                {"name": "b", "url": f"ntfy+https://h.lan/{CANARY}"},
                {"name": "c", "url": f"mailto:{CANARY}"},
            ]
        },
    }
    settings = msgspec.convert(raw, ProductionSettings)
    text = to_toml(masked(msgspec.to_builtins(settings)))
    assert CANARY not in text
    assert 'name = "a"' in text
    assert "ntfy+https://h.lan/***" in text


def test_configured_secrets_are_masked_by_value_anywhere() -> None:
    raw = {"notify": {"targets": [{"name": "a", "url": f"ntfys://{CANARY}"}]}}
    redactor = Redactor()
    redactor.protect(secrets_in(msgspec.convert(raw, ProductionSettings)))
    assert redactor.clean(f"no topic {CANARY} on this server") == (
        "no topic *** on this server"
    )


def test_a_secret_that_holds_another_leaves_no_rest() -> None:
    redactor = Redactor()
    redactor.protect(["secret", "secret-and-more"])
    assert redactor.clean("x secret-and-more y") == "x *** y"


def test_a_percent_encoded_secret_is_masked_as_well() -> None:
    redactor = Redactor()
    redactor.protect(["pass/word+1"])
    assert "pass" not in redactor.clean("GET /?x pass%2Fword%2B1")


def test_a_short_secret_does_not_shred_the_line() -> None:
    redactor = Redactor()
    redactor.protect(["a", ""])
    assert redactor.clean("a camera") == "a camera"


def test_a_secret_at_the_cut_of_a_long_value_leaves_no_half() -> None:
    redactor = Redactor()
    redactor.protect([CANARY])
    for shift in range(len(CANARY) + 1):
        text = "x" * (4000 - shift) + CANARY + "y" * 100
        assert CANARY[:4] not in redactor.clean(text)


@pytest.mark.parametrize("fmt", ["json", "plain"])
def test_no_secret_gets_into_a_line_by_any_way(fmt: Format) -> None:
    stream = io.StringIO()
    configure_logging("info", fmt, stream)
    protect([CANARY])
    log = logging.getLogger("doorbell.test")
    try:
        _ = {"x": 1}[CANARY]
    except KeyError as error:
        log.exception("%s", CANARY, extra={"error": error, "x": {CANARY: [CANARY]}})
    log.info("named", extra={"token": "abc123", "d": {"password": "hunter2"}})
    assert CANARY not in stream.getvalue()
    assert "abc123" not in stream.getvalue()
    assert "hunter2" not in stream.getvalue()


def test_masking_hostile_text_takes_linear_time() -> None:
    for text in (
        "token" * 40_000,
        "://" * 60_000,
        "eyJ" * 60_000,
        "a://" + "@" * 90_000,
    ):
        redact(text)  # the time limit of the test is the promise


def test_an_error_of_a_command_repeats_no_secret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "doorbell.toml"
    path.write_text(f'[[notify.targets]]\nname = "a"\nurl = "tgram://{CANARY}/1"\n')
    failing = ScriptedConnection(
        {"ShowStatus": [UnavailableError(f"cannot reach {CANARY}")]}
    )
    argv = ["--config", str(path), "status"]
    assert main(argv, connect=failing, environ={}) == 69
    bug = ScriptedConnection({"ShowStatus": [RuntimeError(f"odd {CANARY}")]})
    assert main(argv, connect=bug, environ={"TMPDIR": str(tmp_path)}) == 1
    out, err = capsys.readouterr()
    assert CANARY not in out + err
