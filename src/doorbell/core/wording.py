"""Put a visit into words for a phone.

Pure: what is said depends on the arguments alone. Names come from people and go to
lock screens, so they are cleaned here and inserted in one pass: a person called
`{time}` is called just that.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from doorbell.core.decision import Decision
from doorbell.core.localtime import clock_text
from doorbell.core.phrases import PHRASES, Language, Phrases
from doorbell.core.reasons import Reason
from doorbell.core.visitor import Visitor, stranger_first

if TYPE_CHECKING:
    from datetime import datetime

LONGEST_NAME = 40
LONGEST_TITLE = 200
# A digest longer than this is a wall; ntfy turns a message above 4096 bytes into an
# attachment.
MOST_DIGEST_LINES = 20

_FIELD = re.compile(r"\{(\w+)\}")
# Joiners are part of names in Persian and Hindi, other format characters reorder text.
_JOINERS = {"\u200c", "\u200d"}

Kind = Literal["ring", "name", "visit", "digest", "test", "alert"]


@dataclass(frozen=True, slots=True)
class LikenessScale:
    """Operating points of the engine that compared the faces, in its units."""

    unsure_at: float
    known_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """What is to be said.

    Attributes:
        at: local time of the ring; None when no clock could tell.
        late: told long after the ring, so that its time belongs in the sentence.
        decision: None before there is one, and when there is none.
        reason: why there is none, as stored; empty when there is nothing to explain.
        scale: to say how alike; None leaves it to the decision.
        parts: the visits of a digest, oldest first.
        text: of an alert.
    """

    kind: Kind
    at: datetime | None
    late: bool = False
    decision: Decision | None = None
    visitors: tuple[Visitor, ...] = ()
    rings: int = 1
    reason: str = ""
    scale: LikenessScale | None = None
    parts: tuple[Occasion, ...] = field(default=())
    text: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """A title of one line and a body of none or more."""

    title: str
    body: str


def in_words(occasion: Occasion, language: Language, now: datetime) -> Words:
    """Say it in `language`; `now` tells whether the date must be said too."""
    phrases = PHRASES[language]
    match occasion.kind:
        case "test":
            return Words(phrases.test_title, phrases.test_body)
        case "alert":
            return Words(phrases.alert_title, occasion.text)
        case "digest":
            return _digest(occasion, phrases, now)
        case "ring" | "name" | "visit":
            return _visit(occasion, phrases, now)


def face_label(visitor: Visitor, language: Language) -> str:
    """Say who a framed face is, in one line."""
    return _sentence(_who([visitor], PHRASES[language]))


def clean_name(name: str) -> str:
    """Make a name safe for one line of plain text, at most `LONGEST_NAME` long."""
    kept = "".join(
        " " if _is_unprintable(char) else char
        for char in unicodedata.normalize("NFC", name)
        if unicodedata.category(char) != "Cf" or char in _JOINERS
    )
    text = " ".join(kept.split())
    return text if len(text) <= LONGEST_NAME else text[: LONGEST_NAME - 1] + "…"


def _is_unprintable(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Cs", "Cn", "Co", "Zl", "Zp"}


def _fill(template: str, **values: str) -> str:
    # One pass: what was inserted is not looked at again. An unknown field stays.
    return _FIELD.sub(lambda hit: values.get(hit[1], hit[0]), template)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _visit(occasion: Occasion, phrases: Phrases, now: datetime) -> Words:
    visitors = stranger_first(occasion.visitors)
    who = _who(visitors, phrases) or phrases.someone
    title = _own_title(visitors, occasion, phrases)
    if title is None:
        title = _sentence(_headline(occasion, visitors, who, phrases, now))
    return Words(title[:LONGEST_TITLE], "\n".join(_body(occasion, visitors, phrases)))


def _headline(
    occasion: Occasion,
    visitors: list[Visitor],
    who: str,
    phrases: Phrases,
    now: datetime,
) -> str:
    many = _is_plural(visitors)
    if occasion.late:
        return _rang_when(occasion.at, who, phrases, now, many=many)
    if not visitors:
        return _fill(phrases.rang, who=who)
    return _fill(phrases.here_many if many else phrases.here_one, who=who)


def _is_plural(visitors: list[Visitor]) -> bool:
    # "An unknown person with Anna" is grammatically one.
    strangers = sum(one.decision is Decision.UNKNOWN for one in visitors)
    return (strangers or len(visitors)) > 1


def _rang_when(
    at: datetime | None, who: str, phrases: Phrases, now: datetime, *, many: bool
) -> str:
    if at is None:
        template = phrases.at_unknown_many if many else phrases.at_unknown_one
        return _fill(template, who=who)
    if at.date() == now.date():
        template = phrases.at_time_many if many else phrases.at_time_one
        return _fill(template, who=who, time=clock_text(at))
    template = phrases.at_date_many if many else phrases.at_date_one
    return _fill(template, who=who, date=at.date().isoformat(), time=clock_text(at))


def _own_title(
    visitors: list[Visitor], occasion: Occasion, phrases: Phrases
) -> str | None:
    if len(visitors) != 1 or not visitors[0].wording:
        return None
    return _own_words(visitors[0], occasion, phrases)


def _own_words(visitor: Visitor, occasion: Occasion, phrases: Phrases) -> str:
    moment = phrases.unknown_moment if occasion.at is None else clock_text(occasion.at)
    name = _who([visitor], phrases)
    return _sentence(_fill(visitor.wording, name=name, time=moment))


def _body(occasion: Occasion, visitors: list[Visitor], phrases: Phrases) -> list[str]:
    lines = []
    if len(visitors) > 1:
        lines += [_own_words(one, occasion, phrases) for one in visitors if one.wording]
    lines += [
        line for one in visitors if (line := _alike(one, occasion.scale, phrases))
    ]
    if occasion.kind != "ring" and not visitors:
        lines += _nothing_seen(occasion, phrases)
    if occasion.rings > 1:
        lines.append(_fill(phrases.rang_times, n=str(occasion.rings)))
    if occasion.at is not None and not occasion.late:
        lines.append(_fill(phrases.time_line, time=clock_text(occasion.at)))
    return lines


def _nothing_seen(occasion: Occasion, phrases: Phrases) -> list[str]:
    if occasion.decision is Decision.NOBODY and not occasion.reason:
        return [phrases.nobody]
    if occasion.reason in set(Reason):
        return [phrases.reasons[Reason(occasion.reason)]]
    return [phrases.no_answer]


def _alike(visitor: Visitor, scale: LikenessScale | None, phrases: Phrases) -> str:
    if visitor.name is None or visitor.decision is Decision.UNKNOWN:
        return ""
    template = _likeness_phrase(visitor, scale, phrases)
    return _fill(template, name=_name(visitor, phrases))


def _likeness_phrase(
    visitor: Visitor, scale: LikenessScale | None, phrases: Phrases
) -> str:
    if visitor.decision is Decision.UNSURE:
        return phrases.likeness_weak
    if scale is None or visitor.likeness is None:
        return phrases.likeness_fair
    # As far above "known" as "known" is above "unsure": no measured border, only a
    # word that does not change with the engine's units.
    strong_at = scale.known_at + max(scale.known_at - scale.unsure_at, 0.0)
    return (
        phrases.likeness_strong
        if visitor.likeness >= strong_at
        else phrases.likeness_fair
    )


def _name(visitor: Visitor, phrases: Phrases) -> str:
    return clean_name(visitor.name or "") or phrases.someone


def _who(visitors: list[Visitor], phrases: Phrases) -> str:
    strangers = [one for one in visitors if one.decision is Decision.UNKNOWN]
    named = [
        _fill(phrases.perhaps, name=_name(one, phrases))
        if one.decision is Decision.UNSURE
        else _name(one, phrases)
        for one in visitors
        if one.decision is not Decision.UNKNOWN
    ]
    others = _enumeration(named, phrases)
    if not strangers:
        return others
    unknown = (
        phrases.unknown_one
        if len(strangers) == 1
        else _fill(phrases.unknown_many, n=str(len(strangers)))
    )
    if not others:
        return unknown
    return _fill(phrases.together, strangers=unknown, others=others)


def _enumeration(names: list[str], phrases: Phrases) -> str:
    if len(names) < 2:  # noqa: PLR2004 - an enumeration begins at two
        return "".join(names)
    return f"{', '.join(names[:-1])} {phrases.and_word} {names[-1]}"


def _digest(occasion: Occasion, phrases: Phrases, now: datetime) -> Words:
    parts = occasion.parts
    title = (
        phrases.digest_title_one
        if len(parts) == 1
        else _fill(phrases.digest_title_many, n=str(len(parts)))
    )
    lines = [_digest_line(part, phrases, now) for part in parts[-MOST_DIGEST_LINES:]]
    left_out = len(parts) - len(lines)
    if left_out:
        lines.append(_fill(phrases.and_more, n=str(left_out)))
    return Words(title, "\n".join(lines))


def _digest_line(part: Occasion, phrases: Phrases, now: datetime) -> str:
    who = _sentence(_who(stranger_first(part.visitors), phrases) or phrases.someone)
    line = f"{_moment(part.at, phrases, now)} · {who}"
    if part.rings > 1:
        line += f" · {_fill(phrases.rang_times, n=str(part.rings))}"
    return line


def _moment(at: datetime | None, phrases: Phrases, now: datetime) -> str:
    if at is None:
        return phrases.unknown_moment
    if at.date() == now.date():
        return clock_text(at)
    return f"{at.date().isoformat()} {clock_text(at)}"
