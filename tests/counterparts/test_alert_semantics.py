"""The device and Prometheus give the same alerts for the same series."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from promtool import Case, Sample, disagreement

from monitoring.alerts.evaluator import AlertEvaluator
from monitoring.alerts.expressions import (
    Both,
    Expression,
    Grown,
    Latest,
    Over,
    Share,
    Total,
    Where,
)
from monitoring.alerts.history import Reading
from monitoring.alerts.rule import Group, Rule

pytestmark = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (prometheus)"
)

EVERY_S = 15.0
STEPS = 60
ROOMS = ("a", "b")


def _rule(name: str, when: Expression, for_s: float = 0.0, keep_s: float = 0.0) -> Rule:
    return Rule(name, "warning", when, for_s, "It is so", "Mend it.", keep_s)


GAUGE, COUNTER = Latest("heat"), "turns_total"
RULES = [
    _rule("Above", Where(GAUGE, ">", 50), for_s=60),
    _rule("Kept", Where(GAUGE, ">=", 50), for_s=30, keep_s=60),
    _rule("Grew", Where(Over("increase", COUNTER, 120), ">", 30)),
    _rule(
        "GrewInAll", Where(Total(Over("increase", COUNTER, 300)), ">", 100), for_s=15
    ),
    _rule("Shrank", Where(Over("max_over_time", "heat", 300), ">", Latest("heat"))),
    _rule("Will", Where(Over("predict_linear", "heat", 300, ahead_s=600), ">", 100)),
    _rule(
        "Much",
        Both(
            (
                Where(
                    Share(
                        Total(Over("increase", COUNTER, 300, {"room": "a"})),
                        Total(Over("increase", COUNTER, 300)),
                    ),
                    ">",
                    0.5,
                ),
                Where(Total(Over("increase", COUNTER, 300)), ">=", 3),
            )
        ),
    ),
    _rule("New", Where(Grown(COUNTER, 120), ">", 40)),
    _rule("ByRoom", Where(Total(Over("increase", COUNTER, 60), by="room"), ">", 20)),
]

# Longer than an instant selector looks back.
SILENCE = 22
gaps = st.sampled_from([False] * 9 + [True])
silences = st.one_of(st.none(), st.integers(0, STEPS))


def _silenced(samples: list[Sample], since: int | None) -> list[Sample]:
    if since is None:
        return samples
    return [
        None if since <= n < since + SILENCE else one for n, one in enumerate(samples)
    ]


@st.composite
def heats(draw: st.DrawFn) -> list[Sample]:
    """A gauge that is sometimes not read, or not for a while."""
    seen = st.lists(st.integers(0, 100), min_size=STEPS, max_size=STEPS)
    samples = [None if draw(gaps) else float(value) for value in draw(seen)]
    return _silenced(samples, draw(silences))


@st.composite
def counters(draw: st.DrawFn) -> list[Sample]:
    """A counter that grows in steps, is sometimes not read, and starts anew."""
    total, samples = draw(st.integers(0, 200)), []
    for _ in range(STEPS):
        total = 0 if draw(st.integers(0, 19)) == 7 else total + draw(st.integers(0, 12))
        samples.append(None if draw(gaps) else float(total))
    return _silenced(samples, draw(silences))


def _key(name: str, room: str) -> str:
    return f'{name}{{room="{room}"}}'


def _alerts_here(series: dict[str, list[Sample]]) -> Case:
    evaluator = AlertEvaluator(Group("all", EVERY_S, tuple(RULES)))
    fires: dict[tuple[str, float], list[dict[str, str]]] = {}
    for step in range(STEPS):
        readings = [
            Reading(name, frozenset({("room", room)}), value)
            for name in ("heat", COUNTER)
            for room in ROOMS
            if (value := series[_key(name, room)][step]) is not None
        ]
        evaluator.step(step * EVERY_S, readings)
        for rule, labels in evaluator.firing():
            fires.setdefault((rule.name, step * EVERY_S), []).append(dict(labels))
    return Case(series, EVERY_S, [n * EVERY_S for n in range(STEPS)], fires)


@given(
    heat=st.tuples(heats(), heats()),
    turns=st.tuples(counters(), counters()),
)
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    # promtool names the rule and the time; a smaller example costs minutes.
    phases=[Phase.generate],
)
@pytest.mark.timeout(120)
def test_the_device_and_prometheus_alert_alike(
    heat: tuple[list[Sample], ...], turns: tuple[list[Sample], ...]
) -> None:
    """Kills: `for` counted in steps, no extrapolation, windows open on the left."""
    series = {_key("heat", room): heat[n] for n, room in enumerate(ROOMS)}
    series |= {_key(COUNTER, room): turns[n] for n, room in enumerate(ROOMS)}
    case = _alerts_here(series)
    with tempfile.TemporaryDirectory() as folder:
        said = disagreement(Path(folder), [(RULES, case)])
    # Not `assert`: pytest's comparison would drown what promtool says.
    if said:
        pytest.fail(said)
