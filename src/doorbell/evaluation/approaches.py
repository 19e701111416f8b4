"""Scripted approaches: is the name ready at the press, and is it nobody else's?

Somebody walks up to the door in a few pictures, stands there, and presses. A visit is
*ready* when no network ran for it: its answer came from what was glanced at before.
In other scripts an enrolled person passes by, and a stranger rings.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from doorbell.evaluation import rings
from doorbell.evaluation.visitors import NAME, Visitor

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from doorbell.evaluation.rings import MeasuredRing
    from doorbell.evaluation.trial import Trial
    from doorbell.testing.sink import Sink

PORCH = "porch.png"
# Share of the frame's height that the photograph takes, and pixels right of the middle.
WAY = {"far": (0.4, -240), "nearer": (0.6, -120), "here": (0.9, 0), "moved": (0.9, 14)}
PASSING = {"left": (0.7, -330), "middle": (0.7, 0), "right": (0.7, 330)}
STEP_S = 0.4
# How long they stand before they press; a thumb finds a button within these.
STANDING_S = (0.8, 1.2, 1.8, 2.6)
# How long after the passer-by the stranger is there, and then presses.
AFTER_PASSING_S = (0.0, 0.5)
LEFT_ALONE_S = 3.0


@dataclass(frozen=True, slots=True)
class Script:
    """What the camera shows before the press.

    Attributes:
        scenes: picture and for how many seconds.
        passer_by: who must not be named; empty for nobody.
    """

    visitor: Visitor
    scenes: tuple[tuple[str, float], ...]
    passer_by: str = ""


@dataclass(frozen=True, slots=True)
class Approach:
    """How one script ended.

    Attributes:
        ready: no network ran between press and decision.
        lent: the passer-by's name was told.
    """

    script: Script
    ring: MeasuredRing
    ready: bool
    lent: bool


def scripts(
    porch: Path, people: Sequence[tuple[Visitor, NDArray[np.uint8]]]
) -> list[Script]:
    """Draw the pictures and write the scripts.

    Args:
        porch: folder that the camera shows, with the empty porch.
        people: who comes, and a photograph; the enrolled person first.
    """
    for visitor, rgb in people:
        _draw(porch, visitor, rgb)
    guest = people[0][0]
    found = [
        Script(visitor, _walk(visitor, standing_s))
        for visitor, _ in people
        for standing_s in STANDING_S
    ]
    found += [
        Script(visitor, _after_passing(guest, visitor, pause_s), passer_by=NAME)
        for visitor, _ in people[1:]
        for pause_s in AFTER_PASSING_S
    ]
    return found


def _draw(porch: Path, visitor: Visitor, rgb: NDArray[np.uint8]) -> None:
    # Only measurements draw: Pillow and OpenCV are no part of other commands.
    from PIL import Image  # noqa: PLC0415 - see above

    from doorbell.adapters.scene import decode  # noqa: PLC0415 - see above
    from doorbell.evaluation.bench_frames import stood_before  # noqa: PLC0415 - see above

    empty = decode(porch / PORCH)
    for place, (share, right_px) in (WAY | PASSING).items():
        frame = stood_before(empty, rgb, share, right_px)
        Image.fromarray(frame).save(porch / _picture(visitor, place), quality=95)


def _picture(visitor: Visitor, place: str) -> str:
    return f"{visitor.picture.partition('.')[0]}-{place}.jpg"


def _walk(visitor: Visitor, standing_s: float) -> tuple[tuple[str, float], ...]:
    way = [(_picture(visitor, place), STEP_S) for place in ("far", "nearer")]
    # Nobody stands as still as a photograph.
    sway = itertools.cycle(("here", "moved"))
    steps = max(1, round(standing_s / STEP_S))
    stand = [
        (_picture(visitor, place), standing_s / steps)
        for place in itertools.islice(sway, steps)
    ]
    return (*way, *stand)


def _after_passing(
    guest: Visitor, visitor: Visitor, pause_s: float
) -> tuple[tuple[str, float], ...]:
    passing = [(_picture(guest, place), STEP_S) for place in PASSING]
    return (*passing, (PORCH, pause_s), (_picture(visitor, "here"), STEP_S))


def measure(trial: Trial, sink: Sink, wanted: Sequence[Script]) -> Iterator[Approach]:
    """Play each script and press at its end; yields each as it is decided."""
    for script in wanted:
        _show(trial, PORCH, LEFT_ALONE_S)
        sink.forget()
        for picture, seconds in script.scenes:
            _show(trial, picture, seconds)
        trial.press()
        ring = rings.outcome(trial, sink, script.visitor)
        ready = "anticipated" in ring.took_ms
        lent = bool(script.passer_by) and script.passer_by in ring.names
        yield Approach(script, ring, ready, lent)


def _show(trial: Trial, picture: str, seconds: float) -> None:
    if seconds > 0:
        (trial.site.porch / "scene.txt").write_text(picture)
        time.sleep(seconds)


def share_ready(found: Sequence[Approach]) -> float:
    """Return the share of plain approaches whose answer was ready, 0..1."""
    plain = [one for one in found if not one.script.passer_by]
    return sum(one.ready for one in plain) / len(plain) if plain else 0.0


def count_lent(found: Sequence[Approach]) -> int:
    """Return how often a passer-by's name was told."""
    return sum(one.lent for one in found)
