"""The kernel's own interface to GPIO lines: the numbers of linux/gpio.h."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doorbell.adapters import gpio_chardev as chardev
from doorbell.core.errors import HardwareAbsentError

if TYPE_CHECKING:
    from pathlib import Path


def test_the_calls_are_the_kernels() -> None:
    # As a C program prints them that includes linux/gpio.h; the size of each structure
    # is in its number.
    assert chardev.GET_CHIP_INFO == 0x8044B401
    assert chardev.GET_LINE_INFO == 0xC100B405
    assert chardev.GET_LINE == 0xC250B407
    assert chardev.GET_VALUES == 0xC010B40E
    assert chardev.SET_VALUES == 0xC010B40F


def test_a_machine_without_a_chip_has_no_line(tmp_path: Path) -> None:
    with pytest.raises(HardwareAbsentError, match="GPIO17") as caught:
        chardev.take(17, chardev.INPUT, tmp_path)
    assert caught.value.exit_code == 75
    assert "gpioinfo" in caught.value.hint


def test_a_file_that_is_no_chip_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "gpiochip0").write_bytes(b"")
    with pytest.raises(HardwareAbsentError, match="no GPIO chip"):
        chardev.take(17, chardev.INPUT, tmp_path)
