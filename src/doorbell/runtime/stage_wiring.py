"""Which adapters are behind the ports of a worker: the part of `wiring` it imports.

A worker is as small as what it imports. What belongs to one role is imported in the
function that builds it, so that no role carries another's.
"""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from config.errors import SettingsError
from config.secrets import read_secret
from doorbell.adapters.clock import SystemClock
from doorbell.adapters.sealed import read_sealed, sealed_memfd
from doorbell.core.errors import BadSettingsError, UsageError
from doorbell.core.targets import NOWHERE
from doorbell.runtime.ring import MemfdRing
from doorbell.runtime.vision_team import kind_of
from monitoring.logging.structured_logging import protect

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import tzinfo

    from config.production.production_settings import ProductionSettings
    from doorbell.adapters.gpio_lines import PinSource
    from doorbell.ports.button import Button
    from doorbell.ports.camera import Camera
    from doorbell.ports.faces import Engine
    from doorbell.ports.signal import Signal
    from doorbell.ports.stage import Stage
    from doorbell.stages.messages import Configure

log = logging.getLogger("doorbell.wiring")

# The kernel ends a process the sooner, the higher this is, up to 1000.
OOM_SCORE = "500"


def build_stage(role: str, configuration: Configure, ring_fd: int) -> Stage:
    """Return the stage of a role, not yet started.

    Raises:
        UsageError: no such role.
    """
    builders: dict[str, Callable[[ProductionSettings, MemfdRing], Stage]] = {
        "button": _button,
        "capture": _capture,
        "vision": _vision,
        "notify": _notify,
        "traces": _traces,
        "audit": _audit,
    }
    kind = kind_of(role)
    if kind not in builders:
        msg = f"there is no role {role!r}"
        raise UsageError(msg)
    ring = MemfdRing(ring_fd, configuration.slots, configuration.slot_size)
    return builders[kind](configuration.settings, ring)


def _audit(settings: ProductionSettings, _ring: MemfdRing) -> Stage:
    from doorbell.stages.audit import AuditStage
    from monitoring.logging.audit_place import AuditPlace
    from monitoring.logging.audit_writer import AuditWriter

    clock = SystemClock()
    place = AuditPlace.of(settings)
    return AuditStage(lambda busy: AuditWriter(place, "worker", clock.now, busy))


def _button(settings: ProductionSettings, _ring: MemfdRing) -> Stage:
    from doorbell.adapters.ring_journal import RingJournal
    from doorbell.stages.button import ButtonStage

    run = Path(settings.storage.dir) / "run"
    pins = _pins(settings, run)
    return ButtonStage(
        settings,
        button=_line(settings, run, pins),
        journal=RingJournal(Path(settings.storage.dir) / "journal"),
        chime=_chime(settings, pins),
        led=_led(settings, pins),
        light=_light(settings, pins),
        clock=SystemClock(),
        new_id=lambda: os.urandom(16).hex(),
    )


def _pins(settings: ProductionSettings, run: Path) -> PinSource:
    if settings.button.source == "mock":
        from doorbell.adapters.button_mock import mock_pins

        return mock_pins()
    from doorbell.adapters.gpio_lines import lgpio_pins

    # As a service in memory: on a card that is read-only the button is heard still.
    service = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    return lgpio_pins(Path(service) if service else run)


def _line(settings: ProductionSettings, run: Path, pins: PinSource) -> Button | None:
    match settings.button.source:
        case "gpio":
            from doorbell.adapters.button_gpiozero import GpioButton

            return GpioButton(settings.button, pins)
        case "mock":
            from doorbell.adapters.button_mock import MockButton

            return MockButton(settings.button, run / "button.sock", pins)
        case "none":
            return None


def _chime(settings: ProductionSettings, pins: PinSource) -> Signal:
    from doorbell.adapters.chime import CommandChime, Silence

    chime = settings.chime
    if chime.command:
        return CommandChime(chime.command, chime.timeout_s)
    if chime.gpio_pin is not None:
        from doorbell.adapters.gpio_lines import OutputPulse

        return OutputPulse(chime.gpio_pin, chime.pulse_s, pins)
    return Silence()


def _led(settings: ProductionSettings, pins: PinSource) -> Signal | None:
    pin = settings.button.led_pin
    if pin is None:
        return None
    from doorbell.adapters.gpio_lines import OutputPulse

    return OutputPulse(pin, settings.button.led_s, pins, extends=True)


def _light(settings: ProductionSettings, pins: PinSource) -> Signal | None:
    pin = settings.button.light_pin
    if pin is None:
        return None
    from doorbell.adapters.gpio_lines import OutputPulse

    return OutputPulse(pin, settings.button.light_s, pins, extends=True)


def _capture(settings: ProductionSettings, ring: MemfdRing) -> Stage:
    from doorbell.adapters.heap import give_back
    from doorbell.adapters.jpeg import encode
    from doorbell.stages.capture import CaptureStage

    return CaptureStage(
        settings.camera,
        ring,
        _camera(settings),
        SystemClock(),
        encode=encode,
        seal=sealed_memfd,
        tidy=give_back,
    )


def _camera(settings: ProductionSettings) -> Camera | None:
    camera = settings.camera
    kind = camera.source.partition(":")[0]
    match kind:
        case "folder":
            from doorbell.adapters.camera_folder import FolderCamera

            return FolderCamera(camera)
        case "v4l2":
            from doorbell.adapters.camera_v4l2 import V4l2Camera

            return V4l2Camera(camera)
        case "rtsp" | "rtsps":
            from doorbell.adapters.camera_rtsp import RtspCamera

            return RtspCamera(camera)
        case "picamera2":
            from doorbell.adapters.camera_picamera2 import Picamera2Camera

            return Picamera2Camera(camera)
        case _:
            return None


def _vision(settings: ProductionSettings, ring: MemfdRing) -> Stage:
    from doorbell.adapters.heap import give_back
    from doorbell.adapters.jpeg import encode
    from doorbell.stages.vision import VisionStage

    os.nice(settings.vision.nice)
    _be_ended_first()
    return VisionStage(
        settings.vision,
        ring=ring,
        open_engine=lambda: open_engine(settings),
        encode=encode,
        publish=sealed_memfd,
        fetch=read_sealed,
        clock=SystemClock(),
        tidy=give_back,
    )


def _be_ended_first() -> None:
    """Where memory runs out the visit degrades, and the door rings on."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(OOM_SCORE, "ascii")


def open_engine(settings: ProductionSettings) -> Engine:
    """Load the engine of the settings.

    Raises:
        DoorbellError: it cannot be used.
    """
    if settings.vision.engine == "fake":
        from doorbell.testing.faces import open_fake_engine

        return open_fake_engine(settings.vision)
    from doorbell.adapters import engines
    from doorbell.runtime.models import models_folder

    return engines.open_engine(settings.vision, models_folder(settings))


def _notify(settings: ProductionSettings, _ring: MemfdRing) -> Stage:
    from doorbell.adapters.notifiers import open_all
    from doorbell.adapters.notify_null import NullNotifier
    from doorbell.adapters.picture_render import PillowRenderer
    from doorbell.stages.notify import NotifyStage

    notifiers, mistakes = open_all(target_urls(settings, os.environ))
    for mistake in mistakes:
        log.error("target_refused", extra={"error": str(mistake)})
    return NotifyStage(
        settings,
        notifiers | {NOWHERE: NullNotifier()},
        renderer=PillowRenderer(),
        fetch=read_sealed,
        clock=SystemClock(),
        system_zone=zone(settings),
    )


def _traces(settings: ProductionSettings, _ring: MemfdRing) -> Stage:
    try:
        from doorbell.adapters.spans_otlp import open_collector
    except ImportError as error:
        msg = f"traces need {error.name}, which is not installed"
        hint = "`pip install 'doorbell-edge[tracing]'`, or empty [tracing] endpoint."
        raise BadSettingsError(msg, hint=hint) from error
    from doorbell.stages.traces import TracesStage

    tracing = settings.tracing
    name = tracing.header_file
    try:
        header = read_secret("tracing.header_file", name, os.environ) if name else ""
    except SettingsError as error:
        raise BadSettingsError(str(error), hint=error.hint) from error
    protect([header, header.partition(":")[2].strip()])
    collector = open_collector(tracing.endpoint, header, tracing.timeout_s)
    return TracesStage(collector, SystemClock(), tracing.timeout_s)


def target_urls(
    settings: ProductionSettings, environ: Mapping[str, str]
) -> dict[str, str]:
    """Address of each target in use, secrets resolved.

    Raises:
        SettingsError: a secret cannot be read.
    """
    return {
        target.name: target.url
        or read_secret(
            f"notify.targets.{target.name}.url_file", target.url_file, environ
        )
        for target in settings.notify.targets
        if target.enabled
    }


def zone(settings: ProductionSettings) -> tzinfo:
    """The zone in which people are told the time."""
    # The zone data and their reader are nothing for who tells nobody the time.
    from doorbell.core.localtime import zone_named

    return zone_named(settings.notify.timezone or _system_zone())


def _system_zone() -> str:
    # /etc/localtime is a link into the zone data on every Debian.
    target = os.path.realpath(os.environ.get("TZ") or "/etc/localtime")
    _, _, name = target.partition("zoneinfo/")
    return name or "UTC"
