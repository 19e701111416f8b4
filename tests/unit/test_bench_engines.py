"""What comparisons of engines and scripted approaches say is what was measured."""

from __future__ import annotations

import json

import pytest

from doorbell.cli import bench_approaches, bench_engine_views
from doorbell.evaluation import approaches, contest
from doorbell.evaluation.figures import Spread
from doorbell.evaluation.idle_work import IdleWork
from doorbell.evaluation.rings import MeasuredRing
from doorbell.evaluation.search_times import SearchTime
from doorbell.evaluation.visitors import PHOTOGRAPHED

GUEST, STRANGER = PHOTOGRAPHED[0], PHOTOGRAPHED[1]
SEARCH = [SearchTime(1000, Spread(3, 0.1, 0.2), Spread(3, 1.0, 2.0))]


def passes(whole_ms: float, networks_ms: float | None) -> list[dict[str, object]]:
    row = dict.fromkeys(contest.STEPS, 1.0) | {"whole": whole_ms}
    if networks_ms is not None:
        row |= {"networks": networks_ms}
    return [{"rows": [row, row], "empty_ms": [2.0], "faces": 2}]


def result(name: str, whole_ms: float, networks_ms: float | None) -> contest.Result:
    memory = {"rss_mib": 150.0, "pss_mib": 100.0}
    found = passes(whole_ms, networks_ms)
    return contest.result(name, {"load_s": 0.5}, memory, found, {1: 50.0, 2: 90.0})


def test_ratio_is_that_of_the_medians_of_whole_frames() -> None:
    oracle = result(contest.ORACLE, 400.0, None)
    ours = result("dlib-onnx", 16.0, 12.8)
    assert contest.times_faster(ours, oracle) == pytest.approx(25.0)
    assert contest.times_faster(ours, None) is None
    assert ours.stage_ratio == pytest.approx(1.25)
    assert oracle.stage_ratio == 0.0


def test_table_is_markdown_and_names_what_is_missing() -> None:
    oracle = result(contest.ORACLE, 400.0, None)
    ours = result("dlib-onnx", 16.0, 12.8)
    missing = contest.Missing("mobilefacenet", "it is not installed. Fetch it")
    text = bench_engine_views.as_text([oracle, ours, missing], SEARCH)
    lines = text.splitlines()
    assert lines[0].count("|") == lines[1].count("|") == lines[3].count("|")
    assert set(lines[1]) <= {"|", "-"}
    assert "25.0x" in lines[3]
    assert "Not measured: mobilefacenet: it is not installed." in text
    found = bench_engine_views.as_json([oracle, ours, missing], SEARCH)
    assert json.loads(json.dumps(found)) == found
    engines = found["engines"]
    assert isinstance(engines, dict)
    assert engines["dlib-onnx"]["times_faster"] == pytest.approx(25.0)


def approach(*, ready: bool, passed: bool = False, lent: bool = False) -> object:
    script = approaches.Script(
        STRANGER if passed else GUEST,
        (("obama2-far.jpg", 0.4), ("obama2-here.jpg", 1.0)),
        passer_by=GUEST.name or "" if passed else "",
    )
    took = {"answer": 5.0, "decision": 20.0}
    ring = MeasuredRing(script.visitor, "known", is_right=True, took_ms=took)
    return approaches.Approach(script, ring, ready, lent)


def test_goal_is_missed_by_one_name_that_was_lent() -> None:
    good = [approach(ready=True)] * 9 + [approach(ready=False)]
    assert approaches.share_ready(good) == pytest.approx(0.9)
    assert bench_approaches.is_reached(good)
    assert not bench_approaches.is_reached([*good[1:], approach(ready=False)])
    passed = approach(ready=False, passed=True)
    assert approaches.share_ready([*good, passed]) == pytest.approx(0.9)
    assert bench_approaches.is_reached([*good, passed])
    lent = approach(ready=True, passed=True, lent=True)
    assert not bench_approaches.is_reached([*good, lent])


@pytest.mark.parametrize(
    ("still", "moving", "spared"),
    [(0.2, 2.0, True), (0.3, 1.0, False), (0.1, 2.1, False)],
)
def test_porch_may_be_looked_at_only_so_often(
    still: float, moving: float, *, spared: bool
) -> None:
    assert IdleWork(still, moving, {}).is_within_goals is spared
