"""Push through whatever apprise can reach: chat, mail, push services.

apprise answers yes or no and logs the reason; what it logged about this one send is
read for an HTTP status, so that a wrong token is not retried for a day. Each target is
a service object of its own, made for each send: nothing is shared, so that one that
fails never makes another ring twice.
"""

from __future__ import annotations

import logging
import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import apprise
from apprise.attachment.file import AttachFile
from apprise.plugins import url_to_dict
from apprise.result import AppriseResultStatus

from doorbell.core.answers import in_words, meaning
from doorbell.core.errors import BadSettingsError
from doorbell.ports.notifier import Answer, Outcome, Push

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# What "without sound" is called, by apprise's name of the service. Others have no such
# thing and sound as the phone is set.
_SILENT: Final[dict[str, dict[str, object]]] = {
    "gotify": {"priority": "low"},
    "gotifys": {"priority": "low"},
    "join": {"priority": "moderate"},
    "nctalk": {"silent": True},
    "nctalks": {"silent": True},
    "ntfy": {"priority": "low"},
    "ntfys": {"priority": "low"},
    "pover": {"priority": "moderate"},
    "prowl": {"priority": "moderate"},
    "psafer": {"priority": "-1"},
    "psafers": {"priority": "-1"},
    "tgram": {"silent": True},
}
# Apprise's general ones, which pass on headers and fields as they are.
_PLAIN_HTTP = frozenset({"json", "jsons", "form", "forms", "xml", "xmls"})
# How its services end the line about a failed request.
_STATUS = re.compile(r"error=(\d{3})\b")
_CONNECT_S = 4.0


class AppriseNotifier:
    """One apprise address."""

    can_replace = False

    def __init__(self, url: str, name: str) -> None:
        _keep_quiet()
        self._url = url.strip()
        # apprise's own words about an address it refuses may quote it.
        if not _parsed(self._url) or self._service({}, 1.0) is None:
            msg = f"target {name}: apprise does not understand its address"
            hint = (
                "Compare it with the service's page at https://appriseit.com/services/ "
                "and escape special characters (`,` is %2C)."
            )
            raise BadSettingsError(msg, hint=hint)

    def send(self, push: Push, timeout_s: float) -> Answer:
        """Try once; half the time for the connection at most, the rest to answer."""
        service = self._service(_options(self._schema(), push), timeout_s)
        if service is None:
            return Answer(Outcome.RETRY, "apprise could not make the service")
        courier = apprise.Apprise(service, asset=_asset())
        with _attachment(push.jpeg) as attachment:
            result = courier.notify(
                title=push.title,
                # Several services refuse a message without a body.
                body=push.body or push.title,
                body_format=apprise.NotifyFormat.TEXT,
                attach=attachment,
            )
        return _answer(result)

    def _schema(self) -> str:
        return self._url.partition(":")[0].lower()

    def _service(
        self, options: Mapping[str, object], timeout_s: float
    ) -> apprise.NotifyBase | None:
        connect_s = min(_CONNECT_S, timeout_s / 2)
        parts = _parsed(self._url)
        for key, value in options.items():
            old = parts.get(key)
            parts[key] = old | value if isinstance(value, dict) and old else value
        # The outbox retries; a service that is "optional" would report a loss as sent.
        parts |= {"retry": 0, "optional": False}
        parts |= {"cto": connect_s, "rto": timeout_s - connect_s}
        return apprise.Apprise.instantiate(parts, asset=_asset())


def _parsed(url: str) -> dict[str, Any]:
    """Return apprise's reading of an address; empty if it has none."""
    return url_to_dict(url) or {}  # type: ignore[no-untyped-call]  # apprise's own


def _keep_quiet() -> None:
    # Its log lines hold hosts and, further down, whole messages.
    logger = logging.getLogger("apprise")
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())


def _asset() -> apprise.AppriseAsset:
    # A redirected POST becomes a GET, which looks sent and is lost. Threads of its own
    # would outlive ours; the stage watches over the whole attempt.
    return apprise.AppriseAsset(
        app_id="doorbell-edge",
        async_mode=False,
        http_redirects=False,
        service_timeout=0,
        pgp_autogen=False,
    )


def _options(schema: str, push: Push) -> dict[str, object]:
    options = dict(_SILENT.get(schema, {})) if push.silent else {}
    if schema in _PLAIN_HTTP:
        options["headers"] = {"Idempotency-Key": push.key}
        options["payload"] = {
            "idempotency_key": push.key,
            "visit": push.replaces,
            "silent": "yes" if push.silent else "no",
        }
    return options


@contextmanager
def _attachment(jpeg: bytes | None) -> Iterator[AttachFile | None]:
    """Lend the picture as a file that is in memory only, and gone afterwards.

    Half of apprise's services open an attachment by path; a file in /tmp would put
    the picture on the card unencrypted.
    """
    if jpeg is None:
        yield None
        return
    descriptor = os.memfd_create("doorbell-picture", os.MFD_CLOEXEC)
    with os.fdopen(descriptor, "wb") as memory:
        memory.write(jpeg)
        memory.flush()
        path = f"/proc/{os.getpid()}/fd/{descriptor}"
        yield AttachFile(  # type: ignore[no-untyped-call]  # apprise's own
            path, name="doorbell.jpg", mimetype="image/jpeg"
        )


def _answer(result: apprise.AppriseResult) -> Answer:
    if result.status is AppriseResultStatus.SUCCESS:
        return Answer(Outcome.SENT)
    text = "\n".join(entry.message for entry in result.logs())
    found = _STATUS.findall(text)
    if not found:
        return Answer(Outcome.RETRY, "apprise could not deliver it")
    status = int(found[-1])
    outcome = Outcome(meaning(status))
    if outcome is Outcome.SENT:
        return Answer(Outcome.RETRY, "apprise could not deliver it")
    return Answer(outcome, in_words(status))
