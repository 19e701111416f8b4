"""Lines of the Pi's header: where they come from, and one that is an output.

gpiozero is imported when a line is taken, not with this module: a doorbell without
GPIO needs none of it.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from doorbell.core.errors import HardwareAbsentError
from doorbell.core.stamp import NS_PER_S

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger("doorbell.button")

# A pin factory of gpiozero, which ships no types; raises HardwareAbsentError.
PinSource = Callable[[], Any]

# A closed device may be closed again; lgpio looks away after some milliseconds.
_CLOSINGS = 4
_BUSY_S = 0.02

_ABSENT_HINT = (
    "Run it on a Pi, as a member of the group `gpio`, with the extra `pi` installed; "
    "`gpioinfo` must list the line."
)
_BUSY_HINT = "See who holds the line: `gpioinfo | grep -v unused`; stop that program."
_PIN_HINT = "Correct `pin` in the settings: the BCM number, not that of the header."


class LineBusyError(HardwareAbsentError):
    """Another program, or another part of this one, holds the line."""

    hint = _BUSY_HINT


def lgpio_pins(work_dir: Path) -> PinSource:
    """Return the source of a Pi's real lines, opened when first asked.

    Args:
        work_dir: lgpio puts its notification pipes there; made if absent.
    """
    factories: list[Any] = []

    def pins() -> Any:  # noqa: ANN401 - gpiozero ships no types
        if not factories:
            factories.append(_open_lgpio(work_dir))
        return factories[0]

    return pins


def _open_lgpio(work_dir: Path) -> Any:  # noqa: ANN401 - gpiozero ships no types
    # lgpio writes its pipes into the working directory otherwise, which a hardened
    # unit cannot.
    os.environ.setdefault("LG_WD", str(work_dir.absolute()))
    before = os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        work_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        from gpiozero.pins.lgpio import LGPIOFactory  # noqa: PLC0415 - see the module

        return LGPIOFactory()
    except Exception as error:  # lgpio.error is a bare Exception
        msg = f"no GPIO lines here: {error}"
        raise HardwareAbsentError(msg, hint=_ABSENT_HINT) from error
    finally:
        # lgpio makes that folder the working directory of the whole process, and a
        # chime's sound, or the state itself, may be given as a relative path.
        os.fchdir(before)
        os.close(before)


def taking(pin: int, error: Exception) -> HardwareAbsentError:
    """Say why a line could not be taken, in words the owner can act on.

    The error loses its tracebacks: they would keep gpiozero's half-made device alive
    as long as anybody remembers the error, and with the device the pin reserved.
    """
    from gpiozero import GPIOPinInUse, PinInvalidPin  # noqa: PLC0415 - see the module

    link: BaseException | None = error
    while link is not None:
        link.__traceback__ = None
        link = link.__context__
    if isinstance(error, GPIOPinInUse) or "busy" in str(error).lower():
        return LineBusyError(f"GPIO{pin} is in use: {error}")
    hint = _PIN_HINT if isinstance(error, PinInvalidPin) else _ABSENT_HINT
    return HardwareAbsentError(f"GPIO{pin} cannot be taken: {error}", hint=hint)


def let_go(device: Any) -> None:  # noqa: ANN401 - gpiozero ships no types
    """Release a line; a failure is noted, for there is nothing to do about it.

    gpiozero claims a line anew, as a plain input, to end what it was used for. While a
    thread of lgpio still waits for its edges, the kernel calls it busy.
    """
    pin, factory = device.pin, device.pin_factory

    def forget() -> None:
        # gpiozero keeps the pin beyond the device, and with it who is called.
        pin.when_changed = None

    def free() -> None:
        # It keeps the line too, which no other program could take then. A mock has
        # no chip.
        if (chip := getattr(factory, "_handle", None)) is not None:
            import lgpio  # noqa: PLC0415 - see the module

            lgpio.gpio_free(chip, int(pin.info.name.removeprefix("GPIO")))

    # A device that was not closed does it when it is collected, and takes the line.
    for step in (forget, *(device.close,) * _CLOSINGS, free):
        try:
            step()
        except Exception:  # lgpio.error is a bare Exception
            log.debug("line_not_let_go", exc_info=True)
            time.sleep(_BUSY_S)


@dataclass(slots=True)
class OutputPulse:
    """A line that is on for a while after a ring: a relay's chime, or a light.

    Attributes:
        pin: BCM number.
        on_s: how long, seconds.
        extends: a ring while it is on begins the time anew, as a light should; a
            relay's gong needs the line to fall first.
    """

    pin: int
    on_s: float
    pins: PinSource
    extends: bool = False
    _device: Any = field(default=None, init=False)
    _until_ns: int = field(default=0, init=False)

    def start(self, now_ns: int) -> bool:
        """Switch on; takes the line with the first ring if it was not there before."""
        if self._until_ns and not self.extends:
            return False
        self._take_line().on()
        self._until_ns = now_ns + int(self.on_s * NS_PER_S)
        return True

    def turn(self, now_ns: int) -> float | None:
        """Switch off in time."""
        if not self._until_ns:
            return None
        if now_ns < self._until_ns:
            return (self._until_ns - now_ns) / NS_PER_S
        self._device.off()
        self._until_ns = 0
        return None

    def close(self) -> None:
        """Switch off and release the line."""
        if self._device is not None:
            let_go(self._device)
        self._device, self._until_ns = None, 0

    def _take_line(self) -> Any:  # noqa: ANN401 - gpiozero ships no types
        if self._device is None:
            factory = self.pins()
            from gpiozero import DigitalOutputDevice  # noqa: PLC0415 - see the module

            try:
                self._device = DigitalOutputDevice(self.pin, pin_factory=factory)
            except Exception as error:  # lgpio.error is a bare Exception
                raise taking(self.pin, error) from error
        return self._device
