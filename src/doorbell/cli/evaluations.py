"""What `doorbell evaluate` does, command by command."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from doorbell.cli import context as asking
from doorbell.cli import evaluation_views as views
from doorbell.cli.progress import status_line
from doorbell.cli.views import separation_view
from doorbell.evaluation import bursts, derivation, houses, labelled, pairs, plots
from doorbell.evaluation.conditions import CONDITIONS
from doorbell.evaluation.laboratory import open_laboratory
from doorbell.evaluation.openset import answer, draw_house, gallery_of
from doorbell.evaluation.photographs import (
    Half,
    by_person,
    made_pairs,
    read_pairs,
)
from doorbell.runtime import replies
from doorbell.runtime import requests as r

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from doorbell.cli.context import Context
    from doorbell.cli.parsing import Run
    from doorbell.evaluation.houses import Draws, Figures
    from doorbell.evaluation.laboratory import Laboratory
    from doorbell.evaluation.openset import House, Rows
    from doorbell.evaluation.photographs import Pair
    from doorbell.stages.face_reader import ReadFace

LISTED = "pairs.tsv"
HOUSEHOLDS = (5, 20)
# Visits in each condition: enrolled people's, and strangers'.
CONDITION_VISITS = 150
TELL_EVERY_S = 0.2
VISITS_AT_ONCE = 100


@contextmanager
def _laboratory(context: Context) -> Iterator[Laboratory]:
    with status_line(context.err) as show:
        shown_s = 0.0

        def progress(what: str, done: int, whole: int) -> None:
            nonlocal shown_s
            now_s = time.monotonic()
            if now_s - shown_s >= TELL_EVERY_S or done == whole:
                shown_s = now_s
                show(f"{what}: {done} of {whole}")

        with open_laboratory(
            context.settings, context.args.engine, context.environ, progress
        ) as laboratory:
            yield laboratory


def _report(context: Context, report: dict[str, object], lines: list[str]) -> int:
    if context.wants_json:
        context.say_json(report)
    else:
        for line in lines:
            context.say(line)
    return 0


def evaluate_pairs(context: Context) -> int:
    """Tell pairs apart, by ten folds."""
    args = context.args
    listed = _pairs(args.source, args.photos)
    with _laboratory(context) as laboratory:
        rows = laboratory.rows(
            path for pair in listed for path in (pair.one, pair.other)
        )
        met = pairs.likenesses(listed, rows, laboratory.engine.embedder.likeness)
        found = pairs.measure(listed, met, args.seed)
        engine = laboratory.engine.name
    if args.plot:
        same = np.array([pair.is_same for pair in listed])
        words = plots.Words(
            title=f"{found.pairs} pairs of photographs, engine {engine}",
            genuine="one person",
            impostor="two people",
            false="pairs of two people accepted",
            missed="pairs of one person missed",
        )
        plots.draw([plots.Series(engine, met[same], met[~same])], words, args.plot)
    report = {"engine": engine, **msgspec.to_builtins(found, str_keys=True)}
    return _report(context, report, views.pair_lines(engine, found))


def _pairs(source: Path, photos: Path | None) -> list[Pair]:
    """Return the pairs of a list, of the list beside a folder, or made of a folder."""
    if not source.is_dir():
        return read_pairs(source, photos or source.parent / "lfw")
    beside = source.parent / LISTED
    if beside.is_file():
        return read_pairs(beside, source)
    return made_pairs(by_person(source))


def evaluate_openset(context: Context) -> int:
    """Enrol some and let everybody ring."""
    args = context.args
    photos = by_person(args.source, Half(args.half))
    with _laboratory(context) as laboratory:
        rows = laboratory.people(photos)
        sizes = [
            houses.Size(people, args.enrol, args.draws)
            for people in sorted({*HOUSEHOLDS, args.people})
            if people <= args.people
        ]
        drawn = [_draw(laboratory, rows, size, args.seed) for size in sizes]
        found = [
            houses.figures(draws, size, list(rows), args.seed)
            for draws, size in zip(drawn, sizes, strict=True)
        ]
        conditions: list[houses.ConditionFigures] = []
        if args.conditions == "all":
            conditions = _conditions(laboratory, photos, rows, sizes[-1], args.seed)
        engine, space = laboratory.engine.name, laboratory.engine.embedder.space
    if args.plot:
        _plot_openset(args.plot, engine, drawn, found)
    report = {
        "engine": engine,
        "space": space,
        "half": args.half,
        "photographs": sum(map(len, rows.values())),
        "unread": sum(row is None for found in rows.values() for row in found),
        "galleries": [msgspec.to_builtins(one, str_keys=True) for one in found],
        "conditions": [msgspec.to_builtins(one) for one in conditions],
    }
    return _report(context, report, views.openset_lines(engine, found, conditions))


def _draw(laboratory: Laboratory, rows: Rows, size: houses.Size, seed: int) -> Draws:
    return houses.visit_houses(
        rows,
        size,
        engine=laboratory.engine,
        vision=laboratory.vision,
        seed=seed,
        progress=lambda done, whole: laboratory.progress(
            f"drawing houses of {size.people}", done, whole
        ),
    )


def _plot_openset(
    path: Path, engine: str, drawn: list[Draws], found: list[Figures]
) -> None:
    series = [
        plots.Series(
            f"{one.people} people x {one.photos} photographs",
            np.array(
                [
                    visit.likeness if visit.is_right else -np.inf
                    for visits in draws.own
                    for visit in visits
                ]
            ),
            np.array(
                [visit.likeness for visits in draws.strangers for visit in visits]
            ),
        )
        for draws, one in zip(drawn, found, strict=True)
    ]
    words = plots.Words(
        title=f"Visits to houses of several sizes, engine {engine}",
        genuine="enrolled person, to themselves",
        impostor="stranger, to the nearest person",
        false="strangers named",
        missed="enrolled people's visits missed",
        lines=[(found[-1].known_at, "known"), (found[-1].unsure_at, "unsure")],
    )
    plots.draw(series[::-1], words, path)


def _conditions(
    laboratory: Laboratory,
    photos: dict[str, list[Path]],
    rows: Rows,
    size: houses.Size,
    seed: int,
) -> list[houses.ConditionFigures]:
    """Let visitors of one house come again, each time in another condition."""
    generator = np.random.default_rng([seed, 2])
    house = draw_house(rows, size.people, size.photos, generator)
    gallery = gallery_of(rows, house.enrolled)
    point = houses.point_for(laboratory.engine, gallery.person_ids, laboratory.vision)
    visits = [
        [kind[i] for i in generator.permutation(len(kind))[:CONDITION_VISITS]]
        for kind in (house.own, house.strangers)
    ]
    found = []
    names = ["as it is", *CONDITIONS]
    for done, name in enumerate(names):
        laboratory.progress("changing photographs", done, len(names))
        own, strangers = (
            [
                answer(
                    person,
                    rows[person][index]
                    if name == "as it is"
                    else laboratory.condition(name, photos[person][index]),
                    gallery,
                    laboratory.engine.embedder.likeness,
                    point,
                )
                for person, index in kind
            ]
            for kind in visits
        )
        found.append(houses.in_condition(name, own, strangers))
    return found


def evaluate_burst(context: Context) -> int:
    """Judge made-up visits by all their frames, and by the best alone."""
    args = context.args
    photos = by_person(args.source, Half(args.half))
    size = houses.Size(args.people, args.enrol, args.draws)
    with _laboratory(context) as laboratory:
        rows = laboratory.people(photos)
        visits = Visits(laboratory, photos, args.visits, args.seed)
        generator = np.random.default_rng([args.seed, 4])
        drawn = [
            visits.of(draw_house(rows, size.people, size.photos, generator), rows)
            for _ in range(size.draws)
        ]
        engine = laboratory.engine.name
    numbers = {name: number for number, name in enumerate(rows)}
    found = bursts.figures(drawn, numbers, args.seed)
    if args.plot:
        _plot_bursts(args.plot, engine, drawn)
    report = {"engine": engine, "half": args.half, **msgspec.to_builtins(found)}
    return _report(context, report, views.burst_lines(engine, found))


class Visits:
    """Bursts made of the same photographs for every house, read once."""

    def __init__(
        self,
        laboratory: Laboratory,
        photos: dict[str, list[Path]],
        at_most: int,
        seed: int,
    ) -> None:
        self._laboratory = laboratory
        self._photos = photos
        self._at_most = at_most
        self._seed = seed
        everything = [(name, i) for name in photos for i in range(len(photos[name]))]
        # A fixed order, so that each house draws from the same few photographs.
        order = np.random.default_rng([seed, 5]).permutation(len(everything))
        self._rank = {everything[at]: rank for rank, at in enumerate(order)}

    def of(self, house: House, rows: Rows) -> bursts.HouseVisits:
        """Return the visits to a house."""
        gallery = gallery_of(rows, house.enrolled)
        engine, reader = self._laboratory.engine, self._laboratory.reader
        point = houses.point_for(engine, gallery.person_ids, self._laboratory.vision)
        return bursts.HouseVisits(
            *(
                [
                    bursts.visit(
                        name,
                        self._frames(name, index, number, len(chosen)),
                        gallery,
                        bursts.Judge(engine.embedder.likeness, point, reader.embed),
                    )
                    for number, (name, index) in enumerate(chosen, 1)
                ]
                for chosen in map(self._some, (house.own, self._all_of(house)))
            )
        )

    def _all_of(self, house: House) -> list[tuple[str, int]]:
        """Return every photograph of every stranger: of each, one will be taken."""
        strangers = {name for name, _ in house.strangers}
        return [photo for photo in self._rank if photo[0] in strangers]

    def _some(self, visits: list[tuple[str, int]]) -> list[tuple[str, int]]:
        return sorted(visits, key=self._rank.__getitem__)[: self._at_most]

    def _frames(
        self, name: str, index: int, number: int, whole: int
    ) -> list[ReadFace | None]:
        self._laboratory.progress("reading bursts", number, whole)
        return self._laboratory.burst(self._photos[name][index], self._seed)


def _plot_bursts(path: Path, engine: str, drawn: list[bursts.HouseVisits]) -> None:
    series = [
        plots.Series(
            label,
            np.array(
                [
                    found.likeness if found.is_right else -np.inf
                    for house in drawn
                    for found in (getattr(one, way) for one in house.own)
                ]
            ),
            np.array(
                [getattr(one, way).likeness for h in drawn for one in h.strangers]
            ),
        )
        for way, label in (("combined", "all frames"), ("single", "best frame alone"))
    ]
    words = plots.Words(
        title=f"Visits of 2 to 8 poor frames, engine {engine}",
        genuine="enrolled person, to themselves",
        impostor="stranger, to the nearest person",
        false="strangers named",
        missed="enrolled people's visits missed",
    )
    plots.draw(series, words, path)


def evaluate_gallery(context: Context) -> int:
    """Judge the owner's own people and labelled visits, through the hub."""
    with context.hub("vision") as hub:
        judged, fds = asking.answer(hub, r.JudgePeople(), replies.PeopleJudged)
        asking.close_all(fds)
        found = labelled.judge(_visits(hub))
    report = {
        "engine": judged.engine,
        "people": judged.people,
        "known_at": judged.known_at,
        "unsure_at": judged.unsure_at,
        "separation": separation_view(judged.separation),
        "visits": msgspec.to_builtins(found),
    }
    return _report(context, report, views.gallery_lines(judged, found))


def _visits(hub: asking.Hub) -> Iterator[replies.VisitView]:
    """Yield every visit, newest first."""
    before: str | None = None
    while True:
        request = r.ListVisits(limit=VISITS_AT_ONCE, before=before)
        page, fds = asking.answer(hub, request, replies.Visits)
        asking.close_all(fds)
        if not page.views or page.views[-1].id == before:
            return
        yield from page.views
        before = page.views[-1].id


def evaluate_calibration(context: Context) -> int:
    """Derive on one half of the people, report on the other."""
    args = context.args
    with _laboratory(context) as laboratory:
        rows = {
            half: laboratory.people(by_person(args.source, half))
            for half in (Half.DERIVED, Half.REPORTED)
        }
        engine = laboratory.engine
        likeness, margin = engine.embedder.likeness, engine.point.min_margin
        found = derivation.derive(
            rows[Half.DERIVED],
            likeness,
            margin,
            args.seed,
            lambda done, whole: laboratory.progress("deriving", done, whole),
        )
        checks = derivation.check(
            found.calibration, rows[Half.REPORTED], likeness, margin, args.seed
        )
    report = {
        "engine": engine.name,
        "space": engine.embedder.space,
        **msgspec.to_builtins(found),
        "reported": [msgspec.to_builtins(one) for one in checks],
    }
    return _report(context, report, views.calibration_lines(engine.name, found, checks))


COMMANDS: dict[str, Run] = {
    "pairs": evaluate_pairs,
    "openset": evaluate_openset,
    "burst": evaluate_burst,
    "gallery": evaluate_gallery,
    "calibrate": evaluate_calibration,
}
