"""A sealed memfd cannot change under its reader, and nothing else is accepted."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from doorbell.adapters.sealed import read_sealed, sealed_memfd
from doorbell.core.errors import BadInputError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("data", [b"", b"x", b"picture" * 100_000])
def test_bytes_arrive(data: bytes) -> None:
    fd = sealed_memfd(data)
    assert read_sealed(fd, len(data)) == data
    assert read_sealed(fd, len(data)) == data
    os.close(fd)


def test_sender_cannot_change_what_was_sent() -> None:
    fd = sealed_memfd(b"picture")
    for change in (
        lambda: os.pwrite(fd, b"X", 0),
        lambda: os.ftruncate(fd, 1),
        lambda: os.ftruncate(fd, 100),
    ):
        with pytest.raises(PermissionError):
            change()
    os.close(fd)


def test_unsealed_memfd_is_refused() -> None:
    fd = os.memfd_create("loose", os.MFD_ALLOW_SEALING)
    with pytest.raises(BadInputError, match="still be changed"):
        read_sealed(fd, 100)
    os.close(fd)


def test_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"picture")
    with path.open("rb") as file, pytest.raises(BadInputError):
        read_sealed(file.fileno(), 100)


def test_more_than_expected_is_refused() -> None:
    fd = sealed_memfd(b"12345")
    with pytest.raises(BadInputError, match="more than"):
        read_sealed(fd, 4)
    os.close(fd)
