"""Values that the schema allows one by one, and that make no sense all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from loading import loaded, mistakes

from config.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("[vision]\nknown_at=0.4\nunsure_at=0.5", "vision.unsure_at", "above known_at"),
        ("[button]\nled_pin = 17", "button.led_pin", "already [button] pin"),
        ("[button]\nled_pin=4\n[chime]\ngpio_pin=4", "chime.gpio_pin", "led_pin"),
        ('[notify]\ntimezone = "Mars/Base"', "notify.timezone", "no such time zone"),
        ('[notify]\ntimezone = "../etc"', "notify.timezone", "no such time zone"),
        ("[notify]\nretry_first_s=60\nretry_max_s=5", "notify.retry_first_s", "above"),
        (
            "[supervision]\nbackoff_s=9\nbackoff_max_s=8",
            "supervision.backoff_s",
            "above backoff_max_s, 8",
        ),
        ('[chime]\nquiet_hours="21:00-21:00"', "chime.quiet_hours", "same minute"),
        ("[camera]\nrate_fps=30\npreroll_s=10", "camera.preroll_s", "MiB"),
        ('[camera]\nurl_file = "x"', "camera.url_file", "only for"),
        ('[synthetic]\ndaily_target = "x"', "synthetic.daily_target", "no target"),
    ],
)
def test_values_that_contradict_each_other_are_refused(
    tmp_path: Path, text: str, key: str, words: str
) -> None:
    (found,) = mistakes(tmp_path, text)
    assert found.key == key
    assert words in found.message


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ('name="a"', "needs `url` or `url_file`"),
        ('name="a"\nurl="console:"\nurl_file="/f"', "not both"),
        ('name="a"\nurl="phone"', "no `scheme:`"),
        ('name="A b"\nurl="console:"', "small letters"),
        (
            'name="a"\nurl="console:"\nrules=[{person="x"},{person="x"}]',
            "2 rules for the same person",
        ),
    ],
)
def test_a_target_must_make_sense(tmp_path: Path, target: str, words: str) -> None:
    (found,) = mistakes(tmp_path, f"[[notify.targets]]\n{target}\n")
    assert words in found.message


def test_target_names_are_unique(tmp_path: Path) -> None:
    one = '[[notify.targets]]\nname = "a"\nurl = "console:"\n'
    (found,) = mistakes(tmp_path, one + one)
    assert (found.key, found.line) == ("notify.targets[1].name", 5)


def test_a_wrong_value_causes_no_second_complaint_about_its_default(
    tmp_path: Path,
) -> None:
    # Replaced by its default, None, the pin contradicts nothing; 17 would.
    found = mistakes(tmp_path, '[button]\npin = "x"\nled_pin = 17\n')
    assert [m.key for m in found] == ["button.pin"]


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_numbers_are_finite(tmp_path: Path, number: str) -> None:
    (found,) = mistakes(tmp_path, f"[vision]\nknown_at = {number}\n")
    assert "finite" in found.message


@pytest.mark.parametrize("text", ["a\\u0000b", "a\\nb", "\\u001b[2J", "\\u202e"])
def test_text_holds_no_control_characters(tmp_path: Path, text: str) -> None:
    (found,) = mistakes(tmp_path, f'[storage]\ndir = "{text}"\n')
    assert "control characters" in found.message


def test_masks_are_polygons_of_fractions(tmp_path: Path) -> None:
    good = "[camera]\nmasks = [[[0, 0], [1, 0], [0.5, 1]]]\n"
    assert loaded(tmp_path, good).camera.masks == [[(0.0, 0.0), (1.0, 0.0), (0.5, 1.0)]]
    for bad in ("[[[0, 0], [1, 1]]]", "[[[0, 0], [2, 0], [0, 1]]]", "[[0, 1]]"):
        (found,) = mistakes(tmp_path, f"[camera]\nmasks = {bad}\n")
        assert found.key == "camera.masks"


def test_a_secret_in_a_wrong_value_is_not_repeated(tmp_path: Path) -> None:
    text = '[camera]\nsource = "rtsp//me:canary-secret@cam"\n'
    with pytest.raises(SettingsError) as caught:
        loaded(tmp_path, text)
    assert "canary-secret" not in str(caught.value)
