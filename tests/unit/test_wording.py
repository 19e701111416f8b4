"""What the phone says, in every language."""

from __future__ import annotations

import itertools
import unicodedata
from dataclasses import fields
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbell.core.decision import Decision
from doorbell.core.phrases import PHRASES, Language, Phrases
from doorbell.core.reasons import Reason
from doorbell.core.visitor import Visitor
from doorbell.core.wording import (
    LONGEST_NAME,
    LONGEST_TITLE,
    MOST_DIGEST_LINES,
    Kind,
    LikenessScale,
    Occasion,
    Words,
    clean_name,
    in_words,
)

AT = datetime(2026, 11, 3, 14, 2, tzinfo=ZoneInfo("Europe/Amsterdam"))
ANNA = Visitor(Decision.KNOWN, "Anna")
BORIS = Visitor(Decision.KNOWN, "Boris")
PERHAPS_ANNA = Visitor(Decision.UNSURE, "Anna")
STRANGER = Visitor(Decision.UNKNOWN)
LANGUAGES: tuple[Language, ...] = ("en", "de", "nl", "fr")
SCALE = LikenessScale(unsure_at=0.4, known_at=0.5)


def visit(  # noqa: PLR0913 - each fact of an occasion has a default here
    *visitors: Visitor,
    kind: Kind = "visit",
    at: datetime | None = AT,
    late: bool = False,
    rings: int = 1,
    reason: str = "",
    decision: Decision | None = Decision.KNOWN,
) -> Occasion:
    return Occasion(
        kind=kind,
        at=at,
        late=late,
        decision=decision,
        visitors=visitors,
        rings=rings,
        reason=reason,
        scale=SCALE,
    )


def said(occasion: Occasion, language: Language = "en") -> Words:
    return in_words(occasion, language, AT)


@pytest.mark.parametrize(
    ("visitors", "title"),
    [
        ((), "Someone rang"),
        ((ANNA,), "Anna is at the door"),
        ((PERHAPS_ANNA,), "Perhaps Anna is at the door"),
        ((STRANGER,), "An unknown person is at the door"),
        ((STRANGER, STRANGER), "2 unknown people are at the door"),
        ((ANNA, BORIS), "Anna and Boris are at the door"),
        ((ANNA, STRANGER), "An unknown person with Anna is at the door"),
        (
            (STRANGER, STRANGER, ANNA),
            "2 unknown people with Anna are at the door",
        ),
    ],
)
def test_the_title_says_who(visitors: tuple[Visitor, ...], title: str) -> None:
    assert said(visit(*visitors)).title == title


@pytest.mark.parametrize(
    ("language", "title"),
    [
        ("en", "Someone rang at 14:02"),
        ("de", "Jemand hat um 14:02 geklingelt"),
        ("nl", "Iemand heeft om 14:02 aangebeld"),
        ("fr", "Quelqu'un a sonné à 14:02"),
    ],
)
def test_a_late_ring_says_its_time_in_the_sentence(
    language: Language, title: str
) -> None:
    assert said(visit(kind="ring", late=True), language).title == title


def test_a_late_ring_of_another_day_says_the_day() -> None:
    yesterday = visit(ANNA, late=True, at=AT - timedelta(days=1))
    assert said(yesterday).title == "Anna rang on 2026-11-02 at 14:02"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_time_nobody_knows_is_said_to_be_unknown(language: Language) -> None:
    words = said(visit(ANNA, late=True, at=None), language)
    assert not any(char.isdigit() for char in words.title + words.body)
    assert words.title != said(visit(ANNA, at=None), language).title


def test_nobody_is_told_as_such() -> None:
    words = said(visit(decision=Decision.NOBODY))
    assert words.title == "Someone rang"
    assert "Nobody can be seen" in words.body


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_is_told_in_plain_words(reason: Reason) -> None:
    for language in LANGUAGES:
        body = said(visit(decision=None, reason=reason), language).body
        assert PHRASES[language].reasons[reason] in body


def test_an_unlisted_reason_does_not_reach_the_phone() -> None:
    words = said(visit(decision=None, reason="open /secret/path: errno 5"))
    assert "secret" not in words.title + words.body
    assert "Recognition gave no answer." in words.body


def test_a_ring_explains_nothing_yet() -> None:
    assert said(visit(kind="ring", decision=None)).body == "At 14:02."


def test_several_presses_are_counted() -> None:
    assert "Rang 3 times." in said(visit(ANNA, rings=3)).body
    assert "times" not in said(visit(ANNA)).body


@pytest.mark.parametrize(
    ("visitor", "likeness"),
    [
        (Visitor(Decision.KNOWN, "Anna", 0.6), "strong"),
        (Visitor(Decision.KNOWN, "Anna", 0.59), "fair"),
        (Visitor(Decision.KNOWN, "Anna"), "fair"),
        (Visitor(Decision.UNSURE, "Anna", 0.99), "weak"),
    ],
)
def test_likeness_is_a_word(visitor: Visitor, likeness: str) -> None:
    assert f"Anna: a {likeness} likeness." in said(visit(visitor)).body


def test_own_words_replace_the_title_of_a_single_visitor() -> None:
    worded = Visitor(Decision.KNOWN, "Anna", wording="{name} is home at {time}!")
    assert said(visit(worded)).title == "Anna is home at 14:02!"
    unsure = Visitor(Decision.UNSURE, "Anna", wording="{name} is home")
    assert said(visit(unsure)).title == "Perhaps Anna is home"


def test_own_words_never_hide_a_stranger() -> None:
    worded = Visitor(Decision.KNOWN, "Anna", wording="All is well, {name}")
    words = said(visit(worded, STRANGER))
    assert words.title.startswith("An unknown person with Anna")
    assert "All is well, Anna" in words.body


def test_own_words_never_hide_a_second_visitor() -> None:
    worded = Visitor(Decision.KNOWN, "Anna", wording="Anna is home")
    words = said(visit(worded, BORIS))
    assert words.title == "Anna and Boris are at the door"
    assert words.body.startswith("Anna is home\n")


def test_a_long_name_is_cut_visibly() -> None:
    assert clean_name("x" * 300) == "x" * (LONGEST_NAME - 1) + "…"
    assert clean_name("x" * LONGEST_NAME) == "x" * LONGEST_NAME


def test_own_words_say_an_unknown_time_is_unknown() -> None:
    worded = Visitor(Decision.KNOWN, "Anna", wording="{name} at {time}")
    assert said(visit(worded, at=None)).title == "Anna at time unknown"


@pytest.mark.parametrize(
    "name", ["{time}", "{who}", "{name.__class__}", "{0}", "%s", "{{time}}"]
)
def test_a_name_is_never_a_template(name: str) -> None:
    worded = Visitor(Decision.KNOWN, name, wording="Hello {name}")
    assert said(visit(worded)).title == f"Hello {name}"
    assert said(visit(Visitor(Decision.KNOWN, name))).title.startswith(name)


def test_an_unknown_field_in_own_words_stays_as_it_is() -> None:
    worded = Visitor(Decision.KNOWN, "Anna", wording="{name} {secret}")
    assert said(visit(worded)).title == "Anna {secret}"


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("An\nna", "An na"),
        ("An\x1b[31mna", "An [31mna"),
        ("\u202eannA", "annA"),
        ("  Anna\u2028  Lee ", "Anna Lee"),
        ("क्\u200dष", "क्\u200dष"),
    ],
)
def test_control_characters_leave_a_name(raw: str, clean: str) -> None:
    assert clean_name(raw) == clean


def test_a_name_of_nothing_visible_is_someone() -> None:
    assert said(visit(Visitor(Decision.KNOWN, "\u202e\x00"))).title == (
        "Someone is at the door"
    )


@given(st.text(max_size=300))
def test_any_name_gives_one_short_printable_line(name: str) -> None:
    """Kills: length unbounded, newline kept, bidi override kept, cut before clean."""
    clean = clean_name(name)
    assert len(clean) <= LONGEST_NAME
    assert not any(
        unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} for char in clean
    )
    assert not set(clean) & set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069")
    title = said(visit(Visitor(Decision.KNOWN, name))).title
    assert "\n" not in title
    assert len(title) <= LONGEST_TITLE


def test_the_digest_has_a_line_a_visit() -> None:
    parts = (
        visit(ANNA, at=AT, rings=3),
        visit(STRANGER, at=AT - timedelta(days=1)),
        visit(at=None, decision=None),
    )
    words = said(Occasion(kind="digest", at=AT, late=True, parts=parts))
    assert words.title == "While you were away: 3 visits"
    assert words.body.split("\n") == [
        "14:02 · Anna · Rang 3 times.",
        "2026-11-02 14:02 · An unknown person",
        "time unknown · Someone",
    ]


def test_a_long_digest_keeps_the_newest_and_counts_the_rest() -> None:
    parts = tuple(visit(Visitor(Decision.KNOWN, f"P{n}")) for n in range(50))
    lines = said(Occasion(kind="digest", at=AT, parts=parts)).body.split("\n")
    assert len(lines) == MOST_DIGEST_LINES + 1
    assert "P49" in lines[-2]
    assert lines[-1] == "… and 30 more"


_FACES = [
    visitors
    for count in range(4)
    for visitors in itertools.combinations_with_replacement(
        (ANNA, PERHAPS_ANNA, STRANGER, BORIS), count
    )
]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_combination_has_words_without_holes(language: Language) -> None:
    kinds: tuple[Kind, ...] = ("ring", "name", "visit", "digest", "test")
    decisions = (*Decision, None)
    reasons = ("", "other", *Reason)
    for kind, faces, late, at, rings in itertools.product(
        kinds, _FACES, (False, True), (AT, AT - timedelta(days=2), None), (1, 2)
    ):
        for decision, reason in itertools.product(decisions, reasons):
            occasion = visit(
                *faces,
                kind=kind,
                late=late,
                at=at,
                rings=rings,
                decision=decision,
                reason=reason,
            )
            if faces and (decision, reason) != (Decision.KNOWN, ""):
                continue
            words = in_words(occasion, language, AT)
            assert words.title
            assert "{" not in words.title + words.body
            if at is not None and late and kind in {"ring", "name", "visit"}:
                assert "14:02" in words.title


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_phrase_keeps_the_fields_of_the_english_one(language: Language) -> None:
    for field in fields(Phrases):
        here = getattr(PHRASES[language], field.name)
        english = getattr(PHRASES["en"], field.name)
        if isinstance(here, dict):
            assert set(here) == set(Reason)
            continue
        assert here
        assert holes(here) == holes(english)


def holes(template: str) -> set[str]:
    return {part.split("}")[0] for part in template.split("{")[1:]}


def test_languages_differ() -> None:
    titles = {said(visit(STRANGER), language).title for language in LANGUAGES}
    assert len(titles) == len(LANGUAGES)


def test_the_test_push_says_that_nobody_rang() -> None:
    assert "Nobody rang" in said(Occasion(kind="test", at=AT)).body
