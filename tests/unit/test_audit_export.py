"""Records for an auditor: all of them, of a time, and harmless in a spreadsheet."""

from __future__ import annotations

import csv
import io
import json

from audit_house import House

from monitoring.logging import chain
from monitoring.logging.audit_export import (
    newest,
    records,
    within,
    write_csv,
    write_json,
)


def house_of(*names: str) -> House:
    house = House()
    log = house.open()
    for name in names:
        house.append(log, name)
        house.clock.wait(days=1)
    log.close()
    return house


def test_every_record_is_written_in_order_with_every_field() -> None:
    house = house_of("a", "b", "c")
    out = io.StringIO()
    assert write_csv(records(house.folder), out) == 4
    rows = list(csv.DictReader(io.StringIO(out.getvalue())))
    assert [row["obj"] for row in rows] == ["audit", "a", "b", "c"]
    assert tuple(rows[0]) == chain.FIELDS
    assert json.loads(rows[0]["ctx"])["reason"] == "first"


def test_a_cell_is_never_a_formula() -> None:
    house = house_of("=HYPERLINK(1)", "@SUM", "-2+3")
    out = io.StringIO()
    write_csv(records(house.folder), out)
    cells = [cell for row in csv.reader(io.StringIO(out.getvalue())) for cell in row]
    assert not any(cell.startswith(("=", "@", "-", "+")) for cell in cells)


def test_json_lines_are_read_back() -> None:
    house = house_of("a")
    out = io.StringIO()
    write_json(records(house.folder), out)
    found = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [one["obj"] for one in found] == ["audit", "a"]


def test_a_time_is_cut_out() -> None:
    house = house_of("a", "b", "c")
    found = within(records(house.folder), since="2026-09-22", until="2026-09-23")
    assert [record.obj for record in found] == ["b"]


def test_the_newest_come_last() -> None:
    assert [one.obj for one in newest(house_of("a", "b", "c").folder, 2)] == ["b", "c"]
