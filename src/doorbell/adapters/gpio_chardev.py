"""Lines of a GPIO chip by the kernel's own interface, without a library.

gpiozero and lgpio keep the line's descriptor to themselves; the button holder must
hand it to the service manager, which keeps the line open while the holder is started
anew. Version 2 of the interface, Linux 5.10 and later; numbers and structures are
those of linux/gpio.h.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Self

from doorbell.adapters.gpio_lines import LineBusyError
from doorbell.core.errors import HardwareAbsentError

if TYPE_CHECKING:
    from collections.abc import Iterator

# struct gpiochip_info: name, label, lines.
_CHIP_INFO = struct.Struct("=32s32sI")
# struct gpio_v2_line_info: name, consumer, offset, and what nobody here asks for.
_LINE_INFO = struct.Struct("=32s32sI188x")
# struct gpio_v2_line_request: offsets[64], consumer, flags, the rest of the
# configuration, num_lines, event_buffer_size, padding, fd.
_REQUEST = struct.Struct("=I252x32sQ264xII20xi")
_VALUES = struct.Struct("=QQ")


def _ioctl_number(direction: int, number: int, size: int) -> int:
    return direction << 30 | size << 16 | 0xB4 << 8 | number


_READ, _READ_WRITE = 2, 3
GET_CHIP_INFO = _ioctl_number(_READ, 0x01, _CHIP_INFO.size)
GET_LINE_INFO = _ioctl_number(_READ_WRITE, 0x05, _LINE_INFO.size)
GET_LINE = _ioctl_number(_READ_WRITE, 0x07, _REQUEST.size)
GET_VALUES = _ioctl_number(_READ_WRITE, 0x0E, _VALUES.size)
SET_VALUES = _ioctl_number(_READ_WRITE, 0x0F, _VALUES.size)

ACTIVE_LOW, INPUT, OUTPUT = 1 << 1, 1 << 2, 1 << 3
BOTH_EDGES = 1 << 4 | 1 << 5
BIAS = {"up": 1 << 8, "down": 1 << 9, "floating": 1 << 10}

# Edges that the kernel keeps while nobody reads; 16 unless asked for more.
EVENTS_KEPT = 512
_CONSUMER = b"doorbell"
# The header of a Pi 1-4 and of a Pi 5; other chips of a Pi drive its own lights.
_HEADERS = (b"pinctrl-bcm2835", b"pinctrl-bcm2711", b"pinctrl-rp1")
_ABSENT_HINT = (
    "Run it on a Pi, as a member of the group `gpio`; `gpioinfo` must list the line."
)


def request_line(chip_fd: int, offset: int, flags: int) -> int:
    """Take a line; returns its descriptor, which holds it.

    Raises:
        OSError: EBUSY when somebody else has it, EINVAL when there is no such line.
    """
    edges = EVENTS_KEPT if flags & BOTH_EDGES else 0
    wanted = bytearray(_REQUEST.pack(offset, _CONSUMER, flags, 1, edges, -1))
    fcntl.ioctl(chip_fd, GET_LINE, wanted)
    fd = int(_REQUEST.unpack(wanted)[-1])
    os.set_blocking(fd, False)
    return fd


def is_active(line_fd: int) -> bool:
    """Whether the line is active now.

    Raises:
        OSError: its chip is gone.
    """
    values = bytearray(_VALUES.pack(0, 1))
    fcntl.ioctl(line_fd, GET_VALUES, values)
    return bool(_VALUES.unpack(values)[0] & 1)


def set_active(line_fd: int, *, active: bool) -> None:
    """Drive an output line.

    Raises:
        OSError: its chip is gone.
    """
    fcntl.ioctl(line_fd, SET_VALUES, bytearray(_VALUES.pack(int(active), 1)))


def take(pin: int, flags: int, folder: Path = Path("/dev")) -> int:
    """Take the line of the header that has this BCM number.

    Raises:
        HardwareAbsentError: no chip has it.
        LineBusyError: another program holds it.
    """
    with open_header(folder, pin) as chip:
        try:
            return request_line(chip.fileno(), pin, flags)
        except OSError as error:
            if error.errno == errno.EBUSY:
                msg = f"GPIO{pin} is in use: {error.strerror}"
                raise LineBusyError(msg) from error
            msg = f"GPIO{pin} cannot be taken: {error.strerror}"
            raise HardwareAbsentError(msg, hint=_ABSENT_HINT) from error


def open_header(folder: Path, pin: int) -> Chip:
    """Open the chip of the header.

    The one that calls the line `GPIO<pin>`, as a Pi's device tree does; else the one
    whose driver is a Pi's; else the only one there is.

    Raises:
        HardwareAbsentError: there is none, or none that is surely the header's.
    """
    chips = list(_chips(folder))
    name = b"GPIO%d" % pin
    chosen = next((c for c in chips if c.name_of(pin) == name), None)
    chosen = chosen or next((c for c in chips if c.label in _HEADERS), None)
    chosen = chosen or (chips[0] if len(chips) == 1 else None)
    for chip in chips:
        if chip is not chosen:
            chip.close()
    if chosen is None or pin >= chosen.lines:
        if chosen is not None:
            chosen.close()
        msg = f"no GPIO chip here has a line GPIO{pin}"
        raise HardwareAbsentError(msg, hint=_ABSENT_HINT)
    return chosen


class Chip:
    """An open `/dev/gpiochipN`.

    Raises:
        OSError: not ours to open, or no GPIO chip.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        info = bytearray(_CHIP_INFO.size)
        try:
            fcntl.ioctl(self._file, GET_CHIP_INFO, info)
        except OSError:
            self._file.close()
            raise
        _, label, self.lines = _CHIP_INFO.unpack(info)
        self.label = label.rstrip(b"\0")

    def fileno(self) -> int:
        """For ioctl."""
        return self._file.fileno()

    def name_of(self, offset: int) -> bytes:
        """What the device tree calls a line; empty where it says nothing."""
        info = bytearray(_LINE_INFO.pack(b"", b"", offset))
        try:
            fcntl.ioctl(self._file, GET_LINE_INFO, info)
        except OSError:
            return b""
        return bytes(_LINE_INFO.unpack(info)[0]).rstrip(b"\0")

    def close(self) -> None:
        """Lines that were taken stay taken."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _chips(folder: Path) -> Iterator[Chip]:
    for path in sorted(folder.glob("gpiochip*")):
        # `/dev/gpiochip4` is a link to `gpiochip0` on a Pi 5, for old programs.
        if path.is_symlink():
            continue
        try:
            yield Chip(path)
        except PermissionError as error:
            msg = f"{path} may not be opened: {error.strerror}"
            raise HardwareAbsentError(msg, hint=_ABSENT_HINT) from error
        except OSError:
            continue
