"""What tests of commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from descriptors import left_open, open_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def no_settings_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("config.loader.DEFAULT_PATH", tmp_path / "absent.toml")


@pytest.fixture
def no_leak() -> Iterator[None]:
    """Every descriptor that came with a reply is closed."""
    before = open_files()
    yield
    assert not left_open(before)
