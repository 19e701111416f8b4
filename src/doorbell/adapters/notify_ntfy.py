"""Push through an ntfy server: `ntfy+https://[:token@]server/topic`.

Spoken directly rather than through apprise for one header: `X-Sequence-ID`, by which
ntfy 2.16 and later replace an earlier message of the same visit. Older servers show a
second one. The words travel in headers, not in the query, which servers log.
"""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING

from doorbell.adapters.notify_http import TOO_LARGE, endpoint, request
from doorbell.core.errors import BadSettingsError

if TYPE_CHECKING:
    from doorbell.ports.notifier import Answer, Push

# What ntfy accepts as a sequence id.
_LONGEST_ID = 64


class NtfyNotifier:
    """One topic."""

    can_replace = True

    def __init__(self, url: str, name: str) -> None:
        self._where = endpoint(url, "ntfy", name)
        if not self._where.path.partition("?")[0].strip("/"):
            msg = f"target {name}: the address has no topic"
            raise BadSettingsError(msg, hint="Write ntfy+https://server/topic.")

    def send(self, push: Push, timeout_s: float) -> Answer:
        """Put the picture with the words beside it, or the words alone."""
        if push.jpeg is None:
            return self._send_words(push, timeout_s)
        headers = _headers(push) | {
            "X-Filename": "doorbell.jpg",
            "X-Message": _encoded(_one_line(push.body) or push.title),
        }
        status, answer = request(self._where, "PUT", headers, push.jpeg, timeout_s)
        if status == TOO_LARGE:
            # A server without room for attachments must still hear of the ring.
            answer = self._send_words(push, timeout_s)
            return replace(answer, detail=f"{answer.detail}; without its picture")
        return answer

    def _send_words(self, push: Push, timeout_s: float) -> Answer:
        body = (push.body or push.title).encode()
        _, answer = request(self._where, "PUT", _headers(push), body, timeout_s)
        return answer


def _headers(push: Push) -> dict[str, str]:
    return {
        "X-Title": _encoded(push.title),
        "X-Sequence-ID": _identifier(push.replaces),
        "X-Priority": "low" if push.silent else "high",
        "X-Tags": "bell",
        "Idempotency-Key": push.key,
    }


def _identifier(text: str) -> str:
    kept = "".join(char if char.isascii() and char.isalnum() else "-" for char in text)
    return kept[:_LONGEST_ID] or "doorbell"


def _one_line(text: str) -> str:
    # ntfy turns this escape back into a line break; a header cannot hold one.
    return text.replace("\\", "/").replace("\n", "\\n")


def _encoded(text: str) -> str:
    """Return text as a header value; RFC 2047 where it is not plain ASCII."""
    if text.isascii() and text.isprintable():
        return text
    return f"=?UTF-8?B?{base64.b64encode(text.encode()).decode()}?="
