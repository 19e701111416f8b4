"""How the figures of `doorbell evaluate` are shown: plain tables, percent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doorbell.cli import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from doorbell.evaluation.bursts import BurstFigures, WayFigures
    from doorbell.evaluation.derivation import Check, Derived
    from doorbell.evaluation.houses import ConditionFigures, Figures
    from doorbell.evaluation.labelled import Labelled
    from doorbell.evaluation.metrics import Interval
    from doorbell.evaluation.pairs import PairFigures
    from doorbell.runtime.replies import PeopleJudged


def percent(share: float) -> str:
    """Write a share as percent."""
    return f"{100 * share:.2f} %"


def between(found: Interval) -> str:
    """Write a share and its interval as percent."""
    low, high = 100 * found.low, 100 * found.high
    return f"{100 * found.value:.2f} % ({low:.2f} to {high:.2f})"


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Align columns: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def pair_lines(engine: str, found: PairFigures) -> list[str]:
    """Show what a list of pairs said."""
    rows = [
        ("accuracy, ten folds", between(found.accuracy)),
        ("  of single folds", f"{100 * found.deviation:.2f} % deviation"),
        ("equal error", percent(found.equal_error)),
    ]
    rows += [(f"TAR at FAR {far:g}", percent(tar)) for far, tar in found.tar.items()]
    head = f"{found.pairs} pairs, {found.same} of one person, engine {engine}"
    unread = f"{found.unread} pairs with a photograph without a face"
    return [head, unread, "", *table(rows)]


def openset_lines(
    engine: str, found: Sequence[Figures], conditions: Sequence[ConditionFigures]
) -> list[str]:
    """Show what the houses said; in brackets 95 % intervals over people."""
    names = [f"{one.people} x {one.photos}" for one in found]
    rows = [
        ["people x photographs", *names],
        ["right person nearest", *(between(one.rank1) for one in found)],
    ]
    for fpir in found[0].tpir:
        label = f"TPIR at FPIR {100 * fpir:g} %"
        rows.append([label, *(between(one.tpir[fpir]) for one in found)])
    told = [one.told for one in found]
    rows += [
        ["", *("" for _ in found)],
        ["at the settings in use:", *("" for _ in found)],
        ["known from", *(f"{one.known_at:.3f}" for one in found)],
        ["unsure from", *(f"{one.unsure_at:.3f}" for one in found)],
        ["strangers named", *(between(one.strangers_named) for one in told)],
        ["strangers unsure", *(between(one.strangers_unsure) for one in told)],
        ["own people named", *(between(one.own_named) for one in told)],
        ["own people unsure", *(between(one.own_unsure) for one in told)],
        ["own misnamed", *(between(one.own_misnamed) for one in told)],
    ]
    lines = [f"engine {engine}, {found[0].draws} houses of each size", ""]
    lines += table(rows)
    return [*lines, "", *condition_lines(conditions)] if conditions else lines


def condition_lines(conditions: Sequence[ConditionFigures]) -> list[str]:
    """Show what became of visits in each condition, largest house."""
    rows = [["visits", "read", "named", "unsure", "misnamed", "strangers named"]]
    rows += [
        [
            one.condition,
            percent(one.read),
            percent(one.own_named),
            percent(one.own_unsure),
            percent(one.own_misnamed),
            percent(one.strangers_named),
        ]
        for one in conditions
    ]
    first = conditions[0]
    head = (
        f"conditions made up by code: {first.own_visits} visits of enrolled people, "
        f"{first.stranger_visits} of strangers, one house"
    )
    return [head, *table(rows)]


def burst_lines(engine: str, found: BurstFigures) -> list[str]:
    """Show what visits of several frames said."""
    ways: list[tuple[str, WayFigures]] = [
        ("all frames together", found.combined),
        ("the best frame alone", found.single),
        ("until sure, as the daemon does", found.stopped),
    ]
    rows = [["", "missed at FPIR 1 %", "own people named", "strangers named"]]
    rows += [
        [
            label,
            between(way.missed),
            between(way.own_named),
            between(way.strangers_named),
        ]
        for label, way in ways
    ]
    return [
        (
            f"engine {engine}, {found.own_visits} visits of enrolled people, "
            f"{found.stranger_visits} of strangers"
        ),
        (
            f"{found.frames:.1f} frames a visit, {found.looked_at:.1f} until sure; "
            f"{percent(found.unseen)} of own visits show no face"
        ),
        "",
        *table(rows),
        "",
        (
            f"missed by all frames, against the best alone: "
            f"{between(found.missed_against_single)}"
        ),
    ]


def gallery_lines(judged: PeopleJudged, found: Labelled) -> list[str]:
    """Show how the owner's own people fare."""
    separation = judged.separation
    tried = shown.count(separation.photos, "photograph")
    lines = [
        (
            f"engine {judged.engine}, {judged.people} people: known from "
            f"{judged.known_at:.3f}, unsure from {judged.unsure_at:.3f}"
        ),
        f"{separation.right} of {tried} are named rightly by the others",
    ]
    lines += [f"  this one hurts: {photo}: {why}" for photo, why in separation.worst]
    lines += [
        f"  {shown.plain(pair.name)} and {shown.plain(pair.other)} look alike "
        f"({pair.likeness:.2f})"
        for pair in separation.lookalikes
    ]
    if not found.own + found.strangers:
        return [*lines, "no visit is labelled yet: `doorbell visits label` does it"]
    return [
        *lines,
        (
            f"of {found.own} labelled faces of enrolled people {found.own_named} were "
            f"named, {found.own_unsure} unsure, {found.own_misnamed} misnamed"
        ),
        (
            f"of {found.strangers} labelled strangers {found.strangers_named} were "
            f"named, {found.strangers_unsure} unsure"
        ),
    ]


def calibration_lines(
    engine: str, found: Derived, checks: Sequence[Check]
) -> list[str]:
    """Show the constants to paste, and what they come to for other people."""
    one = found.calibration
    a, b, c = one.curve
    rows = [["people x photographs", "known from", "named", "unsure or named"]]
    rows += [
        [
            f"{check.people} x {check.photos}",
            f"{check.known_at:.4f}",
            f"{percent(check.named)} +- {100 * check.deviation:.2f}",
            percent(check.reached),
        ]
        for check in checks
    ]
    return [
        f'    "{engine}": Calibration(',
        f"        curve=({a:.7g}, {b:.7g}, {c:.7g}),",
        f"        per_person={one.per_person:.4f},",
        f"        per_photo={one.per_photo:.4f},",
        f"        lowest={one.lowest:.4f},",
        f"        highest={one.highest:.4f},",
        "    ),",
        "",
        (
            f"{found.events} events; the curve passes by them by a factor of "
            f"{2.71828**found.error:.2f}; one deviation over people is a factor of "
            f"{2.71828**found.deviation:.2f}"
        ),
        "strangers on people not used to derive it, at 1 % wanted:",
        *table(rows),
    ]
