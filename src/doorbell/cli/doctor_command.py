"""`doorbell doctor`: what of this machine keeps a doorbell from working."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from config.advice import advise
from config.errors import SettingsError
from config.production.production_settings import ProductionSettings
from doorbell.adapters.clock import SystemClock
from doorbell.cli import shown
from doorbell.cli.parsing import add_command
from doorbell.core.errors import UnavailableError
from monitoring.health import device_facts as found
from monitoring.health import device_rules as rules
from monitoring.health import machine
from monitoring.health import rules as health_rules
from monitoring.health.verdict import Status, Verdict, healthy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from doorbell.cli.context import Context
    from doorbell.cli.parsing import Subparsers

    Row = tuple[str, Verdict]

RTSP_PORT = 554
EDIT = "sudoedit /etc/doorbell/doorbell.toml"


def add_parser(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = add_command(
        subparsers,
        "doctor",
        run=doctor,
        about="examine this machine: camera, GPIO, clock, disk, power, keys, packages",
        description="Examine this machine and say which command mends what is wrong.\n"
        "Nothing is changed, and no daemon is needed; `doorbell health` is about the\n"
        "one that runs. Exits with 0 while nothing is broken, else with 69.",
        example="doorbell doctor\nsudo -u doorbell doorbell doctor --production",
        json=True,
    )
    parser.add_argument(
        "--production",
        action="store_true",
        help="also what is unwise on a real door: the checklist of a deployment",
    )


def doctor(context: Context) -> int:
    """Print what was found; 0 unless something is broken."""
    settings, verdict = _settings(context)
    rows = [("settings", verdict), *_device(settings), *_installation(settings)]
    if context.args.production:
        rows += _checklist(settings)
    if context.wants_json:
        context.say_json({name: _plain(one) for name, one in rows})
    else:
        _show(context, rows)
    is_broken = any(one.status is Status.UNHEALTHY for _, one in rows)
    return UnavailableError.exit_code if is_broken else 0


def _settings(context: Context) -> tuple[ProductionSettings, Verdict]:
    """The settings, or the defaults if they are wrong: the rest is still examined."""
    try:
        settings = context.settings
    except SettingsError as error:
        said = str(error).replace("\n", " ")
        verdict = Verdict(
            Status.UNHEALTHY, said, "Correct the file.", "doorbell config check"
        )
        return ProductionSettings(), verdict
    advice = list(advise(settings))
    if not advice:
        return settings, healthy(f"profile {settings.profile}")
    verdict = Verdict(
        Status.DEGRADED,
        f"{shown.count(len(advice), 'unwise setting')}",
        "Allowed, and yet not what you want.",
        "doorbell config check",
    )
    return settings, verdict


def _device(settings: ProductionSettings) -> Iterator[Row]:
    user = found.user()
    state = Path(settings.storage.dir)
    chip = found.device_file("gpiochip*")
    yield "gpio", rules.gpio(chip, user, settings.button.source)
    yield "camera", _camera(settings, user)
    yield "clock", health_rules.clock(synced=SystemClock().now().synced)
    yield "disk", health_rules.disk(machine.disk_facts(state))
    yield "card", rules.wear(found.wear())
    yield "power", rules.power(found.supply())
    yield "memory", rules.memory(*found.memory_bytes())
    yield "network", health_rules.network(machine.network_facts())


def _camera(settings: ProductionSettings, user: str) -> Verdict:
    source = settings.camera.source
    kind, _, where = source.partition(":")
    match kind:
        case "picamera2":
            lacks = found.missing_packages(("picamera2", "libcamera"))
            return rules.video(found.device_file("video*"), user, lacks=lacks)
        case "v4l2":
            name = where.removeprefix("/dev/")
            return rules.video(found.device_file(name), user, lacks=())
        case "rtsp" | "rtsps":
            answers = found.answers(source, RTSP_PORT)
            repair = "ping the camera, and look at its address"
            return rules.reachable("the camera", answers=answers, repair=repair)
        case "folder" if not Path(where).is_dir():
            return Verdict(
                Status.UNHEALTHY,
                f"there is no folder {where}",
                "Make it, and put pictures into it.",
                f"mkdir -p {where}",
            )
        case _:
            return healthy(f"{source}: no camera to examine")


def _installation(settings: ProductionSettings) -> Iterator[Row]:
    user = found.user()
    yield "software", healthy(found.python())
    yield "packages", rules.packages(_lacking(settings))
    writable = found.is_writable(Path(settings.storage.dir))
    yield "state", rules.folder(settings.storage.dir, user, is_writable=writable)
    yield "keys", rules.key(found.key_facts(settings), user)


def _lacking(settings: ProductionSettings) -> dict[str, list[str]]:
    lacks = {}
    if settings.features.recognition:
        lacks["vision"] = found.missing_packages(("numpy", "cv2"))
    if settings.features.notifications and settings.notify.targets:
        lacks["notify"] = found.missing_packages(("apprise", "PIL"))
    if settings.button.source == "gpio":
        lacks["pi"] = found.missing_packages(("gpiozero", "lgpio"))
    return lacks


def _checklist(settings: ProductionSettings) -> Iterator[Row]:
    """What a door that people rely on should have."""
    yield "profile", _profile(settings)
    targets = [one for one in settings.notify.targets if one.enabled]
    yield (
        "targets",
        rules.demand(
            bool(targets),
            shown.count(len(targets), "target"),
            "Nobody is told of a ring: add a [[notify.targets]] section.",
            EDIT,
        ),
    )
    yield (
        "backup",
        rules.demand(
            bool(settings.backup.dir),
            settings.backup.dir or "no [backup] dir",
            "A dead card takes everybody's enrolment with it: set [backup] dir.",
            EDIT,
        ),
    )
    yield (
        "witness",
        rules.demand(
            bool(settings.audit.witness_url),
            "checkpoints leave the device"
            if settings.audit.witness_url
            else "no witness",
            "Without one a cut or rolled-back audit log is seen by Prometheus at most.",
            "doorbell audit witness --help",
        ),
    )
    yield from _watched(settings)


def _profile(settings: ProductionSettings) -> Verdict:
    fakes = [
        name
        for name, is_fake in (
            ("button.source", settings.button.source == "mock"),
            ("camera.source", settings.camera.source.startswith("folder:")),
            ("vision.engine", settings.vision.engine == "fake"),
        )
        if is_fake
    ]
    return rules.demand(
        settings.profile == "production" and not fakes,
        f"profile {settings.profile}"
        + (f", fake: {', '.join(fakes)}" if fakes else ""),
        "Fakes and another profile than `production` are for a desk.",
        'profile = "production"',
    )


def _watched(settings: ProductionSettings) -> Iterator[Row]:
    is_watched = settings.synthetic.every_s > 0
    yield (
        "test rings",
        rules.demand(
            is_watched,
            f"every {settings.synthetic.every_s:g} s" if is_watched else "switched off",
            "They notice a broken doorbell before a visitor does.",
            "[synthetic] every_s = 60",
        ),
    )
    ports = (settings.operations.listen, settings.web.listen)
    is_local = all(found.is_local(listen) for listen in ports)
    has_token = bool(settings.operations.token_file)
    yield (
        "ports",
        rules.demand(
            is_local or has_token,
            "this machine only" if is_local else "reached from outside",
            "What they show tells when people are at home.",
            "[operations] token_file = …",
        ),
    )
    yield (
        "heartbeat",
        rules.demand(
            bool(settings.alerts.heartbeat_url_file),
            "a service outside hears that it lives"
            if settings.alerts.heartbeat_url_file
            else "none",
            "A doorbell without power cannot say so; Prometheus elsewhere can, too.",
            "[alerts] heartbeat_url_file = …",
        ),
    )


def _plain(verdict: Verdict) -> dict[str, str]:
    return {
        "status": str(verdict.status),
        "detail": verdict.detail,
        "hint": verdict.hint,
        "repair": verdict.repair,
    }


def _show(context: Context, rows: list[Row]) -> None:
    table = [(name, str(one.status), one.detail) for name, one in rows]
    context.say(shown.table(("CHECK", "STATUS", "DETAIL"), table))
    for name, one in rows:
        if one.status is not Status.HEALTHY:
            context.say(f"\n{name}: {one.hint}")
            context.say(f"  {one.repair}")
    if all(one.status is Status.HEALTHY for _, one in rows):
        context.say("\nnothing is wrong with this machine")
