"""Read records back: the newest, or all of a time, as an auditor wants them."""

from __future__ import annotations

import csv
import json
from collections import deque
from typing import TYPE_CHECKING, TextIO

from monitoring.logging import chain
from monitoring.logging.audit_errors import AuditUnreadableError
from monitoring.logging.audit_files import split as split_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitoring.logging.audit_files import Folder
    from monitoring.logging.chain import Record

# A spreadsheet takes a cell that begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def records(folder: Folder) -> Iterator[Record]:
    """Every record whose body is there, in order; one that cannot be read is left out.

    Raises:
        AuditUnreadableError: the folder cannot be read.
    """
    try:
        names = folder.listing().records
        for place, name in enumerate(names):
            if name not in folder.listing().logs:
                continue
            end = names[place + 1].first if place + 1 < len(names) else None
            lines, _ = split_lines(folder.read(name))
            yield from _parsed(lines[: None if end is None else end - name.first])
    except OSError as error:
        msg = f"cannot read the audit log in {folder.path}: {error.strerror or error}"
        raise AuditUnreadableError(msg) from error


def _parsed(lines: list[bytes]) -> Iterator[Record]:
    for line in lines:
        try:
            yield chain.parse(line)
        except chain.RecordError:
            # `verify` is there to say what this is.
            continue


def newest(folder: Folder, count: int) -> list[Record]:
    """The last records, oldest first."""
    return list(deque(records(folder), maxlen=count))


def within(
    found: Iterator[Record], since: str = "", until: str = ""
) -> Iterator[Record]:
    """Only records of a time; both are beginnings of RFC 3339 times, in UTC."""
    for record in found:
        if record.ts >= since and (not until or record.ts < until):
            yield record


def plain(record: Record) -> dict[str, object]:
    """A record as a mapping, in the order of its fields."""
    return {name: getattr(record, name) for name in chain.FIELDS}


def write_csv(found: Iterator[Record], out: TextIO) -> int:
    """Write a table; returns how many records it has."""
    writer = csv.writer(out)
    writer.writerow(chain.FIELDS)
    count = 0
    for record in found:
        writer.writerow([_cell(getattr(record, name)) for name in chain.FIELDS])
        count += 1
    return count


def write_json(found: Iterator[Record], out: TextIO) -> int:
    """Write one JSON object a line; returns how many."""
    count = 0
    for record in found:
        out.write(json.dumps(plain(record), ensure_ascii=True) + "\n")
        count += 1
    return count


def _cell(value: object) -> str:
    text = json.dumps(value) if isinstance(value, dict) else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
