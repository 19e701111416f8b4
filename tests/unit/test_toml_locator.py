"""The line of a key, among everything TOML allows between keys."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.locator import LineIndex

TEXT = '''\
# [not.a.table]
top = 1

[a]
x = """
[b]
y = 2
"""   # the table above is text
y = [ # list
  "]", '[', # comment with ]
  ["b"], { z = 1 },
]
"quoted key" = 1
dotted.inner = 2

[[items]]
name = "first"
[[items]]
  name = "second"
[items.sub]
k = 1
[[items.deep]]
v = 1
[[items.deep]]
v = 2
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("top",), 2),
        (("a",), 4),
        (("a", "x"), 5),
        (("a", "y"), 9),
        (("a", "quoted key"), 13),
        (("a", "dotted"), 14),
        (("a", "dotted", "inner"), 14),
        (("items",), 16),
        (("items", 0, "name"), 17),
        (("items", 1), 18),
        (("items", 1, "name"), 19),
        (("items", 1, "sub", "k"), 21),
        (("items", 1, "deep", 0, "v"), 23),
        (("items", 1, "deep", 1, "v"), 25),
        (("a", "missing"), 4),
        (("a", "y", 2, "z"), 9),
        (("nowhere",), None),
        ((), None),
    ],
)
def test_a_key_is_found_on_its_line(
    path: tuple[str | int, ...], line: int | None
) -> None:
    assert LineIndex(TEXT).line_of(path) == line


def test_what_stands_in_a_text_is_no_table() -> None:
    assert LineIndex(TEXT).line_of(("b",)) is None


def test_a_key_set_twice_is_reported_with_both_lines() -> None:
    text = "[a]\nx = 1\ny = 2\nx = 3\n[b]\nx = 1\n"
    assert LineIndex(text).twice == [(("a", "x"), 2, 4)]


def test_the_same_key_in_two_elements_is_not_set_twice() -> None:
    assert LineIndex("[[a]]\nx = 1\n[[a]]\nx = 1\n").twice == []


values = st.one_of(
    st.integers(0, 9).map(str),
    st.text("ab[]{}=#'\n", max_size=8).map(json.dumps),
    st.text('ab[]{}="#', max_size=8).map(lambda text: f"'{text}'"),
    st.text("ab[]\n=#'", max_size=8).map(lambda text: f'"""{text}"""'),
    st.lists(st.integers(0, 9), max_size=3).map(lambda x: str(x).replace(",", ",\n")),
    st.sampled_from(["[\n['k0'],\n]", "[\n  ['t'], # ]\n  ['x'],\n]"]),
)


@given(st.lists(st.tuples(st.integers(0, 2), values), max_size=8))
def test_every_key_is_found_whatever_its_neighbours_hold(
    entries: list[tuple[int, str]],
) -> None:
    """Kills: a bracket, quote or header in a value that is taken for structure."""
    text, expected = "[t]\n", {}
    for number, (gap, value) in enumerate(entries):
        text += "\n" * gap
        expected[f"k{number}"] = text.count("\n") + 1
        text += f"k{number} = {value}\n"
    index = LineIndex(text)
    assert {key: index.line_of(("t", key)) for key in expected} == expected


@given(st.text(max_size=200))
def test_any_text_can_be_indexed(text: str) -> None:
    """Kills: an endless loop or an index error on text that is no TOML."""
    LineIndex(text)
