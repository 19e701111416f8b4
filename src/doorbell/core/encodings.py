"""Read face encodings that another program made: `.npy` arrays and JSON, no pickles.

A pickle is a program: reading one means running it. `.npy` files of plain numbers are
read here without numpy, which would unpickle objects if it were told to.
"""

from __future__ import annotations

import ast
import json
import math
import struct
from typing import Any, NoReturn

from doorbell.core.errors import BadInputError

DIMENSIONS = 128
MAX_ROWS = 200
MAX_BYTES = 4 * 1024 * 1024
_NPY = b"\x93NUMPY"
_PICKLE = b"\x80"
_ZIP = b"PK"
_NUMBERS = {"<f4": "f", "<f8": "d"}
_HINT = (
    "Save them with `numpy.save(file, numpy.array(encodings))`, or as JSON: a list of "
    "lists of 128 numbers."
)


def read_encodings(content: bytes) -> list[tuple[float, ...]]:
    """Return the encodings of one person, 128 numbers each.

    Raises:
        BadInputError: the file holds anything else.
    """
    if len(content) > MAX_BYTES:
        _refuse(f"more than {MAX_BYTES} bytes hold more than one person's faces")
    if content.startswith(_PICKLE):
        _refuse("it is a pickle, and a pickle can run any program")
    if content.startswith(_ZIP):
        _refuse("it is an archive of several arrays")
    numbers = _npy(content) if content.startswith(_NPY) else _json(content)
    if not 1 <= len(numbers) <= MAX_ROWS:
        _refuse(f"it holds {len(numbers)} encodings; 1 to {MAX_ROWS} are taken")
    for row in numbers:
        if len(row) != DIMENSIONS or not all(map(math.isfinite, row)) or not any(row):
            _refuse(f"an encoding is no row of {DIMENSIONS} numbers")
    return numbers


def packed(rows: list[tuple[float, ...]]) -> bytes:
    """Return encodings as float32, little endian, one after the other."""
    return b"".join(struct.pack(f"<{DIMENSIONS}f", *row) for row in rows)


def unpacked(content: bytes) -> list[bytes]:
    """Return the encodings that `packed` put together.

    Raises:
        BadInputError: they are none.
    """
    size = DIMENSIONS * 4
    rows, rest = divmod(len(content), size)
    if rest or not 1 <= rows <= MAX_ROWS:
        _refuse(f"{len(content)} bytes are no encodings")
    if not all(map(math.isfinite, struct.unpack(f"<{rows * DIMENSIONS}f", content))):
        _refuse("an encoding holds something that is no number")
    return [content[at : at + size] for at in range(0, len(content), size)]


def _refuse(why: str) -> NoReturn:
    raise BadInputError(why, hint=_HINT)


def _json(content: bytes) -> list[tuple[float, ...]]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        _refuse("it is neither a .npy array nor JSON")
    if isinstance(found, list) and found and not isinstance(found[0], list):
        found = [found]
    if not isinstance(found, list):
        _refuse("it is no list of lists of numbers")
    return [_row(row) for row in found]


def _row(row: object) -> tuple[float, ...]:
    if not isinstance(row, list) or not all(type(one) in (int, float) for one in row):
        _refuse("it is no list of lists of numbers")
    try:
        return tuple(float(one) for one in row)
    except OverflowError:
        _refuse("an encoding holds a number that is far too large")


def _npy(content: bytes) -> list[tuple[float, ...]]:
    """Read format 1.0 to 3.0 (numpy.lib.format): a literal, then plain numbers."""
    try:
        wide = content[6] > 1
        length = struct.unpack_from("<I" if wide else "<H", content, 8)[0]
        begin = 12 if wide else 10
        header = ast.literal_eval(content[begin : begin + length].decode("latin-1"))
        return _rows(header, content[begin + length :])
    except BadInputError:
        raise
    except (
        struct.error,
        IndexError,
        KeyError,
        TypeError,
        ValueError,
        SyntaxError,
        MemoryError,
        RecursionError,
    ):
        _refuse("the .npy array is damaged")


def _rows(header: dict[str, Any], data: bytes) -> list[tuple[float, ...]]:
    kind, shape = header["descr"], header["shape"]
    if kind not in _NUMBERS:
        _refuse(f"an array of {kind!r} holds no plain numbers")
    rows, columns = (1, *shape) if len(shape) == 1 else shape
    if columns != DIMENSIONS or not 1 <= rows <= MAX_ROWS or header["fortran_order"]:
        _refuse(f"an array of shape {shape} holds no encodings")
    numbers = struct.unpack(f"<{rows * columns}{_NUMBERS[kind]}", data)
    return [numbers[at : at + columns] for at in range(0, len(numbers), columns)]
