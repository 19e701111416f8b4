"""Push to anything that takes a POST: `webhook+https://[:token@]host/path`.

The body is multipart/form-data: a part `notice` (JSON) and, with a picture, a part
`picture` (JPEG). A receiver that remembers `Idempotency-Key` never acts twice on the
same message; one that keys on `visit` replaces a ring by its name.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING

from doorbell.adapters.notify_http import TOO_LARGE, endpoint, request

if TYPE_CHECKING:
    from doorbell.ports.notifier import Answer, Push


class WebhookNotifier:
    """One receiver."""

    can_replace = True

    def __init__(self, url: str, name: str) -> None:
        self._where = endpoint(url, "webhook", name)

    def send(self, push: Push, timeout_s: float) -> Answer:
        """Post it once; a 413 at once again without the picture."""
        status, answer = self._post(push, timeout_s)
        if status == TOO_LARGE and push.jpeg is not None:
            _, answer = self._post(replace(push, jpeg=None), timeout_s)
            return replace(answer, detail=f"{answer.detail}; without its picture")
        return answer

    def _post(self, push: Push, timeout_s: float) -> tuple[int, Answer]:
        boundary, body = multipart(push)
        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Idempotency-Key": push.key,
        }
        return request(self._where, "POST", headers, body, timeout_s)


def multipart(push: Push) -> tuple[str, bytes]:
    """Return boundary and body; the same push gives the same bytes."""
    notice = {
        "key": push.key,
        "visit": push.replaces,
        "title": push.title,
        "body": push.body,
        "silent": push.silent,
        "has_picture": push.jpeg is not None,
        "checkpoint": push.checkpoint,
    }
    words = json.dumps(notice, ensure_ascii=False, sort_keys=True).encode()
    parts = [(b'name="notice"', b"application/json", words)]
    if push.jpeg is not None:
        disposition = b'name="picture"; filename="doorbell.jpg"'
        parts.append((disposition, b"image/jpeg", push.jpeg))
    boundary = _boundary(push.key, [content for _, _, content in parts])
    lines: list[bytes] = []
    for disposition, kind, content in parts:
        lines += [
            b"--" + boundary.encode(),
            b"Content-Disposition: form-data; " + disposition,
            b"Content-Type: " + kind,
            b"",
            content,
        ]
    return boundary, b"\r\n".join([*lines, b"--" + boundary.encode() + b"--", b""])


def _boundary(seed: str, contents: list[bytes]) -> str:
    boundary = hashlib.sha256(seed.encode()).hexdigest()[:32]
    while any(boundary.encode() in content for content in contents):
        boundary = hashlib.sha256(boundary.encode()).hexdigest()[:32]
    return boundary
