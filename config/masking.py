"""Take secrets out of what people and logs are shown.

By shape: addresses, tokens, passwords in arguments. By name: what the settings say is
an address. Whatever is in doubt is masked.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from config.production.production_settings import ProductionSettings

MASK = "***"
# Shorter values are words; replacing them would shred the line.
MIN_SECRET_LENGTH = 6

# Addresses whose host is a host. Of any other (`tgram://TOKEN/…`) all is secret.
_WEB_SCHEMES = frozenset({"http", "https", "ws", "wss", "webhook+http"})
_HOST_SCHEMES = _WEB_SCHEMES | {
    *("webhook+https", "ntfy+http", "ntfy+https", "rtsp", "rtsps", "mqtt", "mqtts")
}
_OPEN_SCHEMES = frozenset({"file", "console", "unix", "tcp", "udp"})
_URL = re.compile(r"\b([a-zA-Z][a-zA-Z0-9+.-]{1,30})://([^\s\"'<>`]*)")
_ASSIGNED = re.compile(
    r"(?i)((?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|credentials?"
    r"|auth|authorization)[\"']?\s*[=:]\s*)(?:(?:bearer|basic)\s+)?"
    r"(?:\"[^\"]*\"?|'[^']*'?|[^\s\"',;&}]+)"
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}")
# Most lines hold nothing of the kind, and this one search tells.
_SUSPECT = re.compile(
    r"(?i)passw|passphrase|secret|token|key|credential|auth|bearer|basic"
    r"|://|@|eyj|tk_|xox|gh[a-z]_|[0-9]{8}:"
)
# Bounded, so that a long word takes no longer than its length.
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_TOKENS = re.compile(
    r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"  # JSON web token
    r"|\btk_[a-z0-9]{20,}"  # ntfy
    r"|\b\d{8,10}:[\w-]{35}"  # Telegram bot
    r"|\bxox[a-z]-[\w-]{10,}"  # Slack
    r"|\bgh[a-z]_[A-Za-z0-9]{20,}"  # GitHub
)


def mask_url(address: str) -> str:
    """Mask all of an address but its scheme and, where it is one, its host."""
    scheme, separator, rest = address.partition("://")
    if not separator:
        return address if address.startswith(("console:", "file:")) else MASK
    if scheme.lower() in _OPEN_SCHEMES:
        return address
    if scheme.lower() not in _HOST_SCHEMES:
        return f"{scheme}://{MASK}"
    userinfo, host, tail = _split(rest)
    tail = tail if tail in {"", "/"} else tail[0] + MASK
    return f"{scheme}://{userinfo}{host}{tail}"


def redact(text: str) -> str:
    """Mask what looks like a secret in free text; paths of web addresses stay."""
    if not _SUSPECT.search(text):
        return text
    text = _URL.sub(_redacted_url, text)
    text = _BEARER.sub(rf"\1 {MASK}", text)
    text = _ASSIGNED.sub(rf"\1{MASK}", text)
    text = _EMAIL.sub(MASK, text)
    return _TOKENS.sub(MASK, text)


def secrets_in(settings: ProductionSettings) -> frozenset[str]:
    """Return the values within the settings that no log may repeat."""
    addresses = [target.url for target in settings.notify.targets]
    addresses.append(settings.camera.source)
    found = {part for address in addresses for part in _secret_parts(address)}
    return frozenset(part for part in found if len(part) >= MIN_SECRET_LENGTH)


def masked(settings: Mapping[str, object]) -> dict[str, object]:
    """Return the settings, as plain tables, with every secret masked."""
    return {key: _masked(key, value) for key, value in settings.items()}


def _masked(key: str, value: object) -> object:
    if isinstance(value, dict):
        return {name: _masked(name, one) for name, one in value.items()}
    if isinstance(value, list):
        return [_masked(key, one) for one in value]
    if not isinstance(value, str) or not value:
        return value
    if key == "url" or (key == "source" and "://" in value):
        return mask_url(value)
    return _URL.sub(lambda m: mask_url(m[0]), redact(value))


def _redacted_url(match: re.Match[str]) -> str:
    scheme, rest = match[1], match[2]
    if scheme.lower() in _OPEN_SCHEMES:
        return match[0]
    if scheme.lower() not in _HOST_SCHEMES:
        return f"{scheme}://{MASK}"
    userinfo, host, tail = _split(rest)
    path, mark, _ = tail.partition("?")
    return f"{scheme}://{userinfo}{host}{path}{mark}{MASK if mark else ''}"


def _split(rest: str) -> tuple[str, str, str]:
    """Return masked user info with its `@`, host, and all that follows.

    Everything up to the last `@` counts as user info: passwords with a slash exist.
    """
    _, at, rest = rest.rpartition("@")
    host = re.split(r"[/?#]", rest, maxsplit=1)[0]
    return MASK + at if at else "", host, rest[len(host) :]


def _secret_parts(address: str) -> Iterator[str]:
    """Yield the whole address, its user info, its path and query, its long words."""
    scheme, separator, rest = address.partition("://")
    if not separator or scheme.lower() in _OPEN_SCHEMES:
        return
    yield address
    authority, _, path = rest.partition("/")
    userinfo, _, host = authority.rpartition("@")
    words = [*userinfo.split(":"), *re.split(r"[/?&=#,]", path)]
    if scheme.lower() not in _HOST_SCHEMES and "." not in host:
        words.append(host)
    for word in words:
        yield word
        yield unquote(word)
