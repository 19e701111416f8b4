"""Settings: every mistake at once, with its line, and nothing wrong let through."""

from __future__ import annotations

import contextlib
import math
import os
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from loading import NO_VARIABLES, loaded, mistakes

from config.errors import SettingsError
from config.files import MAX_BYTES
from config.loader import load

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def test_without_a_file_the_defaults_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("config.loader.DEFAULT_PATH", tmp_path / "absent.toml")
    settings = load(None, NO_VARIABLES)
    assert settings.profile == "production"
    assert settings.button.pin == 17
    assert settings.notify.targets == []


@pytest.mark.parametrize("by_variable", [False, True])
def test_a_named_file_must_exist(tmp_path: Path, by_variable: bool) -> None:
    absent = tmp_path / "absent.toml"
    environ = {"DOORBELL_CONFIG": str(absent)} if by_variable else NO_VARIABLES
    with pytest.raises(SettingsError, match="no such file") as caught:
        load(None if by_variable else absent, environ)
    assert str(absent) in str(caught.value)


def test_all_mistakes_are_listed_at_once_with_their_lines(tmp_path: Path) -> None:
    text = (
        'profle = "production"\n'
        "\n"
        "[button]\n"
        'pin = "17a"\n'
        "pul = 1\n"
        "[camera]\n"
        "width = 1\n"
        "rotate = 91\n"
        "[[notify.targets]]\n"
        'url = "console:"\n'
        "[[notify.targets]]\n"
        'name = "b"\n'
        "enabled = 1\n"
        "[buton]\n"
    )
    found = [(m.line, m.key) for m in mistakes(tmp_path, text)]
    assert found == [
        (1, "profle"),
        (4, "button.pin"),
        (5, "button.pul"),
        (7, "camera.width"),
        (8, "camera.rotate"),
        (9, "notify.targets[0].name"),
        (11, "notify.targets[1]"),
        (13, "notify.targets[1].enabled"),
        (14, "buton"),
    ]


def test_the_error_names_file_line_and_key(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        loaded(tmp_path, "\n[button]\npin = 99\n")
    place = f"{tmp_path}/doorbell.toml:3: button.pin: "
    assert place + "must be a whole number from 0 to 53, not 99" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("[buton]", "did you mean `button`?"),
        ("[button]\npinn = 1", "did you mean `pin`?"),
        ("[vision]\nnear = 1", "there is no such setting"),
        ("[camera]\nhold_ms = 1", "it belongs in `[button]`"),
        ("pin = 1", "it belongs in `[button]`"),
        ('[camera]\nflip = "vertcal"', 'not "vertcal"'),
    ],
)
def test_an_unknown_word_gets_a_guess(tmp_path: Path, text: str, hint: str) -> None:
    (found,) = mistakes(tmp_path, text)
    assert hint in found.message


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[button]\npin = 17\npin = 18\n", 3, "set twice, first in line 2"),
        ("[button]\n[camera]\n[button]\n", 3, "twice"),
        ("a = 1\nthis is no TOML\n", 2, "not TOML"),
        ("[button]\nsource = gpio\n", 2, "text needs quotes"),
        ("[button]\nsource = \u201cgpio\u201d\n", 2, "straight quotes"),
        ('[button]\nsource = "gpio\npin = 1\n', 2, "not TOML"),
        ("[chime]\ncommand = [\n\n", 2, "not TOML"),
        (b"\xff\xfe[\x00", 1, "UTF-16"),
        (b"a = 1\nb = '\xff'\n", 2, "not UTF-8: byte 0xff"),
        ("\x00", 1, "not TOML"),
        ("button = 3", 1, "must be a table, `[button]`"),
        ("[button]\npin = " + "9" * 5000, None, "not TOML"),
        ("a = " + "[" * 20_000, None, "nested too deeply"),
    ],
)
def test_text_that_cannot_be_read_is_refused_at_its_line(
    tmp_path: Path, text: str | bytes, line: int | None, words: str
) -> None:
    (found,) = mistakes(tmp_path, text)
    assert words in found.message
    if line is not None:
        assert found.line == line


def test_what_editors_on_windows_write_is_understood(tmp_path: Path) -> None:
    text = b"\xef\xbb\xbf[button]\r\n\tpin\t=\t4\t# tab\r\n"
    assert loaded(tmp_path, text).button.pin == 4


def test_lines_are_right_after_a_byte_order_mark_and_crlf(tmp_path: Path) -> None:
    (found,) = mistakes(tmp_path, b"\xef\xbb\xbf\r\n[button]\r\npin = -1\r\n")
    assert found.line == 3


def test_a_directory_is_no_settings_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="is a directory"):
        load(tmp_path, NO_VARIABLES)


def test_a_fifo_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(SettingsError, match="is not a regular file"):
        load(tmp_path / "fifo", NO_VARIABLES)


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.toml"
    with path.open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    begin = time.monotonic()
    with pytest.raises(SettingsError, match=f"at most {MAX_BYTES}"):
        load(path, NO_VARIABLES)
    assert time.monotonic() - begin < 0.5


def test_variables_stand_above_the_file(tmp_path: Path) -> None:
    environ = {
        "DOORBELL_PROFILE": "testing",
        "DOORBELL_BUTTON__PIN": "4",
        "DOORBELL_CAMERA__FOLDER_LOOP": "false",
        "DOORBELL_CAMERA__ROTATE": "90",
        "DOORBELL_VISION__KNOWN_AT": "0.5",
        "DOORBELL_CHIME__COMMAND": '["aplay", "ding.wav"]',
        "DOORBELL_STORAGE__DIR": "/tmp/state",
        "DOORBELL_NOTIFY__TARGETS": '[{name = "a", url = "console:"}]',
        "PATH": "/bin",
    }
    settings = loaded(tmp_path, "[button]\npin = 5\nhold_ms = 20\n", environ)
    assert settings.profile == "testing"
    assert (settings.button.pin, settings.button.hold_ms) == (4, 20)
    assert settings.camera.folder_loop is False
    assert settings.camera.rotate == 90
    assert settings.vision.known_at == 0.5
    assert settings.chime.command == ["aplay", "ding.wav"]
    assert settings.storage.dir == "/tmp/state"
    assert settings.notify.targets[0].url == "console:"


@pytest.mark.parametrize("nothing", ["", "none", "NULL"])
def test_an_empty_variable_unsets_what_may_be_unset(
    tmp_path: Path, nothing: str
) -> None:
    environ = {"DOORBELL_VISION__KNOWN_AT": nothing}
    text = "[vision]\nknown_at = 0.5\n"
    assert loaded(tmp_path, text, environ).vision.known_at is None


def test_a_list_of_tables_in_json_is_understood(tmp_path: Path) -> None:
    environ = {"DOORBELL_NOTIFY__TARGETS": '[{"name": "a", "url": "console:"}]'}
    assert loaded(tmp_path, "", environ).notify.targets[0].name == "a"


def test_a_variable_cannot_smuggle_in_other_keys(tmp_path: Path) -> None:
    environ = {"DOORBELL_CHIME__COMMAND": "[]\nprofile = 'testing'"}
    (found,) = mistakes(tmp_path, "", environ)
    assert found.key == "chime.command"


@pytest.mark.parametrize(
    ("name", "guess"),
    [
        ("DOORBELL_BUTON__PIN", "did you mean `DOORBELL_BUTTON__PIN`?"),
        ("DOORBELL_BUTTON_PIN", "did you mean `DOORBELL_BUTTON__PIN`?"),
        ("DOORBELL_CONFIGG", "did you mean `DOORBELL_CONFIG`?"),
        ("DOORBELL_", "nothing reads it"),
    ],
)
def test_a_variable_nobody_reads_is_a_mistake(
    tmp_path: Path, name: str, guess: str
) -> None:
    (found,) = mistakes(tmp_path, "", {name: "1"})
    assert found.where == name
    assert guess in found.message


@pytest.mark.parametrize(
    "name",
    [
        "DOORBELL_TEST_DATA",
        "DOORBELL_CACHE",
        "DOORBELL_SERVICE_HOST",
        "DOORBELL_PORT_9713_TCP_ADDR",
        "DOORBELLS",
        "doorbell_x",
    ],
)
def test_variables_of_others_are_left_alone(tmp_path: Path, name: str) -> None:
    loaded(tmp_path, "", {name: "anything"})


def test_a_mistake_in_a_variable_names_the_variable(tmp_path: Path) -> None:
    environ = {"DOORBELL_CAMERA__WIDTH": "wide"}
    (found,) = mistakes(tmp_path, "[camera]\nwidth = 640\n", environ)
    assert (found.where, found.line) == ("DOORBELL_CAMERA__WIDTH", None)
    assert found.key == "camera.width"


def test_a_broken_file_hides_no_mistake_in_the_variables(tmp_path: Path) -> None:
    found = mistakes(tmp_path, "]", {"DOORBELL_BUTTON__PIN": "x"})
    assert [m.key for m in found] == ["", "button.pin"]


def test_settings_cannot_be_changed(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "")
    with pytest.raises(AttributeError):
        settings.button.pin = 3  # type: ignore[misc]


def seconds_to_load(tmp_path: Path, targets: int) -> float:
    """The processor's time, the least of three."""
    one = '[[notify.targets]]\nname = "t{}"\nurl = "console:"\n'
    text = "".join(one.format(number) for number in range(targets))
    took = []
    for _ in range(3):
        begin = time.process_time()
        loaded(tmp_path, text)
        took.append(time.process_time() - begin)
    return min(took)


def test_a_large_file_takes_as_much_longer_as_it_is_larger(tmp_path: Path) -> None:
    # Kills: each target compared with each, 16 times as long. 200 take some 60 ms.
    few, many = (seconds_to_load(tmp_path, count) for count in (50, 200))
    assert many < few * 8


@given(st.integers())
@example(0)
@example(53)
def test_a_pin_is_taken_exactly_within_its_range(
    tmp_path_factory: pytest.TempPathFactory, pin: int
) -> None:
    """Kills: a bound off by one, or a value taken without conversion."""
    folder = tmp_path_factory.getbasetemp()
    if abs(pin) >= 2**63:
        return
    text = f"[button]\npin = {pin}\n"
    if 0 <= pin <= 53:
        assert loaded(folder, text).button.pin == pin
    else:
        assert len(mistakes(folder, text)) == 1


@given(st.floats(allow_nan=False))
def test_a_number_reads_the_same_from_file_and_variable(
    tmp_path_factory: pytest.TempPathFactory, number: float
) -> None:
    """Kills: a variable that bypasses the range, or is parsed differently."""
    folder = tmp_path_factory.getbasetemp()
    literal = repr(number) if math.isfinite(number) else str(number)

    def outcome(text: str, environ: Mapping[str, str]) -> object:
        try:
            return loaded(folder, text, environ).notify.deadline_s
        except SettingsError as error:
            return [m.message for m in error.mistakes]

    from_file = outcome(f"[notify]\ndeadline_s = {literal}\n", NO_VARIABLES)
    from_variable = outcome("", {"DOORBELL_NOTIFY__DEADLINE_S": literal})
    assert from_file == from_variable


@given(st.binary(max_size=300))
def test_no_bytes_make_the_loader_fail_otherwise(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    """Kills: an exception of tomllib or of the decoder that nobody catches."""
    with contextlib.suppress(SettingsError):
        loaded(tmp_path_factory.getbasetemp(), content)
