"""How much recognition works while nobody rings, on a still and on a lively porch."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from doorbell.evaluation.processes import usage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from doorbell.evaluation.trial import Trial

GOAL_STILL_A_S, GOAL_MOVING_A_S = 0.2, 2.0
# A look that the window just caught must not tip the scales: one in five seconds is
# what is allowed.
TOLERANCE = 1.1
PLACES = 4
STEP_S = 0.4
SETTLE_S = 3.0


@dataclass(frozen=True, slots=True)
class IdleWork:
    """Runs of networks a second, and processor share by process while something moves.

    Attributes:
        cpu_percent: of one core, by role.
    """

    still_a_s: float
    moving_a_s: float
    cpu_percent: dict[str, float]

    @property
    def is_within_goals(self) -> bool:
        """Whether the porch is not looked at more often than it should be."""
        return (
            self.still_a_s <= GOAL_STILL_A_S * TOLERANCE
            and self.moving_a_s <= GOAL_MOVING_A_S
        )


def measure(
    trial: Trial, seconds: float, wait: Callable[[float, str], None]
) -> IdleWork:
    """Watch a still porch, then one across which something without a face moves.

    Args:
        trial: running, its camera on the empty porch.
        seconds: length of each window.
        wait: sleeps for so many seconds, telling for what.
    """
    still = _rate(trial, lambda: wait(seconds, "counting looks at a still porch"))
    pictures = draw_passing(trial.site.porch)
    pids = trial.pids()
    _wander(trial, pictures, SETTLE_S)
    before = {role: usage(pid) for role, pid in pids.items()}
    moving = _rate(trial, lambda: _wander(trial, pictures, seconds))
    after = {role: usage(pid) for role, pid in pids.items()}
    cpu = {
        role: (after[role].cpu_s - one.cpu_s) * 100 / (after[role].at_s - one.at_s)
        for role, one in before.items()
    }
    (trial.site.porch / "scene.txt").write_text("porch.png")
    return IdleWork(still, moving, cpu)


def _rate(trial: Trial, meanwhile: Callable[[], None]) -> float:
    before, began_s = trial.status().model_passes, time.monotonic()
    meanwhile()
    after, ended_s = trial.status().model_passes, time.monotonic()
    return (after - before) / (ended_s - began_s)


def _wander(trial: Trial, pictures: list[str], seconds: float) -> None:
    end_s = time.monotonic() + seconds
    for picture in itertools.cycle(pictures):
        if time.monotonic() >= end_s:
            return
        (trial.site.porch / "scene.txt").write_text(picture)
        time.sleep(STEP_S)


def draw_passing(porch: Path) -> list[str]:
    """Draw something dark at several places before the porch; returns the pictures."""
    # Only measurements draw.
    from PIL import Image, ImageDraw  # noqa: PLC0415 - see above

    names = []
    for place in range(PLACES):
        picture = Image.open(porch / "porch.png").convert("RGB")
        draw = ImageDraw.Draw(picture)
        width, height = picture.size
        left = width * (1 + 2 * place) // (2 * PLACES + 2)
        draw.ellipse(
            (left, height // 4, left + width // 8, height * 3 // 4), fill=(40, 60, 30)
        )
        names.append(f"passing-{place}.png")
        picture.save(porch / names[-1])
    return names
