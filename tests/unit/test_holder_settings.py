"""The holder reads its own settings from a file that a later release may have grown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from config.errors import SettingsError
from config.holder import load_for_holder

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "doorbell.toml"


def test_what_it_reads_is_read(file: Path) -> None:
    file.write_text('[button]\npin = 5\nholder = "/run/b"\n[storage]\ndir = "/x"\n')
    settings = load_for_holder(file, {"DOORBELL_BUTTON__HOLD_MS": "20"})
    assert (settings.button.pin, settings.button.hold_ms) == (5, 20)
    assert (settings.button.holder, settings.storage.dir) == ("/run/b", "/x")


def test_sections_and_keys_of_a_later_release_are_no_mistake(file: Path) -> None:
    file.write_text("[hologram]\nrate = 1\n[button]\npin = 5\nfragrance = true\n")
    assert load_for_holder(file, {"DOORBELL_HOLOGRAM__RATE": "2"}).button.pin == 5


def test_a_mistake_of_others_does_not_silence_the_bell(file: Path) -> None:
    file.write_text('[camera]\nwidth = "wide"\n[notify]\ndeadline_s = -1\n')
    assert load_for_holder(file, {}).button.pin == 17


def test_a_mistake_of_its_own_is_told_with_its_line(file: Path) -> None:
    file.write_text("[chime]\n\n[button]\npin = 99\n")
    with pytest.raises(SettingsError) as caught:
        load_for_holder(file, {})
    (mistake,) = caught.value.mistakes
    assert (mistake.key, mistake.line) == ("button.pin", 4)
