"""`doorbell bench approaches`: is the name ready at the press, and the right one?"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from doorbell.cli import bench_views, shown
from doorbell.cli.bench_scene import FAKE, NOT_REACHED, add_scene, staged
from doorbell.cli.parsing import add_command
from doorbell.core.errors import UsageError
from doorbell.evaluation import approaches
from doorbell.evaluation.figures import spread
from doorbell.evaluation.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from doorbell.cli.context import Context
    from doorbell.cli.parsing import Subparsers
    from doorbell.evaluation.approaches import Approach
    from doorbell.evaluation.visitors import Company, Visitor

READY_GOAL = 0.9


def add_parser(group: Subparsers) -> None:
    """Declare the command."""
    parser = add_command(
        group,
        "approaches",
        run=bench_approaches,
        about="see whether the answer is ready at the press, and is nobody else's",
        example="doorbell bench approaches --repeat 3",
        json=True,
    )
    parser.add_argument(
        "--repeat", metavar="N", type=int, default=1, help="each script (%(default)s)"
    )
    add_scene(parser)


def bench_approaches(context: Context) -> int:
    """Play the scripts; 0 only if the goals are met and no name was lent."""
    args = context.args
    if args.engine == FAKE or args.repeat < 1:
        msg = "people who walk up are photographs: choose an engine that knows faces"
        raise UsageError(msg)
    load = os.getloadavg()[0]
    found: list[Approach] = []
    with (
        staged(context) as (show, sink, place),
        Trial(place.folder, place.site) as trial,
    ):
        company = place.company
        trial.enrol(company.name, company.photos)
        people = _people(company, place.site.porch)
        wanted = approaches.scripts(place.site.porch, people) * args.repeat
        for one in approaches.measure(trial, sink, wanted):
            found.append(one)
            show(f"approach {len(found)}/{len(wanted)}: {one.ring.decision}")
    if context.wants_json:
        context.say_json(_json(found) | bench_views.machine(load))
    else:
        context.say(f"{bench_views.about(load)}\n\n{_text(found)}")
    return 0 if is_reached(found) else NOT_REACHED


def _people(company: Company, porch: Path) -> list[tuple[Visitor, NDArray[np.uint8]]]:
    from doorbell.adapters.scene import decode  # noqa: PLC0415 - numpy is no part of other commands

    return [
        (visitor, decode(porch / visitor.picture))
        for visitor in company.visitors
        if visitor.decision != "nobody"
    ]


def is_reached(found: Sequence[Approach]) -> bool:
    """Whether enough answers were ready, and none was somebody else's."""
    is_ready = approaches.share_ready(found) >= READY_GOAL
    return is_ready and not approaches.count_lent(found)


def _text(found: Sequence[Approach]) -> str:
    rows = [
        (
            one.script.visitor.who,
            f"{_standing_s(one):.1f}",
            "an enrolled person" if one.script.passer_by else "-",
            one.ring.decision,
            "yes" if one.ready else "no",
            f"{one.ring.took_ms.get('answer', float('nan')):.0f}",
            f"{one.ring.took_ms.get('decision', float('nan')):.0f}",
        )
        for one in found
    ]
    heads = ("WHO", "S THERE", "PASSED BY", "SAID", "READY", "ANSWER MS", "DECISION MS")
    return f"{shown.table(heads, rows)}\n\n{_sum(found)}"


def _standing_s(one: Approach) -> float:
    """Return how long the visitor was to be seen before the press."""
    own = one.script.visitor.picture.partition(".")[0]
    return sum(s for picture, s in one.script.scenes if picture.startswith(own))


def _sum(found: Sequence[Approach]) -> str:
    plain = [one for one in found if not one.script.passer_by]
    passed = [one for one in found if one.script.passer_by]
    ready = sum(one.ready for one in plain)
    lines = [
        f"ready at the press: {ready} of {len(plain)} (goal {READY_GOAL:.0%})",
        f"passers-by's names told: {approaches.count_lent(found)} of {len(passed)}",
    ]
    for kind, what in (
        ("answer", "press to answer"),
        ("decision", "press to decision"),
    ):
        took = spread([one.ring.took_ms[kind] for one in plain if one.ready])
        if took:
            lines.append(
                f"{what}, where ready: median {took.median:.0f} ms, 95th percentile "
                f"{took.p95:.0f} ms"
            )
    return "\n".join(lines)


def _json(found: Sequence[Approach]) -> dict[str, object]:
    return {
        "approaches": [
            {
                "who": one.script.visitor.who,
                "visible_s": round(_standing_s(one), 2),
                "passer_by": bool(one.script.passer_by),
                "decision": one.ring.decision,
                "right": one.ring.is_right,
                "ready": one.ready,
                "lent": one.lent,
                "stages_ms": one.ring.took_ms,
            }
            for one in found
        ],
        "ready_share": approaches.share_ready(found),
        "names_lent": approaches.count_lent(found),
        "is_within_goals": is_reached(found),
    }
