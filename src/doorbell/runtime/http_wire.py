"""The little of HTTP/1.1 that the operations port speaks: one GET a connection.

Pure: bytes in, a request out; a response in, bytes out. There are no bodies to read and
no connection is kept, so nothing of one request can be taken for the next.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qs

MAX_HEAD_BYTES = 8192
MAX_QUERY_FIELDS = 16
_REQUEST_LINE = re.compile(r"([A-Z]{1,16}) (/[!-~]*) HTTP/1\.[01]")
_FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What was asked.

    Attributes:
        path: without the query.
        query: each value of each key, in order.
        headers: by name in lower case; of one that came twice the last.
    """

    method: str
    path: str
    query: dict[str, list[str]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What is answered."""

    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    status: int = 200


class BadRequestError(Exception):
    """It is no request that can be answered.

    Attributes:
        status: of HTTP.
    """

    def __init__(self, message: str, status: int = HTTPStatus.BAD_REQUEST) -> None:
        self.status = status
        super().__init__(message)


def parse(head: bytes) -> HttpRequest:
    """Read the head of a request, up to and with its empty line.

    Raises:
        BadRequestError: it is none.
    """
    try:
        lines = head.decode("ascii").removesuffix("\r\n\r\n").split("\r\n")
    except UnicodeDecodeError as error:
        msg = "the request is not ASCII"
        raise BadRequestError(msg) from error
    line = _REQUEST_LINE.fullmatch(lines[0])
    if line is None:
        msg = "the first line is no HTTP/1.1 request"
        raise BadRequestError(msg)
    path, _, rest = line[2].partition("?")
    try:
        query = parse_qs(rest, max_num_fields=MAX_QUERY_FIELDS)
    except ValueError as error:
        msg = "the query is too long"
        raise BadRequestError(msg) from error
    return HttpRequest(line[1], path, query, _headers(lines[1:]))


def _headers(lines: list[str]) -> dict[str, str]:
    headers = {}
    for line in lines:
        found = _FIELD.fullmatch(line)
        if found is None:
            msg = "a header is malformed"
            raise BadRequestError(msg)
        headers[found[1].lower()] = found[2].rstrip()
    return headers


def encode(response: HttpResponse, *, with_body: bool) -> bytes:
    """Return the answer as it goes over the wire."""
    phrase = HTTPStatus(response.status).phrase
    lines = [
        f"HTTP/1.1 {response.status} {phrase}",
        f"Content-Type: {response.content_type}",
        f"Content-Length: {len(response.body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
    ]
    if response.status == HTTPStatus.UNAUTHORIZED:
        lines.append("WWW-Authenticate: Bearer")
    head = "\r\n".join([*lines, "", ""]).encode("ascii")
    return head + response.body if with_body else head
