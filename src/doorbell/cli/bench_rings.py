"""`doorbell bench rings`: from the button to the phone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from doorbell.cli import bench_views as views
from doorbell.cli.bench_scene import NOT_REACHED, add_scene, staged
from doorbell.cli.parsing import add_command
from doorbell.core.errors import UsageError
from doorbell.evaluation import rings
from doorbell.evaluation.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from doorbell.cli.context import Context
    from doorbell.cli.parsing import Subparsers
    from doorbell.evaluation.rings import MeasuredRing

MODES = {
    "anticipated": "as by default: the porch is looked at before anybody rings",
    "warm": "without anticipation",
    "cold": "at the start of the daemon, as soon as it hears the button",
}
# A start takes seconds: one in so many rings is enough.
COLD_SHARE = 5
LEAST_COLD = 4


def add_parser(group: Subparsers) -> None:
    """Declare the command."""
    parser = add_command(
        group,
        "rings",
        run=bench_rings,
        about="time rings from the button to the phone, by stage",
        example="doorbell bench rings --rings 50 --size 1280x720\n"
        "doorbell bench rings --mode all",
        json=True,
    )
    parser.add_argument(
        "--rings", metavar="N", type=int, default=50, help="how many (%(default)s)"
    )
    parser.add_argument(
        "--mode",
        choices=(*MODES, "all"),
        default="anticipated",
        help="; ".join(f"`{mode}`: {about}" for mode, about in MODES.items()),
    )
    add_scene(parser)


def bench_rings(context: Context) -> int:
    """Ring and tell how long it took; 0 only if every decision was right."""
    args = context.args
    if args.rings < 1:
        msg = "at least one ring is needed"
        raise UsageError(msg)
    load = os.getloadavg()[0]
    modes = tuple(MODES) if args.mode == "all" else (args.mode,)
    found = {mode: measured(context, mode, args.rings) for mode in modes}
    if context.wants_json:
        context.say_json(_json(found) | views.machine(load))
    else:
        context.say(_text(context, found, load))
    every = [ring for rung in found.values() for ring in rung]
    return 0 if rings.count_right(every) == len(every) else NOT_REACHED


def measured(context: Context, mode: str, count: int) -> list[MeasuredRing]:
    """Ring a daemon of its own."""
    found: list[MeasuredRing] = []
    anticipate = mode != "warm"
    with staged(context, anticipate=anticipate) as (show, sink, place):

        def note(ring: MeasuredRing) -> None:
            found.append(ring)
            show(f"{mode}: ring {len(found)}: {ring.decision}")

        company = place.company
        with Trial(place.folder, place.site) as trial:
            trial.enrol(company.name, company.photos)
            if mode != "cold":
                _each(rings.measure(trial, sink, company.visitors, count), note)
        if mode == "cold":
            few = max(LEAST_COLD, count // COLD_SHARE)
            needed = frozenset({"button"})
            started = rings.measure_cold(
                lambda: Trial(place.folder, place.site, needed=needed),
                sink,
                company.visitors,
                few,
            )
            _each(started, note)
    return found


def _each(rung: Iterable[MeasuredRing], note: Callable[[MeasuredRing], None]) -> None:
    for ring in rung:
        note(ring)


def _json(found: dict[str, list[MeasuredRing]]) -> dict[str, object]:
    if len(found) == 1:
        [(mode, rung)] = found.items()
        return views.rings_json(rung) | {"mode": mode}
    return {"modes": {mode: views.rings_json(rung) for mode, rung in found.items()}}


def _text(context: Context, found: dict[str, list[MeasuredRing]], load: float) -> str:
    args = context.args
    parts = [
        f"{len(rung)} rings, {MODES[mode]}; engine {args.engine}, camera {args.size}\n"
        f"{views.about(load)}\n\n{views.rings_text(rung)}"
        for mode, rung in found.items()
    ]
    return "\n\n".join(parts)
