"""One HTTP request with a deadline, and its status as an `Answer`.

Used by the adapters that speak HTTP themselves. http.client is enough: no redirects
are followed (a push redirected from POST to GET would count as sent and be lost), no
environment proxies, nothing of an address ends up in an error text.
"""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, quote, unquote, urlsplit

from doorbell.core.answers import in_words, meaning, retry_after_s
from doorbell.core.errors import BadSettingsError
from doorbell.ports.notifier import Answer, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

TOO_LARGE = 413
# Enough to let a server finish its answer; the words in it are not used.
_ANSWER_BYTES = 4096
# What a path or a query may hold as it is (RFC 3986); all else is escaped, since
# http.client refuses it.
_PATH = "/%:@!$&'()*+,;=~"
_QUERY = _PATH + "?"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to send; `authorization` is the header's value, or None."""

    secure: bool
    host: str
    port: int | None
    path: str
    authorization: str | None


def endpoint(url: str, prefix: str, name: str) -> Endpoint:
    """Take an address such as `ntfy+https://:token@host/topic` apart.

    `user:password@` becomes Basic, `:token@` becomes a Bearer token.

    Raises:
        BadSettingsError: it lacks a host or has an impossible port. Its text names
            the target, never the address: that may hold a token.
    """
    parts, port = _taken_apart(url.strip()[len(prefix) + 1 :])
    if parts is None or parts.hostname is None:
        msg = f"target {name}: the address has no host or an impossible port"
        hint = f"Write it as {prefix}+https://host/path."
        raise BadSettingsError(msg, hint=hint)
    path = quote(parts.path or "/", safe=_PATH)
    if parts.query:
        path += f"?{quote(parts.query, safe=_QUERY)}"
    secure = parts.scheme == "https"
    return Endpoint(secure, parts.hostname, port, path, _authorization(parts))


def _taken_apart(url: str) -> tuple[SplitResult | None, int | None]:
    # None instead of the error: that would show the address.
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None, None
    return parts, port


def _authorization(parts: SplitResult) -> str | None:
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if user:
        basic = base64.b64encode(f"{user}:{password}".encode()).decode()
        return f"Basic {basic}"
    return f"Bearer {password}" if password else None


def request(
    where: Endpoint,
    method: str,
    headers: Mapping[str, str],
    body: bytes,
    timeout_s: float,
) -> tuple[int, Answer]:
    """Send once; the status (0 without one) and what it means.

    `timeout_s` bounds each wait for the network, not their sum: the stage keeps the
    watch over an attempt as a whole.
    """
    connection = _connection(where, timeout_s)
    try:
        connection.request(method, where.path, body, _all_headers(where, headers))
        response = connection.getresponse()
        response.read(_ANSWER_BYTES)
    except (OSError, http.client.HTTPException) as error:
        return 0, Answer(Outcome.RETRY, failure_in_words(error))
    finally:
        connection.close()
    status = response.status
    wish_s = retry_after_s(response.getheader("Retry-After"), datetime.now(UTC))
    return status, Answer(Outcome(meaning(status)), in_words(status), wish_s)


def _connection(where: Endpoint, timeout_s: float) -> http.client.HTTPConnection:
    if not where.secure:
        return http.client.HTTPConnection(where.host, where.port, timeout=timeout_s)
    context = ssl.create_default_context()
    return http.client.HTTPSConnection(
        where.host, where.port, timeout=timeout_s, context=context
    )


def _all_headers(where: Endpoint, headers: Mapping[str, str]) -> dict[str, str]:
    merged = {"User-Agent": "doorbell-edge", **headers}
    if where.authorization:
        merged["Authorization"] = where.authorization
    return merged


def failure_in_words(error: Exception) -> str:
    """Say what went wrong on the network without quoting the address."""
    match error:
        case TimeoutError():
            return "no answer in time"
        case ssl.SSLCertVerificationError():
            return "its certificate is not trusted"
        case socket.gaierror():
            return "its name cannot be looked up"
        case ConnectionRefusedError():
            return "nothing listens there"
        case OSError() if error.strerror:
            return f"network: {error.strerror}"
        case _:
            return f"network: {type(error).__name__}"
