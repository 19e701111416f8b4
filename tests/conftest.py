"""What holds for the tests of every kind, and a real daemon for those that want one."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from doorstep import Doorstep

    from doorbell.testing.sink import Sink

# How long one example takes says more about what else the machine does than about us.
settings.register_profile("doorbell", deadline=None)
settings.load_profile("doorbell")


@pytest.fixture
def sink() -> Iterator[Sink]:
    from doorbell.testing.sink import Sink  # noqa: PLC0415 - pure tests load no server

    with Sink() as one:
        yield one


def complaints(one: Doorstep) -> list[str]:
    """Lines that must not be in the log, whatever a test is about."""
    lines = one.log.read_text().splitlines() if one.log.exists() else []
    return [line for line in lines if "metric_refused" in line]


@pytest.fixture
def doorstep(tmp_path: Path, sink: Sink) -> Iterator[Doorstep]:
    """A doorstep whose daemon is not started yet."""
    from doorstep import Doorstep  # noqa: PLC0415 - pure tests load no OpenCV

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
    from doorstep import Doorstep  # noqa: PLC0415 - as above

    from doorbell.testing.sink import Sink  # noqa: PLC0415 - as above

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
