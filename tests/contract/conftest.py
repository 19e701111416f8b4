"""The stores that keep one contract."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from stored import LIMITS

from doorbell.adapters.store_sqlite import Store as DiskStore
from doorbell.adapters.store_sqlite import StoreOptions
from doorbell.testing.store import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from doorbell.ports.store import Store


@pytest.fixture(params=["memory", "disk"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "memory":
        yield MemoryStore(limits=LIMITS, reserve_bytes=1 << 16)
        return
    options = StoreOptions(limits=LIMITS, reserve_bytes=1 << 16)
    with closing(DiskStore.open(tmp_path / "state", options)) as opened:
        yield opened
