"""The only place that names adapters: what is behind each port on this machine.

Imports of heavy libraries are inside the function of the role that needs them: the
supervisor imports this module too, and stays small.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from config.errors import Mistake, SettingsError
from config.secrets import read_secret
from doorbell.adapters.clock import SystemClock
from doorbell.adapters.erasures import write_erasures
from doorbell.adapters.model_catalogue import dlib_space
from doorbell.adapters.picture_decoder import DecodedPicture, decode
from doorbell.adapters.ring_journal import read_rings as _read_journal
from doorbell.adapters.sealed import read_sealed, sealed_memfd
from doorbell.adapters.state_lock import StateLock
from doorbell.core.errors import BadSettingsError, UsageError
from doorbell.core.localtime import zone_named
from doorbell.core.retention import S_PER_DAY, RetentionLimits
from doorbell.core.targets import NOWHERE
from doorbell.ports.store import EnrolledPhoto, NewEmbedding, VisitRecord
from doorbell.runtime.ring import MemfdRing
from doorbell.runtime.vision_team import kind_of, vision_roles
from monitoring.logging.structured_logging import protect

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence
    from datetime import tzinfo

    from config.production.production_settings import ProductionSettings
    from doorbell.adapters.gpio_lines import PinSource
    from doorbell.core.ring import Ring
    from doorbell.ports.button import Button
    from doorbell.ports.camera import Camera
    from doorbell.ports.clock import Clock
    from doorbell.ports.faces import Engine
    from doorbell.ports.signal import Signal
    from doorbell.ports.stage import Stage
    from doorbell.ports.store import PersonRecord
    from doorbell.ports.store import Store as StateStore
    from doorbell.stages.messages import Configure

    Work = Coroutine[Any, Any, None]

log = logging.getLogger("doorbell.wiring")

# The kernel ends a process the sooner, the higher this is, up to 1000.
OOM_SCORE = "500"
# In the order of their start: who can hear a ring comes first.
ROLES = ("button", "notify", "capture", "vision")

publish = sealed_memfd
__all__ = [
    "ROLES",
    "DecodedPicture",
    "EnrolledPhoto",
    "NewEmbedding",
    "VisitRecord",
    "build_stage",
    "decode_picture",
    "degraded",
    "dlib_space",
    "export_json",
    "open_engine",
    "open_store",
    "publish",
    "read_rings",
    "remotes",
    "roles",
    "state_lock",
    "system_clock",
    "target_urls",
    "try_state",
    "write_erasures",
    "zone",
]


# For the hub.


def remotes(settings: ProductionSettings) -> dict[str, str]:
    """Roles that systemd keeps alive in place of the supervisor, and their sockets."""
    return {"button": settings.button.holder} if settings.button.holder else {}


def system_clock() -> Clock:
    """Both clocks of this machine."""
    return SystemClock()


def roles(settings: ProductionSettings) -> tuple[str, ...]:
    """Processes that a daemon with these settings runs, in the order of their start."""
    web = ("web",) if settings.web.enabled else ()
    traces = ("traces",) if settings.tracing.endpoint else ()
    audit = () if _audit_unit_answers(settings) else ("audit",)
    more = vision_roles(settings.vision.workers)[1:]
    return (*ROLES, *more, *audit, *web, *traces)


def _audit_unit_answers(settings: ProductionSettings) -> bool:
    """Whether a unit of its own writes the audit log of this machine."""
    from monitoring.logging.audit_channel import host_at
    from monitoring.logging.audit_place import AuditPlace

    return host_at(AuditPlace.of(settings).socket) == "unit"


def state_lock(settings: ProductionSettings) -> StateLock:
    """Take the state directory for this process.

    Raises:
        UnavailableError: another process has it; says which.
    """
    return StateLock(Path(settings.storage.dir))


def open_store(settings: ProductionSettings) -> StateStore:
    """Open the durable state; called on the store's thread."""
    # SQLite and the ciphers are 4 MB that no worker needs.
    from doorbell.adapters.store_sqlite import Store, StoreOptions

    storage = settings.storage
    options = StoreOptions(
        key_file=Path(storage.key_file) if storage.key_file else None,
        limits=RetentionLimits(
            visit_s=storage.keep_days * S_PER_DAY,
            picture_s=storage.picture_days * S_PER_DAY,
            picture_bytes=storage.max_mib << 20,
        ),
        reserve_bytes=storage.reserve_kib << 10,
    )
    return Store.open(Path(storage.dir), options)


def try_state(settings: ProductionSettings) -> None:
    """Open a copy of the state as this release would: migrate it and read its key.

    Raises:
        StorageError: this release cannot use it; the state itself was only read.
    """
    from doorbell.adapters.store_trial import try_store

    storage = settings.storage
    key_file = Path(storage.key_file) if storage.key_file else None
    try_store(Path(storage.dir), key_file)


def read_rings(folder: Path, after_seq: int) -> Sequence[Ring]:
    """Rings of the journal that come after `after_seq`."""
    found = _read_journal(folder, after_seq)
    for damage in found.damage:
        log.error("journal_damaged", extra={"detail": damage})
    return found.rings


def decode_picture(fd: int, pixels: int | None = None) -> DecodedPicture:
    """Decode a picture from outside, in a child without key or network.

    Args:
        fd: the picture's file.
        pixels: reduce it until it has no more than these; None for as it is.

    Raises:
        BadInputError: it is no picture that can be used.
    """
    picture = decode(fd)
    found = picture.width * picture.height
    if pixels is None or found <= pixels:
        return picture
    longest = max(picture.width, picture.height)
    os.close(picture.fd)
    return decode(fd, max_side=int(longest * math.sqrt(pixels / found)))


def degraded(visit: VisitRecord, reason: str) -> VisitRecord:
    """A visit that will have no decision, and why."""
    return VisitRecord(
        id=visit.id,
        ring=visit.ring,
        rings=visit.rings,
        state="degraded",
        steps=visit.steps,
        reason=reason,
        has_picture=visit.has_picture,
        synthetic=visit.synthetic,
    )


def export_json(person: PersonRecord, photos: Sequence[EnrolledPhoto]) -> bytes:
    """What is known of a person, in a form that other programs read."""
    content = {
        "id": person.id,
        "name": person.name,
        "consent": person.consent,
        "enrolled": msgspec.to_builtins(person.enrolled),
        "photos": [
            {"space": photo.space, "embedding_float32_le": photo.embedding}
            for photo in photos
        ],
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=2)


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


def heartbeat(
    settings: ProductionSettings,
    environ: Mapping[str, str],
    is_sound: Callable[[], bool],
) -> Callable[[], Work] | None:
    """What tells a service outside that the bell can be rung; None if none is set.

    Raises:
        SettingsError: its address cannot be read, or is no web address.
    """
    file, key = settings.alerts.heartbeat_url_file, "alerts.heartbeat_url_file"
    if not file:
        return None
    url = read_secret(key, file, environ)
    if not url.startswith(("https://", "http://")):
        raise SettingsError([Mistake(key, None, "holds no web address", file)])
    protect([url])
    from doorbell.adapters.heartbeat import beat

    return lambda: beat(url, settings.alerts.heartbeat_s, is_sound)


def zone(settings: ProductionSettings) -> tzinfo:
    """The zone in which people are told the time."""
    return zone_named(settings.notify.timezone or _system_zone())


def _system_zone() -> str:
    # /etc/localtime is a link into the zone data on every Debian.
    target = os.path.realpath(os.environ.get("TZ") or "/etc/localtime")
    _, _, name = target.partition("zoneinfo/")
    return name or "UTC"


# For the workers.


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
        new_id=lambda: uuid.uuid4().hex,
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
    from doorbell.adapters.jpeg import encode
    from doorbell.stages.capture import CaptureStage

    return CaptureStage(
        settings.camera,
        ring,
        _camera(settings),
        SystemClock(),
        encode=encode,
        seal=sealed_memfd,
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
