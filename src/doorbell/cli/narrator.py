"""Tell a person at a terminal what the doorbell does, visit by visit.

This is a screen, not a log: names appear here and nowhere in the log.
"""

from __future__ import annotations

import sys
import time
from datetime import datetime
from typing import TYPE_CHECKING, TextIO

from doorbell.core.decision import Decision

if TYPE_CHECKING:
    from collections.abc import Mapping

    from doorbell.core.decision import FaceVerdict
    from doorbell.runtime.open_visit import OpenVisit


class Narrator:
    """Prints one line for each thing that happens.

    Attributes:
        names: of the enrolled people, by id; set once the hub knows them.
    """

    def __init__(self, out: TextIO = sys.stdout) -> None:
        self._out = out
        self.names: Mapping[str, str] = {}

    def say(self, text: str) -> None:
        """Print a line with the time of day."""
        now = datetime.now().astimezone()
        print(f"{now:%H:%M:%S}  {text}", file=self._out, flush=True)

    def watch(self, what: str, visit: OpenVisit, target: str) -> None:
        """Hear of what happened; see `Hub`."""
        if visit.ring is None:
            return
        text = self._line(what, visit, target)
        if text:
            self.say(f"{visit.ring.id[:8]}  {text}")

    def _line(self, what: str, visit: OpenVisit, target: str) -> str:
        match what:
            case "ring":
                source = visit.ring.source if visit.ring else "?"
                durable = "" if visit.ring and visit.ring.durable else ", not on disk"
                return f"ring ({source}{durable})"
            case "joined":
                return f"rang again ({visit.rings} times)"
            case "captured":
                return f"picture taken{_since(visit, 'captured')}"
            case "told":
                return (
                    f"no answer yet: told that someone rang{_since(visit, 'deadline')}"
                )
            case "decided":
                return f"{self.who(visit)}{_since(visit, 'decided')}"
            case "degraded":
                return f"no name: {visit.course.reason}"
            case "pushed":
                return f"{target}: {visit.told.get(target, '')}{_by_now(visit)}"
            case _:
                return ""

    def who(self, visit: OpenVisit) -> str:
        """The decision in words."""
        if not visit.faces:
            return "nobody to be seen"
        return " and ".join(self._one(verdict) for verdict in visit.faces)

    def _one(self, verdict: FaceVerdict) -> str:
        name = self.names.get(verdict.person_id or "", "somebody")
        likeness = (
            "" if verdict.likeness is None else f" (likeness {verdict.likeness:.2f})"
        )
        match verdict.decision:
            case Decision.KNOWN:
                return f"{name}{likeness}"
            case Decision.UNSURE:
                return f"perhaps {name}{likeness}"
            case _:
                return f"an unknown person{likeness}"


def _by_now(visit: OpenVisit) -> str:
    # A step keeps the time of the first push only; the name comes in a second one.
    if "edge" not in visit.steps or visit.late:
        return ""
    took_ms = (time.monotonic_ns() - visit.steps["edge"]) / 1e6
    return f"  [{took_ms:.0f} ms after the press]"


def _since(visit: OpenVisit, step: str) -> str:
    if step not in visit.steps or "edge" not in visit.steps:
        return ""
    took_ms = (visit.steps[step] - visit.steps["edge"]) / 1e6
    return f"  [{took_ms:.0f} ms after the press]"
