"""What is allowed in the settings and unwise all the same.

Pure: looks at values, never at the network. Addresses kept in files are not seen.
"""

from __future__ import annotations

import ipaddress
import math
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from config.consistency import preroll_bytes
from config.metrics_settings import address_of, is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterator

    from config.notify import Target
    from config.production.production_settings import ProductionSettings

# Servers where everybody who guesses the topic reads along, and the operator always.
PUBLIC_RELAYS = frozenset(
    {"ntfy.sh", "ntfy.net", "ntfy.envs.net", "ntfy.adminforge.de", "ntfy.mzte.de"}
)
# What a patient stranger needs years to try at a polite rate of requests.
TOPIC_BITS = 50
_WORD_BITS = 13.0  # one of 8,000 common words
_WORD_LETTERS = 6
_PLAIN_SCHEMES = frozenset(
    {"http", "ntfy+http", "webhook+http", "ws", "ntfy", "json", "form", "xml"}
    | {"apprise", "gotify", "hassio", "mqtt", "mailto", "matrix", "rocket", "mmost"}
)
_NTFY_SCHEMES = frozenset({"ntfy", "ntfys", "ntfy+http", "ntfy+https"})
_PRIVATE_SUFFIXES = (".local", ".lan", ".home", ".home.arpa", ".internal", ".localhost")
_YEAR_DAYS = 365
_PREROLL_BYTES = 96 * 1024 * 1024
_LATE_S = 5.0
# The line of a household of one, where 1 % of strangers are named, less a little: in
# docs/explanation/operating-points.md. Larger households need more.
_LEAST_KNOWN_AT = {"dlib": 0.91, "dlib-onnx": 0.91, "mobilefacenet": 0.27}


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to reconsider: which setting, and why."""

    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.key}: {self.message}"


def advise(settings: ProductionSettings) -> list[Advice]:
    """Say what an owner should reconsider; an empty list is praise."""
    return [
        Advice(key, message)
        for rule in (_targets, _fakes, _retention, _keys, _camera, _access, _lines)
        for key, message in rule(settings)
    ]


def is_guessable(topic: str) -> bool:
    """Whether a stranger could find this topic by trying.

    Letters in a row are taken for words of a dictionary, six letters each; what mixes
    digits and letters counts as random.
    """
    words = topic.lower().replace("_", "-").replace(".", "-").split("-")
    return sum(map(_bits, words)) < TOPIC_BITS


def is_private_host(host: str) -> bool:
    """Whether a name or address stays within the house, as far as it can be told."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        name = host.lower().rstrip(".")
        return "." not in name or name.endswith(_PRIVATE_SUFFIXES)
    return address.is_private or address.is_loopback or address.is_link_local


def _bits(word: str) -> float:
    if not word:
        return 0.0
    if word.isdigit():
        return len(word) * math.log2(10)
    if word.isalpha():
        blind = len(word) * math.log2(26)
        return min(blind, _WORD_BITS * math.ceil(len(word) / _WORD_LETTERS))
    return len(word) * math.log2(36)


def _targets(settings: ProductionSettings) -> Iterator[tuple[str, str]]:
    told = [target for target in settings.notify.targets if target.enabled]
    if not settings.features.notifications:
        yield "features.notifications", "nobody is told of a ring"
    elif not told:
        yield "notify.targets", "there is no target: nobody is told of a ring"
    for index, target in enumerate(settings.notify.targets):
        if target.enabled and target.url:
            for message in _address(target):
                yield f"notify.targets[{index}].url", message


def _address(target: Target) -> Iterator[str]:
    try:
        parts = urlsplit(target.url)
        host, password = parts.hostname or "", parts.password
    except ValueError:
        yield "this does not look like an address"
        return
    relay, topic = _relay(parts)
    if relay in PUBLIC_RELAYS:
        if target.picture:
            yield f"pictures of visitors go to {relay}, a public relay"
        if is_guessable(topic):
            yield "the topic can be guessed, and whoever guesses it reads along"
    server = relay or host
    if parts.scheme in _PLAIN_SCHEMES and not is_private_host(server):
        yield f"goes to {server} unencrypted: everybody on the way reads along"
    if password:
        yield "holds a password; put the address into a file and name it in `url_file`"


def _relay(parts: SplitResult) -> tuple[str, str]:
    """Return server and topic of an ntfy address; apprise's short form has no server.

    Plain web addresses of a known relay are recognised as well.
    """
    host = (parts.hostname or "").lower()
    topic = parts.path.strip("/")
    if parts.scheme in _NTFY_SCHEMES:
        return (host, topic) if topic else ("ntfy.sh", parts.netloc.rpartition("@")[2])
    return (host, topic) if host in PUBLIC_RELAYS else ("", "")


def _fakes(settings: ProductionSettings) -> Iterator[tuple[str, str]]:
    if settings.profile != "production":
        return
    if settings.button.source == "mock":
        yield "button.source", "`mock` is a fake: no finger can ring it"
    if settings.camera.source.startswith("folder:"):
        yield "camera.source", "`folder:` is a fake: it shows pictures, not the door"
    if settings.log.level == "debug":
        yield "log.level", "`debug` writes much; a card wears out by it"


def _retention(settings: ProductionSettings) -> Iterator[tuple[str, str]]:
    storage = settings.storage
    for key in ("keep_days", "picture_days"):
        days = getattr(storage, key)
        if days >= _YEAR_DAYS:
            message = f"faces at your door are kept for {days / _YEAR_DAYS:.1f} years"
            yield f"storage.{key}", message
    if storage.picture_days > storage.keep_days:
        message = f"pictures go with their visit after {storage.keep_days} days"
        yield "storage.picture_days", message


def _keys(settings: ProductionSettings) -> Iterator[tuple[str, str]]:
    if settings.profile != "production":
        return
    folder = PurePath(settings.storage.dir)
    key_file = PurePath(settings.storage.key_file or folder / "keys" / "master.key")
    if key_file.is_relative_to(folder):
        message = "the key lies on the card it protects: whoever takes it reads it all"
        yield "storage.key_file", message


def _camera(settings: ProductionSettings) -> Iterator[tuple[str, str]]:
    camera = settings.camera
    size = preroll_bytes(camera)
    if camera.source != "none" and size > _PREROLL_BYTES:
        yield "camera.preroll_s", f"frames take {size >> 20} MiB of memory"
    parts = urlsplit(camera.source) if "://" in camera.source else None
    if parts and parts.password:
        yield "camera.source", "holds a password; put the address into `url_file`"
    if parts and parts.scheme == "rtsp" and not is_private_host(parts.hostname or ""):
        yield "camera.source", "the camera's picture crosses the internet unencrypted"


def _access(settings: ProductionSettings) -> Iterator[tuple[str, str]]:
    if settings.control.group == settings.control.admin_group:
        yield "control.admin_group", "whoever may press may also enrol and erase"
    if settings.notify.deadline_s > _LATE_S:
        yield "notify.deadline_s", "a visitor may be gone before the phones hear"
    address = address_of(settings.web.listen)
    if settings.web.enabled and address and not is_loopback(address[0]):
        yield "web.listen", "the token and who came travel unencrypted; use a proxy"


def _lines(settings: ProductionSettings) -> Iterator[tuple[str, str]]:
    vision = settings.vision
    least = _LEAST_KNOWN_AT.get(vision.engine, min(_LEAST_KNOWN_AT.values()))
    if vision.engine == "fake" or vision.known_at is None or vision.known_at >= least:
        return
    message = (
        f"{vision.known_at:g} is far below the engine's line, {least:g} at least: many "
        "strangers would be given a name. Leave it out, and set `strangers_named`"
    )
    yield "vision.known_at", message
