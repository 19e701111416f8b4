"""Encodings of another program are read, and a pickle never."""

from __future__ import annotations

import io
import json
import pickle  # noqa: TID251 - to prove that what it writes is refused
import struct

import numpy as np
import pytest

from doorbell.core.encodings import DIMENSIONS, packed, read_encodings, unpacked
from doorbell.core.errors import BadInputError

ROWS = [[0.01 * n + k for n in range(DIMENSIONS)] for k in (1, 2)]


def npy(values: object, dtype: str = "<f8") -> bytes:
    file = io.BytesIO()
    np.save(file, np.array(values, dtype), allow_pickle=dtype == "O")
    return file.getvalue()


@pytest.mark.parametrize(
    "content",
    [npy(ROWS), npy(ROWS, "<f4"), json.dumps(ROWS).encode()],
    ids=["double", "single", "json"],
)
def test_encodings_come_back_as_single_precision(content: bytes) -> None:
    rows = unpacked(packed(read_encodings(content)))
    assert rows == [struct.pack("<128f", *row) for row in ROWS]


@pytest.mark.parametrize("content", [npy(ROWS[0]), json.dumps(ROWS[0]).encode()])
def test_one_encoding_may_stand_alone(content: bytes) -> None:
    assert len(read_encodings(content)) == 1


class Bomb:
    """What a malicious file would run when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("ran",))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (pickle.dumps([Bomb()]), "pickle"),
        (npy([Bomb()], "O"), "no plain numbers"),
        (b"PK\x03\x04", "archive"),
        (npy(ROWS)[:-1], "damaged"),
        (npy(ROWS)[:9], "damaged"),
        (npy(ROWS) + b"x", "damaged"),
        (npy(ROWS, ">f8"), "no plain numbers"),
        (npy([[1.0] * 127]), "no encodings"),
        (npy([[[1.0] * 128]]), "damaged"),
        (npy([[1.0] * 128] * 201), "no encodings"),
        (npy(np.full((1, 128), np.nan)), "no row of 128"),
        (npy(np.zeros((1, 128))), "no row of 128"),
        (b"", "neither"),
        (b"hello", "neither"),
        (b"{}", "no list"),
        (b"[]", "0 encodings"),
        (b"[[1, 2]]", "no row of 128"),
        (b"[" * 100_000, "neither"),
        (json.dumps([[True] * 128]).encode(), "no list"),
        (json.dumps([["1"] * 128]).encode(), "no list"),
        (b"[[" + b",".join([b"1" + b"0" * 400] * 128) + b"]]", "too large"),
        (b"[[" + b",".join([b"Infinity"] * 128) + b"]]", "no row of 128"),
        (b"\0" * (5 << 20), "more than"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_anything_else_is_refused_and_not_run(
    content: bytes, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BadInputError, match=why) as caught:
        read_encodings(content)
    assert caught.value.exit_code == 65
    assert "ran" not in capsys.readouterr().out


@pytest.mark.parametrize("size", [0, 511, 513, 512 * 201])
def test_what_is_no_row_is_refused_over_the_socket_too(size: int) -> None:
    with pytest.raises(BadInputError, match="no encodings"):
        unpacked(b"\1" * size)
    with pytest.raises(BadInputError, match="no number"):
        unpacked(struct.pack("<128f", *[float("inf")] * 128))
