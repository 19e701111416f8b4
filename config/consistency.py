"""Settings that are right one by one and wrong together."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from config.metrics_settings import address_of, is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterator

    from config.door import Camera
    from config.locator import Path
    from config.metrics_settings import Operations
    from config.notify import Target
    from config.production.production_settings import ProductionSettings

# Half of what a Pi Zero 2 W has.
MAX_PREROLL_BYTES = 256 * 1024 * 1024
_CHANNELS = 3
MAX_PORT = 65535


@dataclass(frozen=True, slots=True)
class Conflict:
    """Values that contradict each other.

    Attributes:
        path: the one to change first; its line is shown.
        others: the ones it contradicts.
    """

    path: Path
    message: str
    others: tuple[Path, ...] = ()


def conflicts(settings: ProductionSettings) -> Iterator[Conflict]:
    """Find every contradiction; the order is that of the sections."""
    yield from _pins(settings)
    yield from _chime(settings)
    yield from _camera(settings.camera)
    yield from _thresholds(settings)
    yield from _notify(settings)
    yield from _orders(settings)
    yield from _operations(settings.operations)
    yield from _synthetic(settings)


def preroll_bytes(camera: Camera) -> int:
    """Memory of the frames that a ring can look back at."""
    frames = max(1, round(camera.rate_fps * camera.preroll_s))
    return camera.width * camera.height * _CHANNELS * frames


def _synthetic(settings: ProductionSettings) -> Iterator[Conflict]:
    wanted = settings.synthetic.daily_target
    known = [target.name for target in settings.notify.targets if target.enabled]
    if wanted and wanted not in known:
        message = f"there is no target {wanted!r} in use"
        yield Conflict(("synthetic", "daily_target"), message)


def _pins(settings: ProductionSettings) -> Iterator[Conflict]:
    pins: list[tuple[Path, int | None]] = [
        (("button", "led_pin"), settings.button.led_pin),
        (("button", "light_pin"), settings.button.light_pin),
        (("chime", "gpio_pin"), settings.chime.gpio_pin),
    ]
    taken: dict[int, Path] = {}
    if settings.button.source != "none":
        taken[settings.button.pin] = ("button", "pin")
    for path, pin in pins:
        if pin is not None and pin in taken:
            other = taken[pin]
            message = f"line {pin} is already [{other[0]}] {other[1]}"
            yield Conflict(path, message, (other,))
        elif pin is not None:
            taken[pin] = path


def _chime(settings: ProductionSettings) -> Iterator[Conflict]:
    command = settings.chime.command
    if command and not command[0].strip():
        yield Conflict(("chime", "command"), "the program's name is empty")
    yield from _quiet(("chime", "quiet_hours"), settings.chime.quiet_hours)


def _quiet(path: Path, hours: str) -> Iterator[Conflict]:
    begin, _, end = hours.partition("-")
    if hours and begin == end:
        message = "begins and ends at the same minute; leave it empty for never"
        yield Conflict(path, message)


def _camera(camera: Camera) -> Iterator[Conflict]:
    if camera.url_file and not camera.source.startswith("rtsp"):
        message = "is only for a camera whose source is `rtsp://…`"
        yield Conflict(("camera", "url_file"), message, (("camera", "source"),))
    size = preroll_bytes(camera)
    if size > MAX_PREROLL_BYTES:
        message = (
            f"{camera.width}x{camera.height} at {camera.rate_fps:g} frames a second "
            f"for {camera.preroll_s:g} s takes {size >> 20} MiB; "
            f"at most {MAX_PREROLL_BYTES >> 20} MiB are allowed"
        )
        keys = ("width", "height", "rate_fps")
        others: tuple[Path, ...] = tuple(("camera", key) for key in keys)
        yield Conflict(("camera", "preroll_s"), message, others)


def _thresholds(settings: ProductionSettings) -> Iterator[Conflict]:
    vision = settings.vision
    if vision.known_at is None or vision.unsure_at is None:
        return
    if vision.unsure_at > vision.known_at:
        message = f"is above known_at, {vision.known_at:g}: nobody would be unsure"
        yield Conflict(("vision", "unsure_at"), message, (("vision", "known_at"),))


def _notify(settings: ProductionSettings) -> Iterator[Conflict]:
    notify = settings.notify
    if complaint := _timezone_complaint(notify.timezone):
        yield Conflict(("notify", "timezone"), complaint)
    seen: dict[str, int] = {}
    for index, target in enumerate(notify.targets):
        path: Path = ("notify", "targets", index)
        if target.name in seen:
            first: Path = ("notify", "targets", seen[target.name], "name")
            message = f"another target is called `{target.name}`"
            yield Conflict((*path, "name"), message, (first,))
        seen.setdefault(target.name, index)
        yield from _target(target, path)


def _target(target: Target, path: Path) -> Iterator[Conflict]:
    address, file = (*path, "url"), (*path, "url_file")
    if target.url and target.url_file:
        yield Conflict(file, "give `url` or `url_file`, not both", (address,))
    elif not target.url and not target.url_file:
        yield Conflict(path, "needs `url` or `url_file`", (address, file))
    elif target.url and not target.url.partition(":")[1]:
        yield Conflict(address, "is no address: it begins with no `scheme:`")
    elif target.url.startswith("file:") and not target.url.startswith("file:/"):
        yield Conflict(address, "needs a whole path: `file:/folder`")
    yield from _quiet((*path, "quiet_hours"), target.quiet_hours)
    for person, times in Counter(rule.person for rule in target.rules).items():
        if person and times > 1:
            message = f"has {times} rules for the same person"
            yield Conflict((*path, "rules"), message)


def _orders(settings: ProductionSettings) -> Iterator[Conflict]:
    """Find what must not exceed its neighbour."""
    notify, supervision = settings.notify, settings.supervision
    if notify.retry_first_s > notify.retry_max_s:
        yield _above("notify", "retry_first_s", "retry_max_s", notify.retry_max_s)
    if supervision.backoff_s > supervision.backoff_max_s:
        limit = supervision.backoff_max_s
        yield _above("supervision", "backoff_s", "backoff_max_s", limit)


def _operations(operations: Operations) -> Iterator[Conflict]:
    path, token = ("operations", "listen"), ("operations", "token_file")
    address = address_of(operations.listen)
    if address is None:
        return
    host, port = address
    if port > MAX_PORT:
        yield Conflict(path, f"there is no port {port}; the highest is {MAX_PORT}")
    if not is_loopback(host) and not operations.token_file:
        message = (
            f"{host} can be reached from outside, and what it shows tells when people "
            "are at home: set `token_file`, or listen on 127.0.0.1"
        )
        yield Conflict(path, message, (token,))


def _above(section: str, low: str, high: str, limit: float) -> Conflict:
    return Conflict((section, low), f"is above {high}, {limit:g}", ((section, high),))


def _timezone_complaint(name: str) -> str:
    if not name:
        return ""
    # Loaded only when a zone is named: it costs the supervisor memory.
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - see above

    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return "" if _has_no_zones() else "there is no such time zone"
    return ""


def _has_no_zones() -> bool:
    """Whether this machine has no zone database, so that nothing can be said."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415 - as above

    try:
        ZoneInfo("Europe/London")
    except ZoneInfoNotFoundError:
        return True
    return False
