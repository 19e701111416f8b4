"""One record of the audit log as one line of JSON, each bound to the one before.

Pure: no files, no clock. A line is

    {"v":1,"seq":7,"prev":"…","boot_id":"…","mono_ns":"…","ts":"…","actor":"…",
     "act":"…","obj":"…","out":"…","ctx":{…}}

without white space, in this order, in printable ASCII (everything else is escaped).
`prev` is the hash of the line before, SHA-256(0x00 ‖ line), which is also its leaf in
the RFC 6962 tree. What is hashed are the bytes as stored: a line is parsed to be read,
never encoded again to be verified.

Numbers are integers below 2^53, so that every JSON reader sees the same; nanoseconds
since the boot pass that after 104 days, so `mono_ns` is a string of digits.
"""

from __future__ import annotations

import binascii
import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

VERSION = 1
FIELDS = (
    *("v", "seq", "prev", "boot_id", "mono_ns", "ts"),
    *("actor", "act", "obj", "out", "ctx"),
)
GENESIS = "0" * 64
INT_LIMIT = 1 << 53
# Longer than any honest record; a page of the card's cache.
MAX_LINE_BYTES = 8192
MAX_DEPTH = 4

_KEY = re.compile(r"[a-z][a-z0-9_]{0,31}\Z")
_ACT = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+\Z")
_HASH = re.compile(r"[0-9a-f]{64}\Z")
_PRINTABLE = re.compile(rb"[\x20-\x7e]+\Z")
_HEAD = re.compile(rb'\{"v":\d+,"seq":(\d+),"prev":"([0-9a-f]{64})",')
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class RecordError(ValueError):
    """What should be a record is none, or may not become one."""


class Instant(Protocol):
    """When something happened, by both clocks."""

    @property
    def boot_id(self) -> str:
        """The kernel's boot id, 32 hexadecimal digits."""
        ...

    @property
    def mono_ns(self) -> int:
        """CLOCK_MONOTONIC, nanoseconds."""
        ...

    @property
    def wall_ns(self) -> int:
        """CLOCK_REALTIME, nanoseconds since 1970 UTC, right or not."""
        ...

    @property
    def synced(self) -> bool:
        """Whether the kernel said that the wall clock was right."""
        ...


class Entry(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What somebody wants recorded; the writer gives it its place in the chain.

    Attributes:
        act: what was done, `thing.verb`, from a closed set.
        actor: who did it: `uid:1000`, `doorbell`, `button`.
        obj: to what: `visit:…`, `person:…` (a keyed reference, never a name).
        out: how it went: `done`, `refused`, a decision.
        ctx: more facts; keys in lower case, no floats, nothing personal.
        boot_id, mono_ns, wall_ns, synced: when it happened.
        urgent: worth a signed checkpoint at once.
    """

    act: str
    actor: str = "doorbell"
    obj: str = ""
    out: str = "done"
    ctx: dict[str, object] = {}
    boot_id: str
    mono_ns: int
    wall_ns: int
    synced: bool
    urgent: bool = False


class Record(Struct, frozen=True, kw_only=True):
    """A record as it was read."""

    v: int
    seq: int
    prev: str
    boot_id: str
    mono_ns: str
    ts: str
    actor: str
    act: str
    obj: str
    out: str
    ctx: dict[str, object]


def entry(  # noqa: PLR0913 - the fields of a record, each by its name
    act: str,
    at: Instant,
    *,
    actor: str = "doorbell",
    obj: str = "",
    out: str = "done",
    ctx: Mapping[str, object] | None = None,
    urgent: bool = False,
) -> Entry:
    """Say what happened at an instant.

    Raises:
        RecordError: it has a key or a value that no record may have.
    """
    made = Entry(
        act=act,
        actor=actor,
        obj=obj,
        out=out,
        ctx=dict(ctx or {}),
        boot_id=at.boot_id,
        mono_ns=at.mono_ns,
        wall_ns=at.wall_ns,
        synced=at.synced,
        urgent=urgent,
    )
    check(made)
    return made


def check(wanted: Entry) -> None:
    """Refuse what could not be read back the same by everybody.

    Raises:
        RecordError: and what is wrong with it.
    """
    if not _ACT.match(wanted.act):
        msg = f"{wanted.act!r} is no act: they are called `thing.verb`"
        raise RecordError(msg)
    _check_value(wanted.ctx, "ctx", 0)
    try:
        # With the longest number and time; the rest of the place is always as long.
        line = encode(wanted, INT_LIMIT - 1, GENESIS)
    except (ValueError, OverflowError) as error:
        msg = f"a record of {wanted.act} has an impossible time: {error}"
        raise RecordError(msg) from error
    if len(line) > MAX_LINE_BYTES:
        msg = f"a record of {wanted.act} is longer than {MAX_LINE_BYTES} bytes"
        raise RecordError(msg)


def _check_value(value: object, where: str, depth: int) -> None:
    match value:
        case None | bool() | str():
            return
        case int() if abs(value) < INT_LIMIT:
            return
        case list() | tuple() if depth < MAX_DEPTH:
            for one in value:
                _check_value(one, where, depth + 1)
        case dict() if depth < MAX_DEPTH:
            for key, one in value.items():
                if not isinstance(key, str) or not _KEY.match(key):
                    msg = f"{key!r} is no key of a record"
                    raise RecordError(msg)
                _check_value(one, f"{where}.{key}", depth + 1)
        case _:
            msg = f"{where} cannot be recorded: {type(value).__name__}"
            raise RecordError(msg)


def encode(wanted: Entry, seq: int, prev: str) -> bytes:
    """Make the line of a record, without its line end."""
    ctx: dict[str, object] = dict(wanted.ctx)
    if not wanted.synced:
        ctx["synced"] = False
    fields = {
        "v": VERSION,
        "seq": seq,
        "prev": prev,
        "boot_id": wanted.boot_id,
        "mono_ns": str(wanted.mono_ns),
        "ts": timestamp(wanted.wall_ns),
        "actor": wanted.actor,
        "act": wanted.act,
        "obj": wanted.obj,
        "out": wanted.out,
        "ctx": ctx,
    }
    return _ENCODER.encode(fields).encode("ascii")


_ENCODER = json.JSONEncoder(
    ensure_ascii=True, allow_nan=False, separators=(",", ":"), check_circular=False
)


def timestamp(wall_ns: int) -> str:
    """Write wall time as RFC 3339 UTC with milliseconds; the year ends at 9999."""
    at = _EPOCH + timedelta(microseconds=wall_ns // 1000)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def leaf_hash(line: bytes) -> bytes:
    """Hash a stored line, 32 bytes."""
    return hashlib.sha256(b"\0" + line).digest()


def head(line: bytes) -> tuple[int, str] | None:
    """Read only number and `prev` of a line; None if it does not begin as one."""
    found = _HEAD.match(line)
    return (int(found[1]), found[2].decode()) if found else None


def follow(lines: Sequence[bytes], seq: int, prev: str) -> list[bytes]:
    """Return the hashes of lines, as far as each follows from the one before.

    Only the bytes are looked at: number, `prev`, the closing brace, and no zeros.

    Args:
        lines: stored lines without their line ends.
        seq: number the first must bear.
        prev: hash the first must bear, hexadecimal.

    Returns:
        One hash of 32 bytes a line; fewer than lines where one does not follow.
    """
    sha256, hexlify = hashlib.sha256, binascii.hexlify
    bound = prev.encode()
    hashes: list[bytes] = []
    keep = hashes.append
    for number, line in enumerate(lines, seq):
        start = b'{"v":1,"seq":%d,"prev":"%b",' % (number, bound)
        # Zeros are what a power cut leaves of a line whose ends came to disk.
        if not line.startswith(start) or b"\0" in line or line[-2:] != b"}}":
            break
        digest = sha256(b"\0" + line).digest()
        bound = hexlify(digest)
        keep(digest)
    return hashes


def parse(line: bytes) -> Record:
    """Read a line, strictly.

    Raises:
        RecordError: no JSON, a key twice, a float, a number too large, another order
            or another set of keys.
    """
    if len(line) > MAX_LINE_BYTES or not _PRINTABLE.match(line):
        msg = "not printable ASCII of a record's length"
        raise RecordError(msg)
    try:
        fields = json.loads(
            line,
            object_pairs_hook=_once,
            parse_float=_refuse,
            parse_constant=_refuse,
            parse_int=_whole,
        )
    except RecordError:
        raise
    except (ValueError, RecursionError) as error:
        msg = f"no JSON: {error}"
        raise RecordError(msg) from error
    return _record(fields)


def _record(fields: object) -> Record:
    if not isinstance(fields, dict) or tuple(fields) != FIELDS:
        msg = "not the fields of a record in their order"
        raise RecordError(msg)
    kinds = {"v": int, "seq": int, "ctx": dict}
    for name, value in fields.items():
        if type(value) is not kinds.get(name, str):
            msg = f"{name} is of the wrong kind"
            raise RecordError(msg)
    if fields["v"] != VERSION or not _HASH.match(fields["prev"]):
        msg = "another version, or a `prev` that is no hash"
        raise RecordError(msg)
    _check_value(fields["ctx"], "ctx", 0)
    return Record(**fields)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        msg = "a key appears twice"
        raise RecordError(msg)
    return found


def _refuse(text: str) -> object:
    msg = f"{text} is no whole number"
    raise RecordError(msg)


def _whole(text: str) -> int:
    number = int(text)
    if abs(number) >= INT_LIMIT:
        msg = f"{text} is beyond 2^53"
        raise RecordError(msg)
    return number
