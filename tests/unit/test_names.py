"""Which names people may have, and when two are one."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbell.core.errors import BadInputError
from doorbell.core.names import clean_consent, clean_name, name_key


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("Anna", "Anna"),
        ("  Anna   Berg ", "Anna Berg"),
        ("Zoe\u0308", "Zoë"),
        ("O'Neill-Šárka 3rd", "O'Neill-Šárka 3rd"),
        ("王小明", "王小明"),
        ("नि\u200cशा", "नि\u200cशा"),
        ("Anna\u00a0Berg\u3000Li", "Anna Berg Li"),
        ("x" * 80, "x" * 80),
    ],
)
def test_names_of_people_are_kept(raw: str, name: str) -> None:
    assert clean_name(raw) == name


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "   ",
        "\u200d",
        "x" * 81,
        "x" * 1_000_000,
        "An\nna",
        "An\tna",
        "An\x00na",
        "An\x1b[31mna",
        "An\u202ena",
        "An\u2066na",
        "An\u200fna",
        "An\u2028na",
        "An\ud800na",
        "An\ue000na",
        "\ufeffAnna",
        "*unknown*",
    ],
)
def test_what_is_no_name_is_refused(raw: str) -> None:
    with pytest.raises(BadInputError) as refused:
        clean_name(raw)
    assert refused.value.exit_code == 65
    assert refused.value.hint


def test_consent_may_be_longer_than_a_name() -> None:
    assert clean_consent("c" * 200)
    with pytest.raises(BadInputError, match="consent"):
        clean_consent("c" * 201)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Anna", "ANNA"), ("Zoë", "ZOE\u0308"), ("Straße", "STRASSE"), ("a\u200db", "ab")],
)
def test_names_that_look_the_same_are_one(one: str, other: str) -> None:
    assert name_key(clean_name(one)) == name_key(clean_name(other))


@given(st.text(max_size=100))
def test_cleaning_is_final_and_printable(raw: str) -> None:
    """Kills the mutants: no NFC; the length looked at before trimming only."""
    try:
        name = clean_name(raw)
    except BadInputError:
        return
    assert clean_name(name) == name
    assert 1 <= len(name) <= 80
    assert unicodedata.is_normalized("NFC", name)
    assert name == name.strip()
    assert all(char.isprintable() or char in "\u200c\u200d" for char in name)
