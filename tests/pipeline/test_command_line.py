"""The program `doorbell` as a person and a script meet it."""

from __future__ import annotations

import argparse
import errno
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from scripted_commands import ran

from doorbell.cli.main import build_parser, main
from doorbell.core.errors import (
    BadInputError,
    DoorbellError,
    HardwareAbsentError,
    UnavailableError,
)
from doorbell.runtime import replies

pytestmark = pytest.mark.usefixtures("no_settings_of_this_machine")


def every_command() -> list[list[str]]:
    found: list[list[str]] = []

    def walk(parser: argparse.ArgumentParser, words: list[str]) -> None:
        found.append(words)
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                for name, inner in action.choices.items():
                    walk(inner, [*words, name])

    walk(build_parser(), [])
    return found


@pytest.mark.parametrize("words", every_command(), ids=" ".join)
def test_every_command_helps_with_an_example(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--help"]) == 0
    assert "example:\n  " in capsys.readouterr().out


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["rign"],
        ["press", "--imag", "x"],
        ["enrol", "Ada", "x.jpg"],
        ["visits", "label", "v1"],
        ["visits", "label", "v1", "Ada", "--stranger"],
        ["visits", "label", "v1", "Ada", "--face", "0"],
        ["visits", "list", "--limit", "0"],
        ["enrol", "Ada", "--consent", "Ada"],
        ["enrol", " ", "x.jpg", "--consent", "Ada"],
        ["enrol", "Ada", "--camera", "--consent", "Ada", "--face", "1"],
        ["people", "rename", "Ada", " "],
        ["notify"],
    ],
    ids=" ".join,
)
def test_words_that_make_no_sense_are_refused_with_2(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, hub = ran(*argv)
    assert code == 2
    assert hub.requests() == []
    assert "error: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DoorbellError("x", hint="h"), 1),
        (BadInputError("x", hint="h"), 65),
        (UnavailableError("x", hint="h"), 69),
        (HardwareAbsentError("x", hint="h"), 75),
    ],
)
def test_an_error_has_its_exit_code_and_a_hint(
    error: DoorbellError, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran("status", ShowStatus=[error])[0] == code
    assert capsys.readouterr().err == "error: x\nhint: h\n"


def test_bad_settings_end_a_command_with_78_before_it_connects(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("[button]\npin = 99\n[camera]\nwidth = 1\n")
    for argv in (["--config", str(path), "press"], ["press", "--config", str(path)]):
        code, hub = ran(*argv)
        assert (code, hub.roles) == (78, None)
        err = capsys.readouterr().err
        assert f"{path}:2: button.pin" in err
        assert f"{path}:4: camera.width" in err


def test_a_bug_is_one_line_and_a_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert ran("status", ShowStatus=[ValueError("odd\nthing")])[0] == 1
    first, hint, number = capsys.readouterr().err.splitlines()
    assert first == "error: this is a bug: ValueError: odd"
    (trace,) = tmp_path.glob("*.traceback")
    assert str(trace) in hint
    assert "Traceback" in trace.read_text()
    # What a person reports and what the file says are found by the same id.
    assert number in trace.read_text()


def test_ctrl_c_ends_with_130_and_without_a_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert ran("press", PressRequest=[KeyboardInterrupt()])[0] == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_a_reader_that_went_away_is_no_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Closed(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr(sys, "stdout", Closed())
    assert ran("people", ListPeople=[replies.People(people=[])])[0] == 141
    assert capsys.readouterr().err == ""


def test_head_in_a_pipe_is_quiet() -> None:
    command = f"{sys.executable} -m doorbell.cli.main config schema | head -1"
    done = subprocess.run(
        ["/bin/sh", "-c", command], capture_output=True, text=True, check=True
    )
    assert done.stdout == "{\n"
    assert done.stderr == ""


def test_config_check_lists_mistakes_for_scripts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("[button]\npin = 99\n")
    assert ran("--config", str(path), "config", "check", "--json")[0] == 78
    report = json.loads(capsys.readouterr().out)
    (found,) = report["mistakes"]
    assert (report["ok"], found["key"], found["line"]) == (False, "button.pin", 2)


def test_config_check_says_what_is_unwise(capsys: pytest.CaptureFixture[str]) -> None:
    assert ran("config", "check")[0] == 0
    out = capsys.readouterr().out
    assert out.startswith("the settings are right\n")
    assert "advice: notify.targets: there is no target" in out


@pytest.mark.parametrize(
    ("mode", "said"), [(0o644, True), (0o600, False), (None, True)]
)
def test_config_check_looks_at_the_files_of_secrets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], mode: int | None, said: bool
) -> None:
    secret = tmp_path / "url"
    if mode is not None:
        secret.write_text("tgram://x/y")
        secret.chmod(mode)
    targets = f'[{{name = "a", url_file = "{secret}"}}]'
    ran("config", "check", environ={"DOORBELL_NOTIFY__TARGETS": targets})
    assert ("advice: notify.targets[0].url_file" in capsys.readouterr().out) is said


def test_config_show_masks_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    targets = '[{name = "a", url = "tgram://1234567:canary/1"}]'
    for more in ([], ["--json"]):
        ran("config", "show", *more, environ={"DOORBELL_NOTIFY__TARGETS": targets})
        out = capsys.readouterr().out
        assert "canary" not in out
        assert "tgram://***" in out


def test_config_schema_is_a_json_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "schema"], environ={}) == 0
    schema = json.loads(capsys.readouterr().out)
    assert "Button" in schema["$defs"]


def test_status_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    workers = [replies.WorkerView("vision", "running", 42, 1, "dlib")]
    status = replies.Status(
        version="1",
        uptime_s=3.2,
        workers=workers,
        camera="ok",
        engine="dlib",
        people=2,
        outbox=0,
    )
    assert ran("status", ShowStatus=[status])[0] == 0
    assert "vision  running  42" in capsys.readouterr().out
    ran("status", "--json", ShowStatus=[status])
    report = json.loads(capsys.readouterr().out)
    assert report["workers"][0]["role"] == "vision"
    assert "type" not in report


def test_a_hub_that_says_nothing_is_an_error_and_no_bug() -> None:
    assert ran("status")[0] == 69


def test_commands_start_without_heavy_imports() -> None:
    code = (
        "import sys, doorbell.cli.main; "
        "print([m for m in ('cv2','numpy','PIL','dlib','apprise') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_the_program_runs_as_installed() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("doorbell"), "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("doorbell ")
