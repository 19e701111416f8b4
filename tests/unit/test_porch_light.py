"""The light at the door goes on at a press in the dark, and only then."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from doorbell.runtime.porch_light import light_up_if_dark
from doorbell.stages.messages import FrameRef, LightUp


@pytest.mark.parametrize(
    ("pin", "brightness", "lit"),
    [(5, 20.0, True), (5, 120.0, False), (None, 20.0, False), (5, None, False)],
)
def test_light_goes_on_only_in_the_dark(
    pin: int | None, brightness: float | None, *, lit: bool
) -> None:
    sent: list[tuple[str, object]] = []
    frames = (
        []
        if brightness is None
        else [
            FrameRef(0, 1, 640, 480, 1, brightness=200.0),
            FrameRef(1, 1, 640, 480, 2, brightness=brightness),
        ]
    )
    hub: Any = SimpleNamespace(
        settings=SimpleNamespace(button=SimpleNamespace(light_pin=pin)),
        desk=SimpleNamespace(preroll=lambda _at_ns: frames),
        clock=SimpleNamespace(mono_ns=lambda: 3),
        supervisor=SimpleNamespace(
            send=lambda role, message: sent.append((role, message))
        ),
    )
    light_up_if_dark(hub)
    assert sent == ([("button", LightUp())] if lit else [])
