"""Which edges ring, and the promises that hold for every history of a line."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from doorbell.core.press import FLUTTER_NS, Outcome, PressRules, PressTracker, Verdict

MS = 1_000_000
DEFAULTS = PressRules.from_settings(hold_ms=15, debounce_ms=50, stuck_s=30.0)
LONG_NS = 10_000 * MS

Edge = tuple[bool, int]


def pulses(*on_off_ms: tuple[float, float], start_ms: float = 1000) -> list[Edge]:
    """Return the edges of a line that is on, then off, for so many milliseconds."""
    edges, at_ms = [], start_ms
    for on_ms, off_ms in on_off_ms:
        edges.append((True, int(at_ms * MS)))
        edges.append((False, int((at_ms + on_ms) * MS)))
        at_ms += on_ms + off_ms
    return edges


def play(edges: list[Edge], rules: PressRules = DEFAULTS) -> list[Outcome]:
    """Return all outcomes of a line, the last ones after a long silence."""
    tracker = PressTracker(rules)
    outcomes = [o for pressed, at_ns in edges for o in tracker.edge(pressed, at_ns)]
    return outcomes + tracker.tick(edges[-1][1] + LONG_NS if edges else LONG_NS)


def counted(outcomes: list[Outcome]) -> list[int]:
    return [o.at_ns for o in outcomes if o.verdict is Verdict.COUNTED]


def verdicts(outcomes: list[Outcome]) -> list[Verdict]:
    return [o.verdict for o in outcomes]


def test_first_edge_begins_a_press_at_once() -> None:
    tracker = PressTracker(DEFAULTS)
    assert tracker.edge(pressed=True, at_ns=7) == [Outcome(Verdict.BEGAN, 1, 7)]
    assert tracker.due_ns() == 7 + 15 * MS


def test_press_counts_once_held_and_is_dated_by_its_first_edge() -> None:
    tracker = PressTracker(DEFAULTS)
    tracker.edge(pressed=True, at_ns=7)
    assert tracker.tick(7 + 15 * MS - 1) == []
    assert tracker.tick(7 + 15 * MS) == [Outcome(Verdict.COUNTED, 1, 7)]


def test_spike_is_void_and_does_not_delay_the_press_after_it() -> None:
    edges = pulses((2, 20), (100, 0))
    assert verdicts(play(edges)) == [
        Verdict.BEGAN,
        Verdict.VOID,
        Verdict.BEGAN,
        Verdict.COUNTED,
    ]
    assert counted(play(edges)) == [edges[2][1]]


def test_contacts_that_bounce_at_both_ends_ring_once_from_the_first_edge() -> None:
    edges = pulses((1, 2), (0.5, 1), (90, 2), (1, 3), (2, 0))
    assert verdicts(play(edges)) == [Verdict.BEGAN, Verdict.COUNTED]
    assert counted(play(edges)) == [edges[0][1]]


def test_trembling_thumb_does_not_ring_twice() -> None:
    assert len(counted(play(pulses((300, 14), (300, 5), (300, 0))))) == 1


def test_mains_hum_never_rings_and_never_dates_a_later_press() -> None:
    hum = pulses(*[(10, 10)] * 500)
    press_ns = hum[-1][1] + 10 * MS
    outcomes = play([*hum, (True, press_ns), (False, press_ns + 100 * MS)])
    (at_ns,) = counted(outcomes)
    assert press_ns - at_ns <= FLUTTER_NS


def test_press_of_an_hour_is_one_ring_stuck_once_and_loose_when_released() -> None:
    hour_ns = 3600 * 1000 * MS
    tracker = PressTracker(DEFAULTS)
    outcomes = tracker.edge(pressed=True, at_ns=0)
    for at_s in range(1, 3600):
        outcomes += tracker.tick(at_s * 1000 * MS)
    outcomes += tracker.edge(pressed=False, at_ns=hour_ns)
    outcomes += tracker.tick(hour_ns + LONG_NS)
    assert [(o.verdict, o.held_ns) for o in outcomes] == [
        (Verdict.BEGAN, 0),
        (Verdict.COUNTED, 0),
        (Verdict.STUCK, 30_000 * MS),
        (Verdict.UNSTUCK, hour_ns),
    ]
    assert tracker.due_ns() is None


def test_each_stuck_press_is_reported_and_no_other() -> None:
    stuck = [
        o.press
        for o in play(pulses((40_000, 100), (100, 100), (40_000, 100)))
        if o.verdict in {Verdict.STUCK, Verdict.UNSTUCK}
    ]
    assert stuck == [1, 1, 3, 3]


def test_stuck_is_dated_by_the_limit_however_late_it_is_looked_at() -> None:
    tracker = PressTracker(DEFAULTS)
    tracker.edge(pressed=True, at_ns=0)
    assert tracker.tick(90_000 * MS)[-1].held_ns == 30_000 * MS


def test_flutter_that_goes_on_is_void_before_another_press_begins() -> None:
    outcomes = play(pulses(*[(10, 10)] * 30))
    assert verdicts(outcomes) == [Verdict.BEGAN, Verdict.VOID] * (len(outcomes) // 2)
    assert len(outcomes) == 2 * 3


def test_edges_read_late_are_judged_by_their_own_times() -> None:
    tracker = PressTracker(DEFAULTS)
    late = tracker.edge(pressed=True, at_ns=0) + tracker.edge(
        pressed=False, at_ns=14 * MS
    )
    assert verdicts(late + tracker.tick(LONG_NS)) == [Verdict.BEGAN, Verdict.VOID]


def test_without_hold_a_press_counts_on_its_first_edge() -> None:
    tracker = PressTracker(PressRules.from_settings(0, 50, 30.0))
    assert verdicts(tracker.edge(pressed=True, at_ns=0)) == [
        Verdict.BEGAN,
        Verdict.COUNTED,
    ]
    bounced = tracker.edge(pressed=False, at_ns=MS) + tracker.edge(
        pressed=True, at_ns=3 * MS
    )
    assert bounced == []


@given(st.integers(15, 45))
def test_a_thousand_presses_a_minute_each_count(on_ms: int) -> None:
    """Kills the mutant that ignores a press for beginning within the bounce time."""
    edges = pulses(*[(on_ms, 60 - on_ms)] * 1000)
    assert counted(play(edges)) == [at_ns for pressed, at_ns in edges if pressed]


lengths_ms = st.one_of(st.floats(0.01, 14), st.floats(10, 400)).map(
    lambda ms: round(ms, 2)
)
SOON_STUCK = PressRules.from_settings(hold_ms=15, debounce_ms=50, stuck_s=0.1)
histories = st.lists(st.tuples(lengths_ms, lengths_ms), max_size=40)


def test_bounce_that_ends_within_its_time_is_ignored() -> None:
    assert len(counted(play(pulses((100, 20), (20, 0))))) == 1


@given(st.lists(st.tuples(st.floats(0.01, 14.9), lengths_ms), max_size=40))
def test_nothing_shorter_than_the_hold_ever_rings(
    on_off_ms: list[tuple[float, float]],
) -> None:
    """Kills the mutant that measures the hold from the first edge of a flutter."""
    assert counted(play(pulses(*on_off_ms))) == []


@given(st.lists(st.tuples(st.floats(15, 400), st.floats(66, 400)), max_size=40))
def test_every_slow_press_rings_exactly_once(
    on_off_ms: list[tuple[float, float]],
) -> None:
    """Kills `<` for `<=` at the hold, and a settling time that never ends."""
    edges = pulses(*on_off_ms)
    assert counted(play(edges)) == [at_ns for pressed, at_ns in edges if pressed]


@given(histories)
def test_every_press_that_began_has_one_end_and_a_number_of_its_own(
    on_off_ms: list[tuple[float, float]],
) -> None:
    """Kills the mutant that forgets the void press when a flutter goes on too long."""
    outcomes = play(pulses(*on_off_ms))
    began = [o.press for o in outcomes if o.verdict is Verdict.BEGAN]
    ended = [o.press for o in outcomes if o.verdict in {Verdict.COUNTED, Verdict.VOID}]
    assert began == ended == list(range(1, len(began) + 1))


@given(histories, st.lists(st.integers(0, 20_000 * MS), max_size=60))
def test_looking_more_often_changes_nothing(
    on_off_ms: list[tuple[float, float]], looks_ns: list[int]
) -> None:
    """Kills the mutant that dates what fell due by the time it was looked at."""
    edges = pulses(*on_off_ms)
    tracker, outcomes = PressTracker(SOON_STUCK), []
    steps: list[tuple[int, bool | None]] = [(at_ns, level) for level, at_ns in edges]
    steps += [(at_ns, None) for at_ns in looks_ns]
    for at_ns, level in sorted(steps, key=lambda step: step[0]):
        outcomes += tracker.tick(at_ns) if level is None else tracker.edge(level, at_ns)
    outcomes += (
        tracker.tick(max(at_ns for at_ns, _ in steps) + LONG_NS) if steps else []
    )
    assert outcomes == (play(edges, SOON_STUCK) if edges else [])


@given(histories, st.integers(70, 5000))
def test_first_edge_after_quiet_is_never_delayed(
    on_off_ms: list[tuple[float, float]], quiet_ms: int
) -> None:
    """Kills the mutant that debounces by waiting."""
    edges = pulses(*on_off_ms)
    tracker = PressTracker(DEFAULTS)
    for pressed, at_ns in edges:
        tracker.edge(pressed, at_ns)
    at_ns = (edges[-1][1] if edges else 0) + quiet_ms * MS
    outcomes = tracker.edge(pressed=True, at_ns=at_ns)
    assert (Verdict.BEGAN, at_ns) in [(o.verdict, o.at_ns) for o in outcomes]


def test_an_edge_told_late_keeps_its_date() -> None:
    # Read again after a crash it must begin the same press.
    tracker = PressTracker(DEFAULTS)
    assert tracker.tick(90 * MS) == []
    assert tracker.edge(False, 95 * MS) == []
    (began,) = tracker.edge(True, 80 * MS)
    assert began.at_ns == 80 * MS


def test_a_line_is_at_rest_when_no_edge_can_matter_any_more() -> None:
    tracker = PressTracker(DEFAULTS)
    assert tracker.is_at_rest(0)
    tracker.edge(True, 100 * MS)
    assert not tracker.is_at_rest(100 * MS)
    tracker.tick(200 * MS)
    assert not tracker.is_at_rest(200 * MS)
    tracker.edge(False, 300 * MS)
    tracker.tick(320 * MS)
    # It may bounce until then.
    assert not tracker.is_at_rest(320 * MS)
    assert tracker.is_at_rest(300 * MS + DEFAULTS.debounce_ns)
