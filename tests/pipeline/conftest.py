"""A real daemon in a folder of its own: real processes, fake hardware."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from doorstep import Doorstep

from doorbell.testing.sink import Sink

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as one:
        yield one


def complaints(one: Doorstep) -> list[str]:
    """Lines that must not be in the log, whatever a test is about."""
    lines = one.log.read_text().splitlines() if one.log.exists() else []
    return [line for line in lines if "metric_refused" in line]


@pytest.fixture
def doorstep(tmp_path: Path, sink: Sink) -> Iterator[Doorstep]:
    """A doorstep whose daemon is not started yet."""
    one = Doorstep(tmp_path, sink)
    try:
        yield one
    finally:
        with contextlib.suppress(ProcessLookupError):
            one.kill()
    assert complaints(one) == []


@pytest.fixture
def running(doorstep: Doorstep) -> Doorstep:
    """A doorstep whose daemon is ready, with Anna enrolled."""
    doorstep.start()
    doorstep.ready()
    doorstep.enrol("Anna", "anna")
    return doorstep


@pytest.fixture(scope="module")
def household(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doorstep]:
    """A running doorstep with Anna enrolled, shared by a module's harmless tests."""
    with Sink() as sink:
        one = Doorstep(tmp_path_factory.mktemp("household"), sink)
        try:
            one.start()
            one.ready()
            one.enrol("Anna", "anna")
            yield one
        finally:
            one.kill()
        assert complaints(one) == []
